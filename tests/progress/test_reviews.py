"""Thinking a recommendation over: the review of a step up, the team, the patient, and what a no means."""

from datetime import date, timedelta

from contracts.intake import AuthorizationRecorded
from contracts.progress import (
    EpisodeStateChanged,
    LevelOfCareChanged,
    PatientAgreementRecorded,
    RecommendationDeclined,
    RecommendationReviewOpened,
    StepDownApproved,
    StepDownRecommended,
    StepUpApproved,
    StepUpRecommended,
    TeamAnswered,
    TeamAsked,
)
from contracts.vocabulary import DischargeReason
from services.progress import domain
from services.progress.domain import Direction, Kind
from tests.progress.story import IOP, OUTPATIENT, PHP, Story, attending, ready, recommended

DOWN, UP = Direction.DOWN, Direction.UP
WORSE = (2, 2, 2, 2, 2, 2, 2, 3, 0)


def wanted(minutes: int = 540) -> Story:
    """A clinician has recommended more minutes."""
    story = attending(minutes)
    story.recommend(UP, Kind.INTENSITY_INCREASE, 900)
    return story


def deteriorated() -> Story:
    story = attending(540)
    story.phq9(*WORSE)
    story.phq9(*WORSE)
    assert story.state.step_up
    return story


def moves(story: Story) -> list[str]:
    return [m.transition for m in story.said(EpisodeStateChanged)]


class TestReview:
    def test_taken_in_hand_the_episode_waits_for_the_answer(self) -> None:
        story = wanted()
        story.take_up()

        opened = story.last(RecommendationReviewOpened)
        assert (opened.recommendation_id, opened.reviewer_id) == (story.state.step_up, "ann")
        assert (story.state.stage, moves(story)[-1]) == ("STEP_UP_PENDING", "T23")
        assert story.state.recommendation(UP).reviewer_id == "ann"

    def test_who_and_what_may_be_taken_in_hand(self) -> None:
        story = wanted()
        open_it = domain.OpenReview(story.state.step_up)
        story.refuses(open_it, "clinical_role", role="scheduler")
        assert story.refuses(domain.OpenReview("nothing")).status == 404
        story.recommend(DOWN, Kind.LEVEL_CHANGE, 180, OUTPATIENT)
        story.refuses(domain.OpenReview(story.state.step_down), "step_up")
        today = story.state.day(story.now)
        story.do(domain.HoldEpisode(domain.HoldReason.FAMILY, today + timedelta(days=3)))
        refused = story.refuses(open_it, "not_held")
        assert refused.facts["failed"][0]["held_from"] == str(today)
        story.do(domain.ResumeEpisode())
        story.do(open_it)
        story.refuses(open_it, "state")
        story.wakes.clear()
        story.now += timedelta(days=14)
        story.refuses(open_it, "state", "not_expired")

    def test_what_is_closed_is_not_taken_in_hand(self) -> None:
        story = wanted()
        open_it = domain.OpenReview(story.state.step_up)
        story.do(domain.DeclineRecommendation(story.state.step_up, "stable"))

        story.refuses(open_it, "open")

    def test_declined_it_is_back_where_it_was(self) -> None:
        story = recommended()
        story.approve(story.state.step_down)
        story.recommend(UP, Kind.INTENSITY_INCREASE, 720)
        story.take_up()
        story.do(domain.DeclineRecommendation(story.state.step_up, "stable"))

        assert (story.state.stage, story.state.stepped_down, moves(story)[-1]) == ("ATTENDING", True, "T24")

    def test_approved_it_goes_on_with_more(self) -> None:
        story = wanted()
        story.take_up()
        story.approve(story.state.step_up)

        assert (story.state.stage, story.state.weekly_minutes, moves(story)[-1]) == ("ATTENDING", 900, "T24")

    def test_nobody_answered_it_is_back_too(self) -> None:
        story = wanted()
        made = story.now
        story.take_up()
        story.up_to(made + timedelta(days=14))

        assert (story.state.stage, story.last(RecommendationDeclined).reason) == ("ATTENDING", "expired")
        assert moves(story)[-1] == "T24"

    def test_who_is_to_be_transferred_waits_for_the_place(self) -> None:
        story = attending(720)
        story.recommend(UP, Kind.TRANSFER, 1200, PHP)
        story.take_up()
        story.approve(story.state.step_up)
        assert story.state.stage == "STEP_UP_PENDING"

        story.do(
            domain.DischargePatient(
                DischargeReason.TRANSFERRED_HIGHER_LEVEL,
                receiving_program="php",
                receiving_accepted=True,
                handoff_basis="consent",
            )
        )
        assert moves(story)[-1] == "T25"

    def test_nothing_leads_to_less_meanwhile(self) -> None:
        story = recommended(540)
        story.recommend(UP, Kind.INTENSITY_INCREASE, 720)
        story.take_up()
        withdrawn = story.last(RecommendationDeclined)
        assert (withdrawn.by, withdrawn.reason) == ("system", "step_up_review")
        story.refuses(domain.RecommendStep(DOWN, Kind.LEVEL_CHANGE, 180, OUTPATIENT), "state")
        story.week("2026-02-02", 540, 540)
        assert story.state.step_down is None

        story.do(domain.DeclineRecommendation(story.state.step_up, "stable"))
        assert story.state.step_down is not None

    def test_a_clinicians_own_step_down_cannot_be_approved_meanwhile(self) -> None:
        story = recommended(540)
        story.recommend(DOWN, Kind.LEVEL_CHANGE, 360, OUTPATIENT)
        story.recommend(UP, Kind.INTENSITY_INCREASE, 720)
        story.take_up()

        story.refuses(story.approval(story.state.step_down), "state")

    def test_everything_else_goes_on(self) -> None:
        story = wanted()
        story.take_up()
        story.attended("2026-01-14")
        story.corrected("2026-01-14", attended=True, minutes=100)
        story.rescheduled(600, 2, "patient_request")
        story.week("2026-01-12", 540, 540)
        story.plan()
        story.attest()
        story.phq9(*WORSE)
        story.on("2026-03-30")

        assert story.state.weekly_minutes == 600
        assert story.state.sittings[-1].minutes == 100

    def test_more_time_may_be_asked_for_meanwhile(self) -> None:
        story = attending().on("2026-03-25")
        story.recommend(UP, Kind.INTENSITY_INCREASE, 900)
        story.take_up()

        assert story.on("2026-03-30").state.extension is not None

    def test_something_more_urgent_takes_its_place_and_the_review_goes_on(self) -> None:
        story = wanted()
        story.take_up()
        first = story.state.step_up
        story.do(domain.RecordMeasure("cows", (4, 4, 5, 5, 0, 0, 0, 0, 0, 0, 0)))

        assert story.state.step_up != first
        assert (story.state.stage, story.last(StepUpRecommended).urgency) == ("STEP_UP_PENDING", "urgent")
        story.do(domain.DeclineRecommendation(story.state.step_up, "treated_here"))
        assert story.state.stage == "ATTENDING"


