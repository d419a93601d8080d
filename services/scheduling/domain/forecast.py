"""What a person's week can still come to, and which sessions could make up for what is missing. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Wake
from contracts.rulebook import Band, Rulebook
from contracts.scheduling import SessionOption, WeekAtRisk
from contracts.vocabulary import LevelOfCare
from services.scheduling.domain import suiting
from services.scheduling.domain.calendar import Calendar, Outcome, about
from services.scheduling.domain.closing import week_over_at
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import monday_of
from services.scheduling.domain.sessions import Session, count_minutes
from services.scheduling.domain.week import band_of, block_of

MOST_OPTIONS = 20
"""Nobody chooses among more; the page of the week shows them all."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A session still to be counted, as one person could take part in it."""

    session: Session
    group: Group
    booked: bool
    """The person is expected there."""
    coming: int
    """How many people are expected."""
    barred: bool = False
    """Somebody is expected from whom this person is kept apart."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What became of one session for a person, or that it is still to come."""

    session_id: str
    local_date: date
    status: str
    scheduled_minutes: int
    creditable_minutes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """A week as it stands: what is earned, what is to come, and what could be added."""

    week_start: date
    level: LevelOfCare
    band: Band
    planned_minutes: int
    """What the week was worth before anything of it was missed."""
    credited_minutes: int
    booked_minutes: int
    reachable_minutes: int
    options: tuple[SessionOption, ...]
    tapered: bool = False
    """Days of a transition taper are in it: nobody is to reach the minimum."""

    @property
    def at_risk(self) -> bool:
        """Without make-up sessions the minimum is not reached; a week planned below it lost nothing."""
        least, coming = self.band.min_minutes, self.credited_minutes + self.booked_minutes
        return not self.tapered and coming < least <= self.planned_minutes

    @property
    def lost(self) -> bool:
        """Not even every make-up session saves the week."""
        return self.reachable_minutes < self.band.min_minutes


def look_again(session: Session, moment: Moment) -> Wake:
    """Ask to look at what a week can still come to, once what happened is kept."""
    return Wake(moment.at, f"forecast:{monday_of(session.local_date)}")


def forecast(state: Calendar, monday: date, ahead: Sequence[Ahead], book: Rulebook, at: datetime) -> Forecast:
    """What a week can still come to at an instant."""
    outcomes = {k: o for k, o in state.outcomes.items() if monday_of(o.local_date) == monday}
    booked = [a for a in ahead if a.booked and not _settled(outcomes.get(a.session.id))]
    free = [a for a in ahead if _open_to(state, a, at) and not _meets(a, booked)]
    credited = sum(o.creditable_minutes for o in outcomes.values())
    to_come = sum(_minutes(state, a, book) for a in booked)
    sunday = monday + timedelta(days=6)
    level = state.level_on(sunday)
    band = band_of(state.rules_on(sunday, book), level, state.age_band)
    most = max(credited + to_come, min(credited + to_come + _most(state, free, book), band.max_minutes))
    return Forecast(
        week_start=monday,
        level=level,
        band=band,
        planned_minutes=to_come + sum(o.scheduled_minutes for o in outcomes.values()),
        credited_minutes=credited,
        booked_minutes=to_come,
        reachable_minutes=most,
        options=tuple(option(state, a, book) for a in free),
        tapered=any(state.tapers_on(monday + timedelta(days=n)) for n in range(7)),
    )


def options(state: Calendar, ahead: Sequence[Ahead], book: Rulebook, at: datetime) -> list[SessionOption]:
    """The sessions with a free seat that a person could come to beside their own."""
    booked = [a for a in ahead if a.booked]
    return [option(state, a, book) for a in ahead if _open_to(state, a, at) and not _meets(a, booked)]


def option(state: Calendar, ahead: Ahead, book: Rulebook) -> SessionOption:
    """A session as something to choose."""
    return SessionOption(
        session_id=ahead.session.id,
        group_id=ahead.session.group_id,
        start_at=ahead.session.start_at,
        creditable_minutes=_minutes(state, ahead, book),
    )


