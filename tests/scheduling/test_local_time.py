"""Wall time and instants agree on every day of four years, whether or not a zone changes its clocks."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.decisions import Moment, Wake
from contracts.rulebook import rulebook
from contracts.scheduling import SessionScheduled
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    GroupKind,
    LevelOfCare,
    MissKind,
    ServiceKind,
    Slot,
)
from services.scheduling.domain import agreement, attendance, closing, localtime, sessions
from services.scheduling.domain.calendar import Calendar, LevelFrom
from services.scheduling.domain.groups import Group, days_to_plan
from services.scheduling.domain.sessions import Mark, Presence

ZONES = (
    "America/New_York",
    "America/Phoenix",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/St_Johns",
    "Pacific/Honolulu",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
)
AT_MIDNIGHT = ("America/Havana", "Africa/Cairo", "America/Santiago", "Asia/Beirut")
"""Zones whose clocks change at midnight: there a day has no 00:00, or the hour before it comes twice."""
FIRST, LAST = date(2025, 1, 1), date(2028, 12, 31)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
QUARTERS = [f"{m // 60:02}:{m % 60:02}" for m in range(0, 1441, 15)]
IOP = LevelOfCare(code="2.1")
RULES = rulebook()
zones = st.sampled_from(ZONES + AT_MIDNIGHT)
days = st.dates(FIRST, LAST)
walls = st.integers(0, 1440)


def hhmm(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def moment(at: datetime) -> Moment:
    return Moment(at, Actor(type=ActorType.USER, id="u-1", role="clinician"), "cause", RULES)


@cache
def wall_of_each_minute(tz: str, day: date) -> tuple[int, ...]:
    """The minute on the wall at each real minute of a day, read off the zone one by one."""
    zone, found = ZoneInfo(tz), []
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    for _ in range(56 * 60):
        local = at.astimezone(zone)
        if local.date() == day:
            found.append(local.hour * 60 + local.minute)
        at += MINUTE
    return tuple(found)


def real_minutes(tz: str, day: date, start: int, end: int) -> int:
    """How many real minutes lie between the first time the wall shows a start and the first time an end."""
    minutes = wall_of_each_minute(tz, day)
    first = [next((n for n, wall in enumerate(minutes) if wall >= at), len(minutes)) for at in (start, end)]
    return first[1] - first[0]


@pytest.mark.parametrize("tz", ZONES + AT_MIDNIGHT)
def test_every_day_begins_in_itself_and_ends_where_the_next_begins(tz: str) -> None:
    for day in DAYS:
        begins, ends = localtime.midnight(day, tz), localtime.midnight_after(day, tz)
        assert begins < ends == localtime.midnight(day + DAY, tz) == localtime.instant(day, "24:00", tz)
        assert localtime.civil_date(begins, tz) == day
        assert localtime.civil_date(begins - MINUTE, tz) == day - DAY
        assert localtime.civil_date(ends - MINUTE, tz) == day


@pytest.mark.parametrize("tz", ZONES + AT_MIDNIGHT)
def test_a_day_is_shorter_or_longer_by_exactly_what_the_clocks_change(tz: str) -> None:
    for day in DAYS:
        begins, ends = localtime.midnight(day, tz), localtime.midnight_after(day, tz)
        changes = localtime.clock_changes(tz, begins - MINUTE, ends - MINUTE)
        shift = sum((shift_at(at, tz) for at in changes), timedelta())
        assert ends - begins == DAY - shift


def shift_at(at: datetime, tz: str) -> timedelta:
    after, before = (x.astimezone(ZoneInfo(tz)).utcoffset() for x in (at, at - MINUTE))
    assert after is not None
    assert before is not None
    assert after != before
    return after - before


def changed_days(tz: str) -> Iterator[date]:
    since, until = localtime.midnight(FIRST, tz), localtime.midnight_after(LAST, tz)
    for at in localtime.clock_changes(tz, since, until):
        yield from {localtime.civil_date(at, tz), localtime.civil_date(at - MINUTE, tz)}


def test_the_clocks_change_twice_a_year_or_never() -> None:
    count = {tz: len(set(changed_days(tz))) for tz in ZONES}

    still = {tz for tz, days in count.items() if days == 0}
    assert still == {"America/Phoenix", "Pacific/Honolulu", "Asia/Kathmandu"}
    assert {days for tz, days in count.items() if tz not in still} == {8}


@pytest.mark.parametrize("tz", ZONES + AT_MIDNIGHT)
def test_on_days_when_the_clocks_change_a_block_lasts_as_long_as_it_really_does(tz: str) -> None:
    for day in changed_days(tz):
        at = [localtime.instant(day, wall, tz) for wall in QUARTERS]
        assert at == sorted(at)
        for a, b in ((one, other) for one in range(0, 96, 3) for other in range(one + 1, 97, 2)):
            assert (at[b] - at[a]) / MINUTE == real_minutes(tz, day, a * 15, b * 15)


@given(zones, days, walls, walls)
def test_a_block_lasts_as_long_as_the_wall_says_but_for_a_change_that_it_spans(
    tz: str, day: date, one: int, other: int
) -> None:
    start, end = sorted((one, other))
    begins, ends = (localtime.instant(day, hhmm(m), tz) for m in (start, end))

    assert begins <= ends
    changes = localtime.clock_changes(tz, begins - timedelta(hours=2), ends + timedelta(hours=2))
    if not changes:
        assert localtime.minutes_between(begins, ends) == localtime.wall_length(hhmm(start), hhmm(end))
    whole = [c for c in changes if begins + timedelta(hours=2) <= c <= ends - timedelta(hours=2)]
    if whole:
        lost = shift_at(whole[0], tz) / MINUTE
        assert localtime.minutes_between(begins, ends) == end - start - lost


@pytest.mark.parametrize(
    ("day", "wall", "tz", "at"),
    [
        (date(2026, 3, 8), "02:00", "America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (date(2026, 3, 8), "02:30", "America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (date(2026, 3, 8), "03:00", "America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (date(2026, 11, 1), "01:30", "America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (date(2026, 11, 1), "02:00", "America/New_York", datetime(2026, 11, 1, 7, tzinfo=UTC)),
        (date(2026, 10, 4), "02:15", "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        (date(2026, 4, 5), "01:45", "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
    ],
)
def test_a_time_that_does_not_come_is_the_jump_and_one_that_comes_twice_the_first(
    day: date, wall: str, tz: str, at: datetime
) -> None:
    assert localtime.instant(day, wall, tz) == at


@pytest.mark.parametrize("tz", ZONES)
def test_a_week_is_over_on_the_next_monday_at_midnight(tz: str) -> None:
    for day in DAYS:
        monday = localtime.monday_of(day)
        assert monday.isoweekday() == 1
        assert monday <= day <= monday + 6 * DAY
        over = closing.week_over_at(monday, tz)
        local = over.astimezone(ZoneInfo(tz))
        assert (local.date(), local.hour, local.minute) == (monday + 7 * DAY, 0, 0)
        assert local.replace(fold=0).utcoffset() == local.utcoffset()


def group(tz: str, start: int, end: int, dow: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)) -> Group:
    return Group(
        id="g-1",
        network_id="n-1",
        site_id="s-1",
        kind=GroupKind.CBT,
        levels=(IOP,),
        capacity=12,
        dow=dow,
        start_local=hhmm(start),
        end_local=hhmm(end),
        breaks=(),
        tz=tz,
    )


def planned(facts: object) -> list[SessionScheduled]:
    assert isinstance(facts, list)
    return [f for f in facts if isinstance(f, SessionScheduled)]


@given(zones, days, st.integers(1, 1439))
def test_a_block_that_ends_the_day_belongs_to_the_day_it_began(tz: str, day: date, start: int) -> None:
    facts = sessions.schedule(group(tz, start, 1440), day, moment(localtime.midnight(day, tz)))

    for session in planned(facts):
        assert session.local_date == day == localtime.civil_date(session.start_at, tz)
        assert localtime.civil_date(session.end_at - MINUTE, tz) == day
        assert localtime.civil_date(session.end_at, tz) == day + DAY
    assert len(planned(facts)) == int(real_minutes(tz, day, start, 1440) > 0)


@given(
    zones,
    st.integers(2025, 2027),
    walls,
    walls,
    st.sets(st.integers(1, 7), min_size=1),
    st.integers(0, 1439),
)
def test_the_sessions_of_a_year_do_not_overlap_and_there_is_one_each_service_day(
    tz: str, year: int, one: int, other: int, dow: set[int], opened: int
) -> None:
    start, end = sorted((one, other))
    assume(start < end)
    opens_on = date(year, 1, 1)
    at = localtime.instant(opens_on, hhmm(opened), tz)
    meets = group(tz, start, end, tuple(sorted(dow)))
    calendar: list[SessionScheduled] = []
    for _ in range(53):
        found, through = days_to_plan(meets, moment(at))
        calendar += [s for day in found for s in planned(sessions.schedule(meets, day, moment(at)))]
        meets = _planned_through(meets, through)
        at += 7 * DAY

    assert all(a.end_at <= b.start_at for a, b in pairwise(calendar))
    assert all(s.start_at < s.end_at for s in calendar)
    assert len({s.session_id for s in calendar}) == len(calendar)
    expected = [
        day
        for n in range(366)
        if (day := opens_on + n * DAY).isoweekday() in dow
        and localtime.instant(day, hhmm(start), tz) >= localtime.instant(opens_on, hhmm(opened), tz)
        and localtime.instant(day, hhmm(start), tz) < localtime.instant(day, hhmm(end), tz)
    ]
    assert [s.local_date for s in calendar if s.local_date < opens_on + 366 * DAY] == expected


def _planned_through(group: Group, through: date) -> Group:

    return replace(group, planned_through=through)


def person(tz: str, day: date) -> Calendar:
    return Calendar(
        "ep-1",
        "n-1",
        "s-1",
        "p-1",
        True,
        tz,
        "scheduled",
        AgeBand.ADULT,
        (LevelFrom(day, IOP),),
        admitted_on=day,
    )


@given(zones, days, walls, walls, st.booleans())
def test_no_day_and_no_week_closes_before_the_last_session_in_it_has_ended(
    tz: str, day: date, one: int, other: int, came: bool
) -> None:
    start, end = sorted((one, other))
    begins, ends = (localtime.instant(day, hhmm(m), tz) for m in (start, end))
    assume(begins < ends)
    [said] = planned(sessions.schedule(group(tz, start, end), day, moment(localtime.midnight(day, tz))))
    session, state, now = sessions.evolve(None, said), person(tz, day), moment(ends)
    if came:
        facts = attendance.attend(state, session, Mark(Presence.PRESENT), 1, now)
    else:
        facts = attendance.miss(state, session, MissKind.NO_SHOW, now)

    [close] = [f for f in facts if isinstance(f, Wake) and f.what.startswith("day:")]
    monday = localtime.monday_of(day)
    week = closing.week_wake(monday, tz)
    assert close.what == f"day:{day}"
    assert session.end_at < close.at < week.at
    assert close.at - localtime.midnight_after(day, tz) == closing.CLOSE_DELAY
    assert localtime.civil_date(week.at, tz) == monday + 7 * DAY


@given(zones, days)
def test_the_first_week_that_is_asked_for_is_the_one_that_the_agreement_begins_in(tz: str, day: date) -> None:
    late = Slot(
        dow=day.isoweekday(),
        start_local="21:00",
        end_local="24:00",
        service_kind=ServiceKind.GROUP,
        group_id="g-1",
    )
    facts = agreement.agree(person(tz, day), (late,), day, 180, "", moment(localtime.midnight(day, tz)))

    [wake] = [f for f in facts if isinstance(f, Wake)]
    assert wake.at > localtime.instant(day, "24:00", tz)
    assert wake.what == f"week:{localtime.monday_of(day)}"
