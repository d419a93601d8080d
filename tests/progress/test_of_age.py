"""Somebody comes of age during the episode: asked anew for consents, and treated as before."""

from contracts.intake import PatientCameOfAge
from contracts.progress import ReviewTaskClosed, ReviewTaskRaised
from contracts.vocabulary import AgeBand, DischargeReason
from services.progress import domain
from services.progress.app import service
from tests.progress.story import Story, attending, in_aftercare


def grown(story: Story, *kinds: str) -> list[object]:
    return story.hear(PatientCameOfAge(**story.common(), to_renew=kinds))


def test_a_clinician_asks_anew_and_says_what_came_of_it() -> None:
    story = attending(480, age=AgeBand.ADOLESCENT)
    story.on("2026-02-03", "00:00")

    grown(story, "treatment")

    task = story.last(ReviewTaskRaised)
    assert (task.about, task.subject_id) == ("of_age", "pt-1")
    (need,) = [
        n for n in domain.needs(story.state, story.now, story.moment().rules) if n.about == task.task_id
    ]
    assert (need.kind, "of age" in need.why) == ("review_task", True)
    story.do(domain.CloseReviewTask(task.task_id, "signed_anew"))
    assert story.state.tasks[-1].outcome == "signed_anew"


def test_the_band_of_the_admission_stays() -> None:
    story = attending(480, age=AgeBand.ADOLESCENT)
    grown(story, "treatment")

    assert story.state.age_band is AgeBand.ADOLESCENT
    story.do(domain.RecommendStep(domain.Direction.DOWN, domain.Kind.INTENSITY_REDUCTION, 360))


def test_it_is_still_to_be_done_in_aftercare() -> None:
    story = attending()
    grown(story, "treatment")
    in_aftercare(story)

    assert [t.outcome for t in story.state.tasks] == [None]
    story.do(domain.DischargePatient(DischargeReason.MOVED))
    assert story.last(ReviewTaskClosed).outcome == "discharged"


def test_where_nothing_is_to_be_renewed_nobody_has_to_do_anything() -> None:
    story = attending()

    assert grown(story) == []


def test_before_the_admission_and_after_the_end_it_is_none_of_ours() -> None:
    story = attending()
    told = PatientCameOfAge(**story.common(), to_renew=("treatment",))
    assert service.hears[PatientCameOfAge].creates
    assert domain.note_of_age(None, told, story.moment()) == []

    story.do(domain.DischargePatient(DischargeReason.MOVED))
    assert story.hear(told) == []
