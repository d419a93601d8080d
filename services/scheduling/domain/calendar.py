"""One person's calendar from the first seat request on: holds, agreed weeks, attendance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from contracts.decisions import Moment, Refused
from contracts.intake import Availability, PatientAdmitted, SeatRequested
from contracts.rulebook import Band, Rulebook
from contracts.vocabulary import AgeBand, LevelOfCare, MissKind, ProgramKind, ServiceKind, Slot
from services.scheduling.domain import terms
from services.scheduling.domain.suiting import Traits
from services.scheduling.domain.terms import Terms
from services.scheduling.domain.week import band_of


@dataclass(frozen=True, slots=True)
class Request:
    """What intake last asked for."""

    request_id: str
    earliest_start: date
    level: LevelOfCare
    weekly_minutes: int
    days_per_week: int
    availability: tuple[Availability, ...]
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Seats kept until an admission takes them or the time is over."""

    seat_hold_id: str
    request_id: str
    slots: tuple[Slot, ...]
    start_on: date
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Week:
    """One version of the agreed week, in force from a day on."""

    version: int
    effective_from: date
    slots: tuple[Slot, ...]
    planned_weekly_minutes: int
    reason: str


@dataclass(frozen=True, slots=True)
class LevelFrom:
    """The level of care from a day on, and the weekly minutes that were prescribed with it."""

    since: date
    level: LevelOfCare
    weekly_minutes: int | None = None
    tapers_until: date | None = None
    """Last day on which the level's minimum does not bind."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A hold on an episode: nobody is expected from a day on until the person is back."""

    since: date
    expected_return_on: date
    back_on: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one session for this person."""

    local_date: date
    scheduled_minutes: int
    creditable_minutes: int = 0
    attended: bool = False
    kind: MissKind | None = None
    start_at: datetime | None = None
    service_kind: ServiceKind = ServiceKind.GROUP


@dataclass(frozen=True, slots=True)
class Closing:
    """How often a day or week has been closed, and whether something came after."""

    closes: int = 0
    open: bool = True


@dataclass(frozen=True, slots=True)
class RiskDate:
    """A day on which a person will need more support."""

    on: date
    kind: str
    proposed: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """A person's seats, agreed weeks and the attendance of the weeks still at hand."""

    id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    stage: str
    age_band: AgeBand
    levels: tuple[LevelFrom, ...]
    request: Request | None = None
    hold: Hold | None = None
    seats: tuple[Slot, ...] = ()
    admitted_on: date | None = None
    plan_kind: str | None = None
    schedule_id: str | None = None
    version: int = 0
    weeks: tuple[Week, ...] = ()
    begun_on: date | None = None
    ended_on: date | None = None
    consecutive_missed: int = 0
    missed_before: int = 0
    """Sessions missed in a row at the end of what is no longer at hand."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    days: dict[str, Closing] = field(default_factory=dict)
    closed_weeks: dict[str, Closing] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    pauses: tuple[Pause, ...] = ()
    at_risk: tuple[str, int, int, int] | None = None
    """The week last said to be at risk, with its credited, booked and reachable minutes."""
    risk_dates: dict[str, RiskDate] = field(default_factory=dict)
    traits: Traits = field(default_factory=Traits)
    planned_end_on: date | None = None
    asked_to_move: datetime | None = None
    """Until when they were last asked to take other seats."""

    @property
    def running(self) -> bool:
        """Admitted and not ended."""
        return self.stage in ("admitted", "scheduled")

    @property
    def pause(self) -> Pause | None:
        """The hold that nobody has ended yet."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].back_on is None else None

    def rules_on(self, day: date, rules: Rulebook) -> Rulebook:
        """The rules for this person on a day: of the site, the program and whoever pays then."""
        payer = self.terms.payer_on(day) or (self.plan_kind or "",)
        return rules.at(self.network_id, self.site_id, self.terms.program_id, payer)

    def prescribed_on(self, day: date) -> int | None:
        """The weekly minutes that are prescribed on a day."""
        begun = [x for x in self.levels if x.since <= day]
        return begun[-1].weekly_minutes if begun else None

    def tapers_on(self, day: date) -> bool:
        """Whether a person is in a transition taper: below the minimum of a level that is about to end."""
        begun = [x for x in self.levels if x.since <= day]
        until = begun[-1].tapers_until if begun else None
        return until is not None and day <= until

    def band_on(self, day: date, rules: Rulebook) -> Band:
        """The weekly minutes that the level of a day allows; in a taper its minimum does not bind."""
        band = band_of(rules, self.level_on(day), self.age_band)
        return band.model_copy(update={"min_minutes": 0}) if self.tapers_on(day) else band

    def level_on(self, day: date) -> LevelOfCare:
        """The level of care in force on a day."""
        if not self.levels:
            raise Refused("not_found", "Nothing is scheduled for this person yet.", status=404)
        begun = [x for x in self.levels if x.since <= day]
        return begun[-1].level if begun else self.levels[0].level

    def week_on(self, day: date) -> Week | None:
        """The agreed week in force on a day."""
        begun = [w for w in self.weeks if w.effective_from <= day]
        return begun[-1] if begun else None

    def slots_from(self, day: date) -> tuple[Slot, ...]:
        """Every appointment that is in force on a day or agreed for later."""
        now = self.week_on(day)
        weeks = [w for w in self.weeks if w.effective_from > day] + ([now] if now else [])
        return tuple({(s.group_id, s.dow): s for w in weeks for s in w.slots}.values())


