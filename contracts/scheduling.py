"""What scheduling says: groups, seats, agreed weeks, sessions and attendance."""

from contracts.event import PatientEvent, SiteEvent
from contracts.vocabulary import (
    Count,
    Day,
    GroupKind,
    Instant,
    LevelOfCare,
    LocalTime,
    Minutes,
    MissKind,
    Modality,
    Part,
    Permille,
    ServiceKind,
    Slot,
    Token,
    Weekday,
    Zone,
)


class Break(Part):
    """A pause inside a session, counted from its start."""

    offset: Minutes
    minutes: Minutes


class SiteOpened(SiteEvent):
    """A treatment site opened for scheduling."""

    AGGREGATE = "site_id"

    tz: Zone
    opens_local: LocalTime
    closes_local: LocalTime
    part2: bool


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


class SeatHeld(PatientEvent):
    """Seats are kept for a person until the hold ends or an admission takes them."""

    request_id: Token
    seat_hold_id: Token
    slots: tuple[Slot, ...]
    weekly_minutes: Minutes
    start_on: Day
    hold_expires_at: Instant


class SeatUnavailable(PatientEvent):
    """No legal week can be made from the free seats."""

    request_id: Token
    cause: Token


class SeatReleased(PatientEvent):
    """Seats are free again."""

    seat_hold_id: Token | None = None
    seats: Count
    cause: Token


class WeeklyScheduleAgreed(PatientEvent):
    """Patient and clinician agreed on a weekly calendar."""

    schedule_id: Token
    version: Count
    effective_from: Day
    tz: Zone
    slots: tuple[Slot, ...]
    planned_weekly_minutes: Minutes
    days_per_week: Weekday
    max_gap_days: Count
    agreed_at: Instant


class WeeklyScheduleChanged(PatientEvent):
    """The weekly calendar changes from a date on."""

    schedule_id: Token
    version: Count
    previous_version: Count
    reason: Token
    effective_from: Day
    tz: Zone
    slots: tuple[Slot, ...]
    planned_weekly_minutes: Minutes
    days_per_week: Weekday


class ScheduleInfeasible(PatientEvent):
    """An approved change of minutes could not be turned into a legal week; a person must decide."""

    wanted_weekly_minutes: Minutes
    cause: Token


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


class SessionCompleted(SiteEvent):
    """A session ended, with its roster counted."""

    AGGREGATE = "session_id"

    session_id: Token
    group_id: Token
    present: Count
    absent: Count
    capacity: Count
    ran: bool


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


class SessionMissed(PatientEvent):
    """One person was expected at a session and did not take part."""

    session_id: Token
    kind: MissKind
    local_date: Day
    tz: Zone
    scheduled_minutes: Minutes
    consecutive_missed: Count


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
