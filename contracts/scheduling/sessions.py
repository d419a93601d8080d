"""What scheduling says about sessions and who was there."""

from contracts.event import PatientEvent, SiteEvent
from contracts.scheduling.parts import Break, DayService, ServiceCode
from contracts.vocabulary import (
    Count,
    Day,
    DevicePolicy,
    GroupKind,
    Instant,
    LevelOfCare,
    Minutes,
    MissKind,
    Modality,
    Permille,
    ServiceKind,
    Token,
    Zone,
)


class SessionScheduled(SiteEvent):
    """A session of a group was put on the calendar."""

    AGGREGATE = "session_id"

    session_id: Token
    group_id: Token
    service_kind: ServiceKind
    start_at: Instant
    end_at: Instant
    tz: Zone
    local_date: Day
    capacity: Count = 0
    breaks: tuple[Break, ...] = ()
    facilitator_id: Token | None = None
    room_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class SessionReassigned(SiteEvent):
    """A session takes place at its time with another clinician or in another room."""

    AGGREGATE = "session_id"

    session_id: Token
    facilitator_id: Token | None = None
    room_id: Token | None = None
    cause: Token


class SessionCancelled(SiteEvent):
    """A session does not take place."""

    AGGREGATE = "session_id"

    session_id: Token
    group_id: Token
    service_kind: ServiceKind
    start_at: Instant
    end_at: Instant
    tz: Zone
    local_date: Day
    cause: Token


class SessionRestored(SiteEvent):
    """A cancelled session takes place after all."""

    AGGREGATE = "session_id"

    session_id: Token
    cause: Token


class SessionCompleted(SiteEvent):
    """A session ended, with its roster counted."""

    AGGREGATE = "session_id"

    session_id: Token
    group_id: Token
    present: Count
    absent: Count
    capacity: Count
    ran: bool


class PatientBooked(PatientEvent):
    """One person comes to one session beside the agreed week: to make up, as a booster, or walking in."""

    booking_id: Token
    session_id: Token
    group_id: Token
    cause: Token
    start_at: Instant
    end_at: Instant
    tz: Zone
    local_date: Day
    modality: Modality = Modality.IN_PERSON


class BookingCancelled(PatientEvent):
    """One person does not come to one session, said before it began."""

    session_id: Token
    cancelled_by: Token
    kind: MissKind
    notice_minutes: Minutes
    local_date: Day
    tz: Zone
    booking_id: Token | None = None


class PatientCheckedIn(PatientEvent):
    """A person arrived; what they carry is kept as the site's device policy says."""

    session_id: Token
    at: Instant
    device_policy: DevicePolicy
    items: tuple[Token, ...] = ()
    locker_id: Token | None = None


class PatientCheckedOut(PatientEvent):
    """A person left with what was kept for them."""

    session_id: Token
    at: Instant
    returned: bool


class SessionAttended(PatientEvent):
    """One person took part in one session."""

    session_id: Token
    group_id: Token
    service_kind: ServiceKind
    start_at: Instant
    end_at: Instant
    tz: Zone
    local_date: Day
    modality: Modality
    present_minutes: Minutes
    break_minutes: Minutes
    creditable_minutes: Minutes
    late_minutes: Minutes
    left_early_minutes: Minutes
    group_size_present: Count
    level: LevelOfCare
    group_kind: GroupKind | None = None
    facilitator_id: Token | None = None
    goals_addressed: tuple[Token, ...] = ()
    service_codes: tuple[ServiceCode, ...] = ()
    authorization_id: Token | None = None
    late_entry: bool = False
    """Recorded after the session was over."""
    walk_in: bool = False


class SessionMissed(PatientEvent):
    """One person was expected at a session and did not take part."""

    session_id: Token
    kind: MissKind
    local_date: Day
    tz: Zone
    scheduled_minutes: Minutes
    consecutive_missed: Count
    notice_minutes: Minutes | None = None


class AttendanceCorrected(PatientEvent):
    """An earlier statement about attendance was wrong; this one replaces it."""

    supersedes_event_id: Token
    session_id: Token
    attended: bool
    creditable_minutes: Minutes
    late_minutes: Minutes
    local_date: Day
    tz: Zone
    reason: Token
    kind: MissKind | None = None
    """As what the absence counts now; nothing where the person attended."""
    start_at: Instant | None = None
    service_kind: ServiceKind | None = None
    group_kind: GroupKind | None = None
    present_minutes: Minutes | None = None
    break_minutes: Minutes | None = None
    left_early_minutes: Minutes | None = None
    consecutive_missed: Count | None = None
    goals_addressed: tuple[Token, ...] = ()
    service_codes: tuple[ServiceCode, ...] = ()
    authorization_id: Token | None = None
    late_entry: bool = False
    """Nobody had recorded it before the session was over."""


class TreatmentDayClosed(PatientEvent):
    """A treatment day is over and counted."""

    local_date: Day
    tz: Zone
    level: LevelOfCare
    service_count: Count
    total_creditable_minutes: Minutes
    meets_day_rule: bool
    day_rule_minutes: Minutes
    units_used_today: Count
    reopened_count: Count
    services: tuple[DayService, ...] = ()
    authorization_id: Token | None = None
    meets_180_min: bool | None = None


class TreatmentWeekClosed(PatientEvent):
    """A treatment week is over and held against the level's band."""

    week_start: Day
    tz: Zone
    level: LevelOfCare
    scheduled_minutes: Minutes
    creditable_minutes: Minutes
    days_attended: Count
    sessions_attended: Count
    sessions_missed: Count
    level_min_minutes: Minutes
    level_max_minutes: Minutes
    below_level_minimum: bool
    short_week: bool
    attendance_ratio_permille: Permille | None = None
    reopened_count: Count
    prescribed_minutes: Minutes | None = None
