"""Groups that meet weekly, and the weekly times of clinicians: groups of one seat. Pure."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from contracts.decisions import Moment
from contracts.scheduling import AppointmentOpened, Attributes, Break, GroupChanged, GroupClosed, GroupOpened
from contracts.vocabulary import GroupKind, LevelOfCare, Modality, ServiceKind
from services.scheduling.domain.localtime import civil_date


@dataclass(frozen=True, slots=True)
class Era:
    """How a group was until a change."""

    until: date
    """The first day on which it was no longer so."""
    min_to_run: int
    open_enrolment: bool
    room_id: str | None
    facilitator_id: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """A weekly recurring group with a seat for each place on each of its weekdays."""

    id: str
    network_id: str
    site_id: str
    kind: GroupKind | None
    levels: tuple[LevelOfCare, ...]
    capacity: int
    dow: tuple[int, ...]
    start_local: str
    end_local: str
    breaks: tuple[Break, ...]
    tz: str
    planned_through: date | None = None
    service_kind: ServiceKind = ServiceKind.GROUP
    """An individual or family appointment is a group of one seat, led by its clinician."""
    min_to_run: int = 0
    open_enrolment: bool = True
    attributes: Attributes = field(default_factory=Attributes)
    room_id: str | None = None
    facilitator_id: str | None = None
    modality: Modality = Modality.IN_PERSON
    closes_on: date | None = None
    """The first day on which it does not meet any more."""
    closing_cause: str = ""
    eras: tuple[Era, ...] = ()
    """How it was before each announced change; the group itself is as it will be after the last."""

    def on(self, day: date) -> "Group":
        """The group as it is on a day."""
        era = next((e for e in self.eras if day < e.until), None)
        if era is None:
            return self
        return replace(
            self,
            min_to_run=era.min_to_run,
            open_enrolment=era.open_enrolment,
            room_id=era.room_id,
            facilitator_id=era.facilitator_id,
        )

    def from_on(self, day: date) -> list["Group"]:
        """The group as it is from a day on, once for each time that it changes."""
        days = (day, *(e.until for e in self.eras if e.until > day))
        return [self.on(d) for d in days if not self.closed_on(d)]

    def meets_on(self, day: date) -> bool:
        return day.isoweekday() in self.dow and not self.closed_on(day)

    def closed_on(self, day: date) -> bool:
        return self.closes_on is not None and day >= self.closes_on


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open a weekly group at a site."""

    network_id: str
    site_id: str
    kind: GroupKind
    levels: tuple[str, ...]
    capacity: int
    dow: tuple[int, ...]
    start_local: str
    end_local: str
    breaks: tuple[Break, ...] = ()
    min_to_run: int = 0
    open_enrolment: bool = True
    attributes: Attributes = field(default_factory=Attributes)
    room_id: str | None = None
    facilitator_id: str | None = None
    modality: Modality = Modality.IN_PERSON


@dataclass(frozen=True, slots=True)
class OpenAppointment:
    """Open a weekly time of a clinician for one patient."""

    network_id: str
    sites: tuple[str, ...]
    site_id: str | None
    """The clinician's own site where none is named."""
    clinician_id: str
    service_kind: ServiceKind
    levels: tuple[str, ...]
    dow: int
    start_local: str
    end_local: str
    room_id: str | None = None
    modality: Modality = Modality.IN_PERSON


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Change a group from a day on; what is not said stays."""

    network_id: str
    sites: tuple[str, ...]
    effective_on: date
    facilitator_id: str | None = None
    room_id: str | None = None
    min_to_run: int | None = None
    open_enrolment: bool | None = None


@dataclass(frozen=True, slots=True)
class CloseGroup:
    """Let a group meet for the last time before a day."""

    network_id: str
    sites: tuple[str, ...]
    effective_on: date
    cause: str


@dataclass(frozen=True, slots=True)
class SessionsPlanned:
    """The group's sessions are on the calendar up to and including a day."""

    through: date


def opened(site_tz: str, group_id: str, command: OpenGroup) -> GroupOpened:
    """Say that a group opened."""
    return GroupOpened(
        network_id=command.network_id,
        site_id=command.site_id,
        group_id=group_id,
        kind=command.kind,
        levels=tuple(LevelOfCare(code=code) for code in command.levels),
        capacity=command.capacity,
        dow=tuple(sorted(set(command.dow))),
        start_local=command.start_local,
        end_local=command.end_local,
        tz=site_tz,
        breaks=command.breaks,
        min_to_run=command.min_to_run,
        open_enrolment=command.open_enrolment,
        attributes=command.attributes,
        room_id=command.room_id,
        facilitator_id=command.facilitator_id,
        modality=command.modality,
    )


