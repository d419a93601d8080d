"""What scheduling says about sites, clinicians and groups."""

from contracts.event import SiteEvent
from contracts.scheduling.parts import Attributes, Break, WorkingHours
from contracts.vocabulary import (
    Count,
    Day,
    DevicePolicy,
    GroupKind,
    Instant,
    LevelOfCare,
    LocalTime,
    Modality,
    ServiceKind,
    Token,
    Weekday,
    Zone,
)


class SiteOpened(SiteEvent):
    """A treatment site opened for scheduling."""

    AGGREGATE = "site_id"

    tz: Zone
    opens_local: LocalTime
    closes_local: LocalTime
    part2: bool
    service_days: tuple[Weekday, ...] = (1, 2, 3, 4, 5, 6, 7)
    device_policy: DevicePolicy = DevicePolicy.SURRENDER


class RoomOpened(SiteEvent):
    """A room of a site can be used."""

    AGGREGATE = "site_id"

    room_id: Token
    capacity: Count


class SiteClosureSet(SiteEvent):
    """A site is closed on some days, the first and the last included."""

    AGGREGATE = "site_id"

    closure_id: Token
    from_on: Day
    to_on: Day
    cause: Token


class SiteClosureLifted(SiteEvent):
    """A closure was taken back; sessions that it had cancelled and that are still to come take place."""

    AGGREGATE = "site_id"

    closure_id: Token


class ClinicianListed(SiteEvent):
    """A clinician works at a site: credential, hours and the number of patients of their own."""

    AGGREGATE = "clinician_id"

    clinician_id: Token
    credential: Token
    hours: tuple[WorkingHours, ...]
    caseload_max: Count
    tz: Zone


class ClinicianUnavailable(SiteEvent):
    """A clinician is away for a time."""

    AGGREGATE = "clinician_id"

    clinician_id: Token
    absence_id: Token
    from_at: Instant
    to_at: Instant


class ClinicianBack(SiteEvent):
    """An absence was taken back or shortened to nothing."""

    AGGREGATE = "clinician_id"

    clinician_id: Token
    absence_id: Token


class GroupOpened(SiteEvent):
    """A weekly recurring group opened its doors."""

    AGGREGATE = "group_id"

    group_id: Token
    kind: GroupKind
    levels: tuple[LevelOfCare, ...]
    capacity: Count
    dow: tuple[Weekday, ...]
    start_local: LocalTime
    end_local: LocalTime
    tz: Zone
    breaks: tuple[Break, ...] = ()
    min_to_run: Count = 0
    open_enrolment: bool = True
    attributes: Attributes = Attributes()
    room_id: Token | None = None
    facilitator_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class AppointmentOpened(SiteEvent):
    """A weekly time of a clinician that one patient can have: individual or family."""

    AGGREGATE = "group_id"

    group_id: Token
    service_kind: ServiceKind
    clinician_id: Token
    levels: tuple[LevelOfCare, ...]
    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime
    tz: Zone
    room_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class GroupChanged(SiteEvent):
    """A group is led by somebody else, meets elsewhere, or takes another number from a day on."""

    AGGREGATE = "group_id"

    group_id: Token
    effective_on: Day
    facilitator_id: Token | None = None
    room_id: Token | None = None
    min_to_run: Count | None = None
    open_enrolment: bool | None = None


class GroupClosed(SiteEvent):
    """A group meets for the last time before a day."""

    AGGREGATE = "group_id"

    group_id: Token
    effective_on: Day
    cause: Token