def _settled(outcome: Outcome | None) -> bool:
    return outcome is not None and (outcome.attended or outcome.kind is not None)


def _minutes(state: Calendar, ahead: Ahead, book: Rulebook) -> int:
    rules = state.rules_on(ahead.session.local_date, book)
    return count_minutes(ahead.session, 0, 0, rules.attendance.breaks_creditable).creditable


def _open_to(state: Calendar, ahead: Ahead, at: datetime) -> bool:
    session, group = ahead.session, ahead.group
    availability = state.request.availability if state.request else ()
    times = {(a.dow, a.block) for a in availability}
    when = (session.local_date.isoweekday(), block_of(group.start_local))
    return (
        not ahead.booked
        and not ahead.barred
        and session.start_at > at
        and ahead.coming < session.capacity
        and state.level_on(session.local_date).code in {level.code for level in group.levels}
        and not suiting.misfits(group.attributes, state.age_band, state.traits)
        and (not times or when in times)
    )


def _meets(ahead: Ahead, others: Iterable[Ahead]) -> bool:
    mine = ahead.session
    return any(mine.start_at < o.session.end_at and o.session.start_at < mine.end_at for o in others)


def _most(state: Calendar, free: Collection[Ahead], book: Rulebook) -> int:
    """The most minutes that sessions which do not overlap can add."""
    best: list[tuple[datetime, int]] = []
    for ahead in sorted(free, key=lambda a: (a.session.end_at, a.session.id)):
        before = max((minutes for ends, minutes in best if ends <= ahead.session.start_at), default=0)
        so_far = best[-1][1] if best else 0
        best.append((ahead.session.end_at, max(so_far, before + _minutes(state, ahead, book))))
    return best[-1][1] if best else 0


def at_risk(state: Calendar, found: Forecast, moment: Moment) -> Sequence[object]:
    """Say that a week is at risk, once for each change of its figures."""
    figures = (found.credited_minutes, found.booked_minutes, found.reachable_minutes)
    said = state.at_risk == (found.week_start.isoformat(), *figures)
    over = moment.at >= week_over_at(found.week_start, state.tz)
    if not found.at_risk or said or over or not state.running:
        return []
    week = state.week_on(found.week_start + timedelta(days=6))
    return [
        WeekAtRisk(
            **about(state, moment),
            week_start=found.week_start,
            tz=state.tz,
            credited_minutes=found.credited_minutes,
            booked_minutes=found.booked_minutes,
            reachable_minutes=found.reachable_minutes,
            level_min_minutes=found.band.min_minutes,
            lost=found.lost,
            options=found.options[:MOST_OPTIONS],
            cause=_cause(state, found.week_start),
            slack_minutes=max(0, week.planned_weekly_minutes - found.band.min_minutes) if week else None,
        )
    ]


def _cause(state: Calendar, monday: date) -> str:
    """What last took minutes from the week."""
    short = [
        (o.local_date, "came_short" if o.kind is None else o.kind.value)
        for o in state.outcomes.values()
        if monday_of(o.local_date) == monday and o.creditable_minutes < o.scheduled_minutes and _settled(o)
    ]
    return max(short, default=(monday, "changed"))[1]


def lived(state: Calendar, monday: date, ahead: Sequence[Ahead], book: Rulebook) -> list[Lived]:
    """Every session of a person's week: what became of it, or that it is still to come."""
    outcomes = {k: o for k, o in state.outcomes.items() if monday_of(o.local_date) == monday}
    over = [
        Lived(k, o.local_date, _status(o), o.scheduled_minutes, o.creditable_minutes)
        for k, o in outcomes.items()
    ]
    to_come = [
        Lived(a.session.id, a.session.local_date, "booked", _minutes(state, a, book), 0)
        for a in ahead
        if a.booked and a.session.id not in outcomes
    ]
    return sorted([*over, *to_come], key=lambda each: (each.local_date, each.session_id))


def _status(outcome: Outcome) -> str:
    if outcome.attended:
        return "attended"
    return outcome.kind.value if outcome.kind else "booked"