def appointment_opened(
    site_id: str, site_tz: str, group_id: str, command: OpenAppointment
) -> AppointmentOpened:
    """Say that a clinician has a weekly time for somebody."""
    return AppointmentOpened(
        network_id=command.network_id,
        site_id=site_id,
        group_id=group_id,
        service_kind=command.service_kind,
        clinician_id=command.clinician_id,
        levels=tuple(LevelOfCare(code=code) for code in command.levels),
        dow=command.dow,
        start_local=command.start_local,
        end_local=command.end_local,
        tz=site_tz,
        room_id=command.room_id,
        modality=command.modality,
    )


def changed(group: Group, command: ChangeGroup) -> GroupChanged:
    """Say what of a group changes."""
    return GroupChanged(
        network_id=group.network_id,
        site_id=group.site_id,
        group_id=group.id,
        effective_on=command.effective_on,
        facilitator_id=command.facilitator_id,
        room_id=command.room_id,
        min_to_run=command.min_to_run,
        open_enrolment=command.open_enrolment,
    )


def closed(group: Group, command: CloseGroup) -> GroupClosed:
    """Say when a group meets no more."""
    return GroupClosed(
        network_id=group.network_id,
        site_id=group.site_id,
        group_id=group.id,
        effective_on=command.effective_on,
        cause=command.cause,
    )


def evolve_group(state: Group | None, fact: object) -> Group:
    """Fold one fact into a group."""
    if isinstance(fact, GroupOpened):
        return _from_group(fact)
    if isinstance(fact, AppointmentOpened):
        return _from_appointment(fact)
    if state is None:
        raise TypeError(f"a group does not begin with {type(fact).__name__}")
    if isinstance(fact, SessionsPlanned):
        return replace(state, planned_through=fact.through)
    if isinstance(fact, GroupClosed):
        return replace(state, closes_on=fact.effective_on, closing_cause=fact.cause)
    if isinstance(fact, GroupChanged):
        return _changed(state, fact)
    return state


def _from_group(fact: GroupOpened) -> Group:
    return Group(
        id=fact.group_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        kind=fact.kind,
        levels=fact.levels,
        capacity=fact.capacity,
        dow=fact.dow,
        start_local=fact.start_local,
        end_local=fact.end_local,
        breaks=fact.breaks,
        tz=fact.tz,
        min_to_run=fact.min_to_run,
        open_enrolment=fact.open_enrolment,
        attributes=fact.attributes,
        room_id=fact.room_id,
        facilitator_id=fact.facilitator_id,
        modality=fact.modality,
    )


def _from_appointment(fact: AppointmentOpened) -> Group:
    return Group(
        id=fact.group_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        kind=None,
        levels=fact.levels,
        capacity=1,
        dow=(fact.dow,),
        start_local=fact.start_local,
        end_local=fact.end_local,
        breaks=(),
        tz=fact.tz,
        service_kind=fact.service_kind,
        room_id=fact.room_id,
        facilitator_id=fact.clinician_id,
        modality=fact.modality,
    )


def _changed(group: Group, fact: GroupChanged) -> Group:
    """A change reaches everything from its day on, also what was announced for later."""
    news: dict[str, Any] = {
        name: value
        for name in ("facilitator_id", "room_id", "min_to_run", "open_enrolment")
        if (value := getattr(fact, name)) is not None
    }
    before = group.on(fact.effective_on - timedelta(days=1))
    eras = (
        *(e for e in group.eras if e.until < fact.effective_on),
        Era(
            fact.effective_on,
            before.min_to_run,
            before.open_enrolment,
            before.room_id,
            before.facilitator_id,
        ),
        *(replace(e, **news) for e in group.eras if e.until > fact.effective_on),
    )
    return replace(group, eras=eras, **news)


def days_to_plan(group: Group, moment: Moment) -> tuple[list[date], date]:
    """The days on which sessions are still missing, and the day up to which there will be none missing."""
    today = civil_date(moment.at, group.tz)
    through = today + timedelta(days=moment.rules.attendance.schedule_ahead_days)
    first = today if group.planned_through is None else max(today, group.planned_through + timedelta(days=1))
    span = range(max(0, (through - first).days + 1))
    return [d for n in span if group.meets_on(d := first + timedelta(days=n))], through
