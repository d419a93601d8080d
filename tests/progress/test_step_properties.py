"""What holds for every recommendation, in whatever order services hear of what happened."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.intake import AuthorizationRecorded, CoverageVerified
from contracts.progress import GoalMet, GoalReopened, MeasureRecorded, SafetyAlertRaised, SafetyAlertResolved
from contracts.scheduling import AttendanceCorrected, ScheduleInfeasible, TreatmentWeekClosed
from contracts.vocabulary import GoalCategory, PlanKind
from services.progress import domain
from services.progress.domain import Direction
from services.progress.domain.recommend import down, follow_up, step_down_criteria
from tests.progress.story import ADMITTED_ON, OUTPATIENT, SOBER, Story, attending, local, ready, recommended

ATTENDS = domain.WantedGoal(
    GoalCategory.COPING_SKILLS, "attendance", ">=", 900, 14, required_for_step_down=True
)
WELL, WORSE, IN_DANGER = (1, 0, 0, 0, 0, 0, 0, 0, 0), (2, 2, 2, 2, 2, 2, 2, 3, 0), (0, 0, 0, 0, 0, 0, 0, 0, 1)
WITHDRAWAL = (4, 4, 3, 2, 0, 0, 0, 0, 0, 0, 0)
END = date(2026, 2, 9)
Happening = tuple[datetime, Callable[[Story], Any]]
DAYS = st.integers(0, 13).map(lambda n: date(2026, 1, 27) + timedelta(days=n))


def week_of(start: date, minutes: int, *, short: bool, reopened: int) -> Callable[[Story], Any]:
    def close(story: Story) -> Any:
        now = story.now
        story.week(start, minutes, short=short, reopened=reopened)
        assert story.now == now
        return None

    return close


def closes(minutes: Sequence[int], shorts: Sequence[bool], again: int | None) -> list[Happening]:
    """The weeks as scheduling says them, each at the instant of its close."""
    found: list[Happening] = []
    for number, (found_minutes, short) in enumerate(zip(minutes, shorts, strict=True)):
        start = date(2026, 1, 19) + timedelta(days=7 * number)
        closed = local(start + timedelta(days=7), "00:00")
        found.append((closed, week_of(start, found_minutes, short=short, reopened=0)))
    if again is not None:
        closed = local(date(2026, 2, 9), "01:00")
        found.append((closed, week_of(date(2026, 1, 26), again, short=False, reopened=1)))
    return found


def _rescheduled(story: Any, *, version: int, minutes: int) -> Any:
    return story.rescheduled(minutes, version, "patient_request")


def _watched(look: Any, taken: list[Any]) -> Any:
    def watched(state: Any, moment: Any) -> Any:
        taken.append(moment.cause)
        return look(state, moment)

    return watched


def changes(wanted: Sequence[tuple[date, int]]) -> list[Happening]:
    """Other weekly minutes, agreed on with the person."""
    return [
        (local(day, "00:30"), partial(_rescheduled, version=version, minutes=minutes))
        for version, (day, minutes) in enumerate(sorted(wanted), start=2)
    ]


HEARD = st.builds(
    lambda minutes, shorts, wanted: sorted(
        [*closes(minutes, shorts, None), *changes(wanted)], key=lambda each: each[0]
    ),
    st.lists(st.sampled_from([0, 400, 500, 600, 650, 720]), min_size=3, max_size=3),
    st.lists(st.sampled_from([False, False, False, True]), min_size=3, max_size=3),
    st.lists(st.tuples(DAYS, st.sampled_from([540, 600, 720, 900])), max_size=2),
)
ACTS: st.SearchStrategy[Callable[[Story], Any]] = st.sampled_from(
    [
        lambda s: s.do(domain.LogOutreach("voice", reached=True)),
        lambda s: s.do(domain.LogOutreach("voice", reached=False)),
        lambda s: s.phq9(*WELL),
        lambda s: s.phq9(*WORSE),
        lambda s: s.phq9(*IN_DANGER),
        lambda s: s.do(domain.RecordMeasure("cows", WITHDRAWAL)),
        lambda s: s.used("lapse"),
        lambda s: s.used("relapse"),
        lambda s: s.plan(SOBER),
        lambda s: s.plan(SOBER, ATTENDS),
        lambda s: s.attest() if s.state.goals[0].met_on is None else None,
        lambda s: s.settle(s.state.alerts[0].id) if s.state.alerts else None,
    ]
)


@st.composite
def done(draw: st.DrawFn) -> list[Happening]:
    """What people do, one after the other."""
    days = sorted(draw(st.lists(DAYS, max_size=7)))
    return [(local(day, f"{9 + n:02}:00"), draw(ACTS)) for n, day in enumerate(days)]


def woven(first: list[Happening], second: list[Happening], turns: Iterator[bool]) -> list[Happening]:
    """Both, each in its own order."""
    first, second, both = [*first], [*second], []
    while first and second:
        both.append((first if next(turns) else second).pop(0))
    return [*both, *first, *second]


def lived(happenings: list[Happening], *, minutes: int) -> Story:
    """Hear and do all of it in this order, each as of its own instant, and let the time then pass."""
    story = attending(minutes)
    story.attest()
    for at, happen in happenings:
        story.now = at
        happen(story)
    story.now = local(ADMITTED_ON, "12:00")
    return story.on(END)


def table(story: Story) -> list[Any]:
    """What lies on the table in the end."""
    found: list[Any] = []
    for way in Direction:
        standing = story.state.recommendation(way)
        if standing is None:
            found.append(None)
            continue
        values = standing.criteria if way is Direction.UP else step_down_criteria(story.state, story.moment())
        told = [(c.id, c.value, c.met) for c in values]
        found.append((standing.kind, standing.from_minutes, standing.to_minutes, standing.trigger, told))
    return found


@settings(max_examples=300, deadline=None)
@given(HEARD, done(), st.sampled_from([540, 720]), st.data())
def test_it_does_not_matter_what_was_heard_of_first(
    heard: list[Happening], acts: list[Happening], minutes: int, data: st.DataObject
) -> None:
    as_it_was = sorted([*heard, *acts], key=lambda each: each[0])
    turns = iter(data.draw(st.lists(st.booleans(), min_size=40, max_size=40)))

    expected = table(lived(as_it_was, minutes=minutes))
    assert table(lived(woven(heard, acts, turns), minutes=minutes)) == expected


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([575, 576, 720]), done(), st.data())
def test_a_week_counted_again_ends_as_if_it_had_been_counted_so_at_once(
    minutes: int, acts: list[Happening], data: st.DataObject
) -> None:
    twice = closes((720, 400, 720), (False,) * 3, minutes)
    once = closes((720, minutes, 720), (False,) * 3, None)
    turns = iter(data.draw(st.lists(st.booleans(), min_size=40, max_size=40)))

    down = table(lived(woven(twice, acts, turns), minutes=720))[0]
    assert down == table(lived(sorted([*once, *acts], key=lambda each: each[0]), minutes=720))[0]


REVIEWED = {
    "TreatmentPlanApproved",
    "TreatmentPlanReviewed",
    "GoalMet",
    "GoalReopened",
    "MeasureRecorded",
    "SafetyAlertRaised",
    "SafetyAlertResolved",
    "SubstanceUseReported",
    "SubstanceUseWithdrawn",
    "StepDownApproved",
    "StepUpApproved",
    "LevelOfCareChanged",
    "EpisodeStateChanged",
    "EpisodeHeld",
    "EpisodeResumed",
    "AttendanceCorrected",
    "TreatmentWeekClosed",
    "WeeklyScheduleAgreed",
    "WeeklyScheduleChanged",
}


def test_what_a_step_down_is_looked_at_again_for() -> None:
    assert {kind.__name__ for kind in domain.REVIEWED_ON} == REVIEWED


Looked = Callable[[Story], Any]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every look that is taken at a step down."""
    taken: list[Any] = []
    for room in (follow_up, down):
        monkeypatch.setattr(room, "review_step_down", _watched(room.review_step_down, taken))
    return taken


