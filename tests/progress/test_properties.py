"""What holds for every episode, whatever happens to it in whatever order."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts.decisions import Refused
from contracts.event import Event
from contracts.progress import LevelOfCareChanged
from contracts.rulebook import rulebook
from contracts.vocabulary import AgeBand, DischargeReason
from services.progress import domain
from services.progress.app import service
from services.progress.domain import Direction, Kind
from services.progress.store import EPISODE
from tests.progress.story import OPTIONAL, OUTPATIENT, PHP, PHQ_DOWN, SOBER, Story, assessed

Action = Callable[[Story], Any]


def day_of(story: Story) -> date:
    day: date = story.state.day(story.now)
    return day


def monday(story: Story, weeks_ago: int) -> date:
    day = day_of(story)
    return day - timedelta(days=day.weekday() + 7 * weeks_ago)


def decide_on(way: Direction, *, approve: bool, agreed: bool) -> Action:
    def act(story: Story) -> Any:
        standing = story.state.recommendation(way)
        if standing is None:
            return None
        if approve:
            return story.approve(standing.id, agreed=agreed)
        return story.do(domain.DeclineRecommendation(standing.id, "not_ready"))

    return act


def resolve(story: Story) -> Any:
    if not story.state.alerts:
        return None
    return story.settle(story.state.alerts[0].id)


def attest(story: Story) -> Any:
    return story.attest(0) if story.state.goals else None


def take_in_hand(story: Story) -> Any:
    return story.take_up() if story.state.step_up else None


def taper(story: Story) -> Any:
    story.recommend(Direction.DOWN, Kind.TRANSITION_TAPER, 360)
    return story.approve(story.state.step_down)


ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.integers(1, 20).map(lambda days: lambda s: s.on(day_of(s) + timedelta(days=days))),
    st.sampled_from([0, 90, 180]).map(lambda minutes: lambda s: s.attended(minutes=minutes)),
    st.integers(1, 4).map(lambda n: lambda s: s.missed(day_of(s), n)),
    st.booleans().map(lambda came: lambda s: s.corrected(day_of(s), attended=came, minutes=120)),
    st.tuples(st.integers(1, 3), st.sampled_from([0, 300, 540, 720]), st.booleans()).map(
        lambda w: lambda s: s.week(monday(s, w[0]), w[1], short=w[2])
    ),
    st.tuples(st.integers(1, 9), st.integers(0, 1300)).map(lambda c: lambda s: s.rescheduled(c[1], c[0])),
    st.lists(st.integers(0, 3), min_size=9, max_size=9).map(lambda a: lambda s: s.phq9(*a)),
    st.sampled_from([(SOBER,), (SOBER, PHQ_DOWN), (OPTIONAL,)]).map(lambda g: lambda s: s.plan(*g)),
    st.sampled_from(["lapse", "relapse"]).map(
        lambda c: lambda s: s.do(domain.ReportSubstanceUse("self", day_of(s), c))
    ),
    st.builds(
        lambda w, a, g: decide_on(w, approve=a, agreed=g),
        st.sampled_from(Direction),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda way, kind, minutes, level: (
            lambda s: s.do(domain.RecommendStep(way, kind, minutes, level or s.state.level))
        ),
        st.sampled_from(Direction),
        st.sampled_from(Kind),
        st.integers(0, 1500),
        st.sampled_from([None, OUTPATIENT, PHP]),
    ),
    st.sampled_from([resolve, attest, take_in_hand, taper]),
    st.sampled_from(["add_sessions", "step_up", "individual_session", "restart_early_recovery"]).map(
        lambda what: lambda s: s.respond(what, added_weekly_minutes=60 * (what == "add_sessions"))
    ),
    st.just(lambda s: s.do(domain.RecordMeasure("cows", (4, 4, 3, 2, 0, 0, 0, 0, 0, 0, 0)))),
    st.booleans().map(lambda yes: lambda s: s.do(domain.LogOutreach("voice", reached=yes))),
    st.booleans().map(lambda yes: lambda s: s.do(domain.DecideExtension(yes, "clinical_need"))),
    st.sampled_from(["stable", "relapse", None]).map(
        lambda how: lambda s: s.do(domain.RecordCheckIn(reached=how is not None, status_summary=how))
    ),
    st.sampled_from([None, "moving"]).map(
        lambda why: lambda s: s.do(domain.PlanAftercare(day_of(s), (), True, override_reason=why))
    ),
    st.just(lambda s: s.do(domain.EnrolAlumni(consented=True))),
    st.tuples(st.sampled_from(domain.HoldReason), st.integers(1, 30)).map(
        lambda h: lambda s: s.do(domain.HoldEpisode(h[0], day_of(s) + timedelta(days=h[1])))
    ),
    st.just(lambda s: s.do(domain.ResumeEpisode())),
    st.sampled_from(domain.Depth).map(lambda depth: lambda s: assessed(s, depth)),
    st.tuples(st.integers(1, 90), st.booleans()).map(
        lambda e: (
            lambda s: s.do(domain.RequestExtension(("relapse",), e[0], late=e[1], late_reason="overlooked"))
        )
    ),
    st.integers(0, 70).map(
        lambda days: (
            lambda s: s.do(domain.RecordCertification("dr-1", "MD", day_of(s) - timedelta(days=days)))
        )
    ),
    st.integers(1, 30).map(
        lambda days: lambda s: s.do(domain.MakeCommunityReferral("housing", day_of(s) + timedelta(days=days)))
    ),
    st.just(
        lambda s: s.do(domain.CloseLoop(s.state.outward[0].id, "connected")) if s.state.outward else None
    ),
)
ENDS = st.sampled_from([None, None, *DischargeReason]).map(
    lambda why: lambda s: s.do(leave(why)) if why else None
)


def leave(why: DischargeReason) -> domain.DischargePatient:
    """A discharge that names everything anybody may ask for."""
    return domain.DischargePatient(
        why,
        risks_discussed=True,
        signed=True,
        aftercare_offered=True,
        receiving_program="PHP",
        receiving_accepted=True,
        handoff_basis="emergency",
        written_notice=True,
    )


def live(age: AgeBand, actions: list[Action]) -> Story:
    """Do everything that is not refused; a refusal changes nothing, and the story checks itself."""
    story = Story(age=age).admitted(720)
    story.agreed()
    story.attended()
    for act in actions:
        before = story.state
        try:
            act(story)
        except Refused:
            assert story.state == before
    return story


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(AgeBand), st.lists(ACTIONS, max_size=40), ENDS)
def test_every_way_keeps_its_promises(age: AgeBand, actions: list[Action], end: Action) -> None:
    """One open recommendation a direction, never below the band, facts fold to the state."""
    story = live(age, [*actions, end])

    assert reduce(domain.evolve, story.journal, None) == story.state

    level = story.journal[1].level
    for fact in story.journal:
        level = fact.to_level if isinstance(fact, LevelOfCareChanged) else level
    assert story.state.level == level
    assert rulebook().band(level, age).holds(story.state.weekly_minutes) or story.state.tapering


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_the_journal_reads_back_as_it_was_written(actions: list[Action]) -> None:
    """Private facts and events survive their JSON, so that a journal can be folded again anywhere."""
    story = live(AgeBand.ADULT, actions)
    read = [TypeAdapter(type(f)).validate_json(TypeAdapter(type(f)).dump_json(f)) for f in story.journal]

    assert reduce(domain.evolve, read, None) == story.state
    assert {type(f) for f in story.journal if not isinstance(f, Event)} <= set(EPISODE.facts)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25), st.integers(0, 1300))
def test_what_was_heard_before_says_nothing_again(actions: list[Action], minutes: int) -> None:
    story = live(AgeBand.ADULT, actions)
    version = story.state.schedule_version + 1
    hear: list[Callable[[], list[Any]]] = [
        lambda: story.attended(session="again"),
        lambda: story.week(monday(story, 1), 540),
        lambda: story.rescheduled(minutes, version),
        lambda: story.missed(day_of(story) + timedelta(days=1), 2),
    ]
    for again in hear:
        again()
        state = story.state
        assert again() == []
        assert story.state == state


@pytest.mark.parametrize("what", sorted(service.wakes))
def test_a_wake_out_of_the_blue_says_nothing(what: str) -> None:
    story = live(AgeBand.ADULT, [])

    assert story.woke(f"{what}:nothing") == []


def test_the_table_says_hears_and_takes_what_progress_is_for() -> None:
    said = {kind.__name__ for kind in service.says}

    assert {"EpisodeStarted", "StepDownRecommended", "PatientDischarged"} <= said
    assert {kind.__name__ for kind in service.hears} >= {"PatientAdmitted", "TreatmentWeekClosed"}
    assert all(reaction.aggregate is EPISODE for reaction in service.takes.values())