class TestTeam:
    def test_opinions_are_shown_and_decide_nothing(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.do(domain.AskTeam(rid, ("director", "scheduler", "director")))
        assert story.last(TeamAsked).roles == ("director", "scheduler")
        story.do(domain.GiveOpinion(rid, "unsure"), role="director")
        story.do(domain.GiveOpinion(rid, "against"), role="director")

        assert story.last(TeamAnswered).opinion == "against"
        (opinion,) = story.state.recommendation(DOWN).opinions
        assert (opinion.by, opinion.role, opinion.opinion) == ("ann", "director", "against")
        story.approve(rid)
        assert story.last(StepDownApproved).recommendation_id == rid

    def test_asking_again_adds_to_those_who_were_asked(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.do(domain.AskTeam(rid, ("director",)))
        assert story.do(domain.AskTeam(rid, ("director",))) == []
        story.do(domain.AskTeam(rid, ("scheduler",)))

        assert story.state.recommendation(DOWN).asked == ("director", "scheduler")

    def test_what_is_refused(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.refuses(domain.AskTeam(rid, ("director",)), "clinical_role", role="biller")
        story.refuses(domain.AskTeam(rid, ()), "roles")
        story.refuses(domain.GiveOpinion(rid, "for"), "asked")
        assert story.refuses(domain.GiveOpinion(rid, "perhaps")).status == 422
        story.do(domain.AskTeam(rid, ("clinician",)))
        story.do(domain.DeclineRecommendation(rid, "not_ready"))
        story.refuses(domain.AskTeam(rid, ("director",)), "open")
        story.refuses(domain.GiveOpinion(rid, "for"), "open")
        assert story.refuses(domain.AskTeam("nothing", ("director",))).status == 404


class TestAgreement:
    def test_recorded_before_it_need_not_be_said_again(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.refuses(story.approval(rid, agreed=None), "patient_agreed")
        story.do(domain.RecordAgreement(rid, agreed=True))
        assert story.last(PatientAgreementRecorded).agreed
        assert story.do(domain.RecordAgreement(rid, agreed=True)) == []
        story.approve(rid, agreed=None)

        assert story.last(StepDownApproved).patient_agreed

    def test_a_later_word_wins(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.do(domain.RecordAgreement(rid, agreed=True))
        story.do(domain.RecordAgreement(rid, agreed=False))
        story.refuses(story.approval(rid, agreed=None), "patient_agreed")
        story.approve(rid, agreed=True)

    def test_what_is_refused(self) -> None:
        story = recommended()
        rid = story.state.step_down
        record = domain.RecordAgreement(rid, agreed=True)
        story.refuses(record, "clinical_role", role="admissions")
        story.do(domain.DeclineRecommendation(rid, "not_ready"))
        story.refuses(record, "open")


class TestApproval:
    def test_it_names_the_credential_and_the_authorization(self) -> None:
        story = recommended(540)
        rid, today = story.state.step_down, story.state.day(story.now)
        story.do(domain.ApproveRecommendation(rid, today, patient_agreed=True, credential="LCSW"))

        approved = story.last(StepDownApproved)
        assert (approved.approver_id, approved.approver_credential) == ("ann", "LCSW")
        assert approved.authorization_id == "auth-2"

    def test_another_level_asks_for_its_own_authorization_on_its_first_day(self) -> None:
        story = recommended(540)
        rid = story.state.step_down
        story.hear(_answer(story, status="denied"))
        story.refuses(story.approval(rid), "authorization")
        story.hear(_answer(story, status="approved", until=date(2026, 2, 9)))
        story.refuses(story.approval(rid, "2026-02-10"), "authorization")
        story.approve(rid, "2026-02-09")

        assert story.last(LevelOfCareChanged).authorization_required

    def test_the_way_back_up_asks_too(self) -> None:
        story = recommended(540)
        story.approve(story.state.step_down)
        story.hear(_answer(story, id="auth-1", level=IOP, status="denied"))
        story.recommend(UP, Kind.LEVEL_CHANGE, 540, IOP)
        story.refuses(story.approval(story.state.step_up), "authorization")
        story.hear(_answer(story, id="auth-1", level=IOP, status="approved"))
        story.approve(story.state.step_up)

        assert (story.state.stage, story.state.level, story.state.stepped_down) == ("ATTENDING", IOP, False)

    def test_the_same_level_does_not(self) -> None:
        story = recommended()
        story.hear(_answer(story, id="auth-1", level=IOP, status="denied"))
        story.approve(story.state.step_down)

        assert story.last(StepDownApproved).authorization_id is None

    def test_nothing_is_decided_while_treatment_rests(self) -> None:
        story = ready()
        less = domain.RecommendStep(DOWN, Kind.INTENSITY_REDUCTION, 540)
        story.do(less)
        story.do(domain.HoldEpisode(domain.HoldReason.FAMILY, date(2026, 2, 20), date(2026, 2, 5)))
        story.refuses(story.approval(story.state.step_down), "not_held")
        story.refuses(less, "not_held")

        more = domain.RecommendStep(UP, Kind.INTENSITY_INCREASE, 900)
        story.on("2026-02-04", "23:59").do(more)
        story.on("2026-02-05", "00:00").refuses(more, "not_held")
        story.refuses(story.approval(story.state.step_up), "not_held")


class TestANo:
    def test_the_machine_leaves_it_alone_for_two_weeks(self) -> None:
        story = recommended()
        story.do(domain.DeclineRecommendation(story.state.step_down, "not_ready"))
        assert story.last(RecommendationDeclined).declined_on == date(2026, 2, 3)
        story.week("2026-02-02", 720)
        assert story.state.step_down is None
        assert story.on("2026-02-16", "23:59").state.step_down is None

        story.on("2026-02-17", "00:00")
        assert story.state.step_down is not None

    def test_another_step_may_be_spoken_for_at_once(self) -> None:
        story = recommended()
        story.do(domain.DeclineRecommendation(story.state.step_down, "not_ready"))
        story.rescheduled(900, 2, "patient_request")

        assert story.last(StepDownRecommended).to_weekly_minutes == 720

    def test_what_expired_is_made_anew_while_its_criteria_hold(self) -> None:
        story = recommended()
        first, made = story.state.step_down, story.now
        story.up_to(made + timedelta(days=14))

        assert story.state.step_down not in (None, first)

    def test_the_same_results_do_not_speak_again(self) -> None:
        story = deteriorated()
        story.do(domain.DeclineRecommendation(story.state.step_up, "expected"))
        story.on("2026-01-26").phq9(*WORSE)
        assert story.state.step_up is None

        story.on("2026-01-27").phq9(*WORSE)
        assert story.last(StepUpRecommended).trigger == "deterioration"
        assert story.state.step_up is not None

    def test_a_danger_speaks_whatever_was_declined(self) -> None:
        story = deteriorated()
        story.do(domain.DeclineRecommendation(story.state.step_up, "expected"))
        story.do(domain.RecordMeasure("ciwa_ar", (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)))

        assert story.last(StepUpRecommended).trigger == "withdrawal"


def _answer(
    story: Story,
    *,
    id: str = "auth-2",
    level: object = OUTPATIENT,
    status: str,
    until: date = date(2027, 1, 1),
) -> AuthorizationRecorded:
    return AuthorizationRecorded(
        **story.common(),
        authorization_id=id,
        status=status,
        level=level,  # type: ignore[arg-type]
        unit_kind="day",
        units_approved=30,
        valid_from=date(2026, 1, 1),
        valid_to=until,
    )


def test_the_trigger_of_a_clinicians_step_up_is_the_clinician() -> None:
    up = wanted().last(StepUpRecommended)
    assert (up.trigger, up.urgency, up.generated_by) == ("clinician", "routine", "clinician")


def test_another_answer_to_something_urgent_is_urgent() -> None:
    story = attending(540)
    story.do(domain.RecordMeasure("cows", (4, 4, 5, 5, 0, 0, 0, 0, 0, 0, 0)))
    story.recommend(UP, Kind.TRANSFER, 1200, PHP)

    assert story.last(StepUpRecommended).urgency == "urgent"
    assert story.said(StepUpApproved) == []
