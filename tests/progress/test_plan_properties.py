"""What holds of goals, results and the curriculum, whatever is recorded in whatever order."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import Refused
from contracts.progress import MeasureRecorded, SafetyAlertRaised
from contracts.vocabulary import GoalCategory, GroupKind
from services.progress import domain
from services.progress.domain.goals import holds, read
from tests.progress.story import ADMITTED_ON, PHQ_DOWN, SOBER, Story, attending, local

Action = Callable[[Story], Any]
OTHER = GoalCategory.OTHER
BAM = domain.WantedGoal(OTHER, "instrument", "<=", 0, 14, instrument="bam", subscale="use")
GOALS = (
    SOBER,
    PHQ_DOWN,
    BAM,
    domain.WantedGoal(OTHER, "attendance", ">=", 800, 14),
    domain.WantedGoal(OTHER, "count", ">=", 2, 7, instrument="meeting_12step"),
    domain.WantedGoal(OTHER, "count", "<=", 1, 7, instrument="meeting_12step"),
    domain.WantedGoal(OTHER, "count", "==", 2, 14, instrument="relapse_prevention"),
    domain.WantedGoal(OTHER, "count", ">=", 1, 0, instrument="homework"),
)


def day_of(story: Story) -> date:
    day: date = story.state.day(story.now)
    return day


def assign(story: Story) -> Any:
    return story.do(domain.AssignHomework("worksheet", day_of(story)))


def hand_in(story: Story, done: bool) -> Any:
    return (
        story.do(domain.ReturnHomework(story.state.homework[-1].id, done)) if story.state.homework else None
    )


def correct(story: Story, total: int) -> Any:
    kept = story.state.scores("phq9")
    return story.phq9_total(total, supersedes=kept[0].measure_id) if kept else None


ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.integers(1, 9).map(lambda days: lambda s: s.on(day_of(s) + timedelta(days=days))),
    st.tuples(st.sampled_from([0, 180]), st.sampled_from([None, *GroupKind])).map(
        lambda a: lambda s: s.attended(minutes=a[0], kind=a[1])
    ),
    st.booleans().map(lambda came: lambda s: s.corrected(day_of(s), attended=came, minutes=120)),
    st.tuples(st.integers(0, 27), st.integers(0, 40)).map(
        lambda r: lambda s: s.phq9_total(min(r[0], 24), administered_at=s.now - timedelta(days=r[1]))
    ),
    st.integers(0, 24).map(lambda total: lambda s: correct(s, total)),
    st.integers(0, 4).map(lambda use: lambda s: s.bam(use)),
    st.integers(0, 9).map(lambda ago: lambda s: s.meeting(day_of(s) - timedelta(days=ago))),
    st.sampled_from([0, 300, 720]).map(
        lambda minutes: lambda s: s.week(day_of(s) - timedelta(days=day_of(s).weekday() + 7), minutes)
    ),
    st.just(assign),
    st.booleans().map(lambda done: lambda s: hand_in(s, done)),
    st.lists(st.sampled_from(GOALS), min_size=1, unique=True).map(lambda g: lambda s: s.plan(*g)),
    st.lists(st.sampled_from(GOALS), min_size=1, unique=True).map(lambda g: lambda s: s.review(*g)),
    st.lists(st.sampled_from(GOALS), min_size=1, unique=True).map(lambda g: lambda s: s.draft(*g)),
    st.sampled_from(["patient", "clinician"]).map(lambda role: lambda s: s.do(domain.SignPlan(role))),
    st.sampled_from([(0, 0, None, None, None, 0), (1, 0, None, None, None, 2), (1, 1, 1, 1, 0, 1)]).map(
        lambda answers: lambda s: s.cssrs(*answers)
    ),
)


def live(actions: list[Action]) -> Story:
    story = attending()
    story.plan(*GOALS)
    for act in actions:
        before = story.state
        try:
            act(story)
        except Refused:
            assert story.state == before
        honest(story)
    return story


def honest(story: Story) -> None:
    """A goal is met exactly when its measure holds, as far as it has a number; a count stays reached."""
    for pursuit in story.state.goals:
        measure = pursuit.goal.measure
        value = read(story.state, measure, day_of(story)).value
        assert 0 <= pursuit.percent <= 100
        if value is None:
            assert pursuit.value is None or not pursuit.current
            continue
        if pursuit.met_on is not None and (measure.kind, measure.comparator) == ("count", "ge"):
            continue
        assert (pursuit.value, pursuit.current) == (value, True)
        if holds(measure, value):
            assert pursuit.met_on is not None
        elif (measure.kind, measure.comparator) != ("count", "ge"):
            assert pursuit.met_on is None


@settings(max_examples=80, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
def test_goals_are_honest_at_every_moment_and_the_journal_gives_the_state_back(actions: list[Action]) -> None:
    story = live(actions)

    assert reduce(domain.evolve, story.journal, None) == story.state


@settings(max_examples=30, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
def test_severity_only_rises_under_one_id(actions: list[Action]) -> None:
    raised = [(a.alert_id, a.severity) for a in live(actions).said(SafetyAlertRaised)]

    assert len({id for id, _ in raised}) <= 1
    assert [s for _, s in raised] in ([], ["moderate"], ["high"], ["moderate", "high"])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_results_entered_out_of_order_leave_the_same_results(data: st.DataObject) -> None:
    """In whatever order they are entered, what counts is when they were taken."""
    days = data.draw(st.lists(st.integers(1, 60), unique=True, max_size=12))
    totals = {day: data.draw(st.integers(0, 24)) for day in days}
    uses = {day: data.draw(st.integers(0, 4)) for day in days}
    told = []
    for order in (sorted(days), days):
        story = attending().on(ADMITTED_ON + timedelta(days=61))
        for day in order:
            at = local(ADMITTED_ON + timedelta(days=day), "10:00")
            story.phq9_total(totals[day], administered_at=at)
            story.bam(uses[day], administered_at=at)
        changes = {m.administered_at: (m.change, m.reliable_change) for m in story.said(MeasureRecorded)}
        state = story.state
        told.append((state.results, state.profiles, state.baselines, state.starts, changes))

    assert told[0] == told[1]
