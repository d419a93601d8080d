"""Changes of the agreed week that overlap: whatever is agreed when and from when, each day has one week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Unwake, Wake
from contracts.rulebook import rulebook
from contracts.scheduling import WeeklyScheduleAgreed, WeeklyScheduleChanged
from contracts.vocabulary import Actor, ActorType, AgeBand, LevelOfCare, ServiceKind, Slot
from services.scheduling.domain import agreement, closing, folding
from services.scheduling.domain.calendar import Calendar, LevelFrom

NEW_YORK = "America/New_York"
TODAY = date(2026, 1, 5)
STEPS = ("step_down", "step_up")
DAY = timedelta(days=1)
RULES = rulebook()


@dataclass(frozen=True)
class Change:
    """A week agreed after some days, from some days later on."""

    waits: int
    ahead: int
    reason: str


@dataclass(frozen=True)
class Agreed:
    """What was agreed: its number, its first day and why."""

    number: int
    first: date
    reason: str


changes = st.lists(
    st.builds(Change, st.integers(0, 9), st.integers(0, 40), st.sampled_from(("patient_request", *STEPS))),
    min_size=1,
    max_size=12,
)


def slot(number: int) -> Slot:
    return Slot(
        dow=1 + number % 7,
        start_local="09:00",
        end_local="12:00",
        service_kind=ServiceKind.GROUP,
        group_id=f"g-{number}",
    )


def moment(day: date) -> Moment:
    at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    return Moment(at, Actor(type=ActorType.USER, id="u-1", role="clinician"), f"cause-{day}", RULES)


def admitted() -> Calendar:
    levels = (LevelFrom(TODAY, LevelOfCare(code="2.1")),)
    return Calendar("ep-1", "n-1", "s-1", "p-1", True, NEW_YORK, "admitted", AgeBand.ADULT, levels)


def lived(told: Sequence[Change]) -> tuple[Calendar, list[Agreed], date]:
    """A calendar after these changes, beside a plain list of what was agreed and the last day."""
    state, agreed, today = admitted(), list[Agreed](), TODAY
    for number, change in enumerate(told):
        for _ in range(change.waits):
            today += DAY
            if today.isoweekday() == 1 and state.version:
                state = fold(state, closing.close_week(state, today - 7 * DAY, moment(today)))
        first = today + change.ahead * DAY
        facts = agreement.agree(state, (slot(number),), first, 180, change.reason, moment(today))
        [week] = [f for f in facts if isinstance(f, WeeklyScheduleAgreed | WeeklyScheduleChanged)]
        assert week.version == state.version + 1
        state = fold(state, facts)
        agreed.append(Agreed(number, first, change.reason if number else "agreed"))
    return state, agreed, today


def fold(state: Calendar, facts: Sequence[object]) -> Calendar:
    for fact in facts:
        if not isinstance(fact, Wake | Unwake):
            state = folding.evolve(state, fact)
    return state


def day_by_day(agreed: Sequence[Agreed], until: date) -> dict[date, Agreed]:
    """A wall calendar: each agreement is written on its days, up to the first step that begins later."""
    plan: dict[date, Agreed] = {}
    for each in agreed:
        day = each.first
        while day <= until:
            there = plan.get(day)
            if each.reason not in STEPS and there and there.first > each.first and there.reason in STEPS:
                break
            plan[day] = each
            day += DAY
    return plan


@given(changes)
def test_each_day_has_the_week_agreed_last_for_it(told: list[Change]) -> None:
    state, agreed, today = lived(told)
    until = today + 60 * DAY
    plan = day_by_day(agreed, until)

    first = max(TODAY, today - 14 * DAY)
    for day in (first + n * DAY for n in range((until - first).days + 1)):
        week = state.week_on(day)
        expected = plan.get(day)
        assert (week.slots if week else None) == ((slot(expected.number),) if expected else None), day


@given(changes)
def test_no_seat_is_given_back_that_a_day_to_come_needs(told: list[Change]) -> None:
    state, agreed, today = lived(told)
    plan = day_by_day(agreed, today + 60 * DAY)

    needed = {slot(plan[day].number) for day in plan if day >= today}

    assert set(state.slots_from(today)) == needed


@given(changes)
def test_the_weeks_at_hand_are_in_order_and_few(told: list[Change]) -> None:
    state, _, _ = lived(told)

    firsts = [week.effective_from for week in state.weeks]
    assert firsts == sorted(set(firsts))
    assert len({week.version for week in state.weeks}) == len(state.weeks)
    assert state.version == len(told)


def weeks_of(*told: Change) -> list[tuple[date, str]]:
    state, _, _ = lived(told)
    return [(week.effective_from, week.reason) for week in state.weeks]


def test_a_change_for_now_leaves_an_approved_step_where_it_was() -> None:
    now = [Change(0, 0, ""), Change(0, 12, "step_down"), Change(1, 1, "patient_request")]

    assert weeks_of(*now) == [
        (date(2026, 1, 5), "agreed"),
        (date(2026, 1, 7), "patient_request"),
        (date(2026, 1, 17), "step_down"),
    ]


def test_a_step_for_now_replaces_what_was_to_follow() -> None:
    up = [Change(0, 0, ""), Change(0, 12, "step_down"), Change(1, 0, "step_up")]

    assert weeks_of(*up) == [(date(2026, 1, 5), "agreed"), (date(2026, 1, 6), "step_up")]


def test_the_week_of_a_step_is_changed_from_the_day_it_begins() -> None:
    other = [Change(0, 0, ""), Change(0, 12, "step_down"), Change(1, 11, "patient_request")]

    assert weeks_of(*other) == [(date(2026, 1, 5), "agreed"), (date(2026, 1, 17), "patient_request")]


def test_a_week_that_nobody_needs_any_more_is_forgotten() -> None:
    each_monday = [Change(0, 0, ""), *(Change(7, 0, "patient_request") for _ in range(30))]

    assert len(weeks_of(*each_monday)) <= 7