@dataclass(frozen=True, slots=True)
class SeatAsked:
    """A seat request came in for this person."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    age_band: AgeBand
    request: Request
    traits: Traits = field(default_factory=Traits)


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """Nobody waits for an answer any more."""


@dataclass(frozen=True, slots=True)
class PlaceContended:
    """Seats looked free but others were just taking them; try again."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SeatsKept:
    """The seats that this person has now."""

    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admission took the hold, or opened the calendar without one."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    age_band: AgeBand
    level: LevelOfCare
    admitted_on: date
    plan_kind: str
    request: Request
    program_id: str = ""
    program_kind: ProgramKind = ProgramKind.SUD
    primary_clinician_id: str | None = None
    planned_end_on: date | None = None


@dataclass(frozen=True, slots=True)
class Extended:
    """The stay is planned to end on another day."""

    planned_end_on: date


@dataclass(frozen=True, slots=True)
class LevelSet:
    """Another level of care, or other weekly minutes, are prescribed from a day on."""

    since: date
    level: LevelOfCare
    weekly_minutes: int | None = None
    tapers_until: date | None = None
    """Last day on which the level's minimum does not bind."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The person is not expected from a day on."""

    since: date
    expected_return_on: date


@dataclass(frozen=True, slots=True)
class Returned:
    """The person is expected again from a day on."""

    on: date


@dataclass(frozen=True, slots=True)
class Resumed:
    """A calendar that had ended runs again."""

    on: date


@dataclass(frozen=True, slots=True)
class CalendarEnded:
    """No session after this day is for this person."""

    on: date
    cause: str


@dataclass(frozen=True, slots=True)
class Expected:
    """This person was expected at a session, for so many creditable minutes."""

    session_id: str
    local_date: date
    scheduled_minutes: int
    start_at: datetime | None = None
    service_kind: ServiceKind = ServiceKind.GROUP


PRIVATE = (
    Extended,
    RequestWithdrawn,
    SeatAsked,
    PlaceContended,
    SeatsKept,
    Admitted,
    LevelSet,
    Paused,
    Returned,
    Resumed,
    CalendarEnded,
    Expected,
    *terms.PRIVATE,
)


def asked(event: SeatRequested, tz: str) -> SeatAsked:
    """What to remember of a seat request."""
    return SeatAsked(
        episode_id=event.episode_id,
        network_id=event.network_id,
        site_id=event.site_id,
        patient_id=event.patient_id,
        part2=event.part2,
        tz=tz,
        age_band=event.age_band,
        request=Request(
            request_id=event.request_id,
            earliest_start=event.earliest_start,
            level=event.level,
            weekly_minutes=event.weekly_minutes,
            days_per_week=event.days_per_week,
            availability=event.availability,
        ),
        traits=Traits(event.language, event.gender, event.tracks),
    )


def admitted(state: Calendar | None, event: PatientAdmitted) -> Admitted:
    """What to remember of an admission."""
    availability = state.request.availability if state is not None and state.request is not None else ()
    return Admitted(
        episode_id=event.episode_id,
        network_id=event.network_id,
        site_id=event.site_id,
        patient_id=event.patient_id,
        part2=event.part2,
        tz=event.tz,
        age_band=event.age_band,
        level=event.level,
        admitted_on=event.admitted_on,
        plan_kind=event.plan_kind.value,
        request=Request(
            request_id=event.seat_hold_id,
            earliest_start=event.admitted_on,
            level=event.level,
            weekly_minutes=event.prescribed_weekly_minutes,
            days_per_week=event.days_per_week,
            availability=availability,
        ),
        program_id=event.program_id,
        program_kind=event.program_kind,
        primary_clinician_id=event.primary_clinician_id,
        planned_end_on=event.planned_end_on,
    )


def about(state: Calendar, moment: Moment) -> dict[str, Any]:
    """What every event about this person carries."""
    return {
        "network_id": state.network_id,
        "site_id": state.site_id,
        "episode_id": state.id,
        "patient_id": state.patient_id,
        "part2": state.part2,
        "actor": moment.actor,
    }


def pending(closings: dict[str, Closing], day: date) -> Closing | None:
    """The closing that is still to be made for a day or week, if any."""
    closing = closings.get(day.isoformat(), Closing())
    return closing if closing.open else None


def slots_without(slots: Sequence[Slot], gone: Sequence[Slot]) -> tuple[Slot, ...]:
    """The slots whose seats are not among those that are gone."""
    lost = {(s.group_id, s.dow) for s in gone}
    return tuple(s for s in slots if (s.group_id, s.dow) not in lost)