@pytest.mark.parametrize(
    ("said", "happen"),
    [
        (GoalMet, lambda s: s.attest()),
        (MeasureRecorded, lambda s: s.phq9(*WELL)),
        (SafetyAlertRaised, lambda s: s.phq9(*IN_DANGER)),
        (TreatmentWeekClosed, lambda s: s.week("2026-02-02", 720)),
        (AttendanceCorrected, lambda s: s.corrected(ADMITTED_ON, attended=False, minutes=0)),
        (AttendanceCorrected, lambda s: s.corrected(ADMITTED_ON, attended=True, minutes=90)),
        (None, lambda s: s.used("lapse")),
        (None, lambda s: s.rescheduled(600, 2, "patient_request")),
        (None, lambda s: s.recommend(Direction.UP, "intensity_increase", 900) and s.take_up()),
    ],
)
def test_looked_at_again(looks: list[Any], said: type | None, happen: Looked) -> None:
    happen(ready())

    assert said in (None, *domain.REVIEWED_ON)
    assert len(looks) >= 1


@pytest.mark.parametrize(
    "happen",
    [
        lambda s: s.attended(),
        lambda s: s.missed("2026-02-02", 1),
        lambda s: s.do(domain.LogOutreach("voice", reached=True)),
        lambda s: s.do(domain.AskTeam(s.state.step_down, ("director",))),
        lambda s: s.do(domain.RecordAgreement(s.state.step_down, agreed=True)),
        lambda s: s.do(domain.DeclineRecommendation(s.state.step_down, "not_ready")),
        lambda s: s.recommend(Direction.DOWN, "level_change", 180, OUTPATIENT),
        lambda s: s.hear(ScheduleInfeasible(**s.common(), wanted_weekly_minutes=540, cause="no_seat")),
        lambda s: s.hear(
            CoverageVerified(
                **s.common(),
                coverage_id="c",
                payer_id="other",
                plan_kind=PlanKind.COMMERCIAL,
                auth_required=False,
                status="active",
                verified_at=s.now,
            )
        ),
        lambda s: s.hear(
            AuthorizationRecorded(
                **s.common(),
                authorization_id="auth-9",
                status="approved",
                level=OUTPATIENT,
                unit_kind="day",
                units_approved=3,
                valid_from=ADMITTED_ON,
                valid_to=ADMITTED_ON,
            )
        ),
    ],
)
def test_not_looked_at_again(looks: list[Any], happen: Looked) -> None:
    story = recommended()
    looks.clear()
    happen(story)

    assert looks == []


def test_time_alone_is_looked_at_when_it_has_passed(looks: list[Any]) -> None:
    story = recommended()
    story.used("lapse")
    looks.clear()
    story.on("2026-02-16", "23:59")
    assert looks == []


def test_settling_an_alert_and_reopening_a_goal_are_looked_at(looks: list[Any]) -> None:
    story = attending()
    story.plan(ATTENDS)
    story.phq9(*IN_DANGER)
    for act, kind in (
        (lambda: story.settle(story.state.alerts[0].id), SafetyAlertResolved),
        (lambda: [story.week("2026-01-19", 720), story.week("2026-01-26", 720)], GoalMet),
        (lambda: story.week("2026-02-02", 0), GoalReopened),
    ):
        looks.clear()
        act()
        assert story.said(kind)
        assert looks
