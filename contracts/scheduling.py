"""What scheduling says: groups, seats, agreed weeks, sessions and attendance."""

from contracts.event import PatientEvent, SiteEvent
from contracts.vocabulary import (
    AgeBand,
    Count,
    Day,
    DevicePolicy,
    GroupKind,
    Instant,
    LevelOfCare,
    LocalTime,
    Minutes,
    MissKind,
    Modality,
    Part,
    Permille,
    Points,
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


class WorkingHours(Part):
    """When somebody works on a weekday, in the site's wall time."""

    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime


class Attributes(Part):
    """Whom a group is for; nothing said means everybody."""

    age_band: AgeBand | None = None
    language: Token | None = None
    gender: Token | None = None
    track: Token | None = None


class ServiceCode(Part):
    """A procedure code under which a payer may be billed."""

    code: Token
    modifiers: tuple[Token, ...] = ()


class DayService(Part):
    """One service of a treatment day."""

    session_id: Token
    service_kind: ServiceKind
    creditable_minutes: Minutes
    service_codes: tuple[ServiceCode, ...] = ()


class SessionOption(Part):
    """A session with a free seat that would fit."""

    session_id: Token
    group_id: Token
    start_at: Instant
    creditable_minutes: Minutes


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
    next_available_on: Day | None = None
    """The first day on which a legal week could begin, as far as it is known."""


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
    override_reason: Token | None = None
    """Why a person accepted days that the payer will not pay."""


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
    override_reason: Token | None = None


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
    present_minutes: Minutes | None = None
    break_minutes: Minutes | None = None
    left_early_minutes: Minutes | None = None
    consecutive_missed: Count | None = None
    goals_addressed: tuple[Token, ...] = ()
    service_codes: tuple[ServiceCode, ...] = ()
    authorization_id: Token | None = None


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


class WeekAtRisk(PatientEvent):
    """What can still be reached this week falls short of the level's minimum, or nearly: act now."""

    week_start: Day
    tz: Zone
    credited_minutes: Minutes
    booked_minutes: Minutes
    """Creditable minutes of the sessions still to come in this week."""
    reachable_minutes: Minutes
    """Credited, booked, and what make-up sessions could add."""
    level_min_minutes: Minutes
    lost: bool
    """Even every make-up session cannot save the week."""
    options: tuple[SessionOption, ...] = ()
    cause: Token


class RiskDateSet(PatientEvent):
    """A day on which a person will need more support: a holiday, a wedding, an anniversary."""

    risk_date_id: Token
    on: Day
    kind: Token


class RiskDateCleared(PatientEvent):
    """A risk date no longer stands."""

    risk_date_id: Token


class BoosterProposed(PatientEvent):
    """A risk date comes near; these sessions around it have a seat."""

    risk_date_id: Token
    on: Day
    options: tuple[SessionOption, ...] = ()


class MoveProposed(PatientEvent):
    """Somebody could be placed if this person agreed to other seats; nothing moves without their yes."""

    move_id: Token
    from_slots: tuple[Slot, ...]
    to_slots: tuple[Slot, ...]
    expires_at: Instant


class MoveAnswered(PatientEvent):
    """A proposed move was accepted, declined, or ran out of time."""

    move_id: Token
    answer: Token


class WeekPlanProposed(SiteEvent):
    """A better week for a site was found; it takes effect once published."""

    AGGREGATE = "plan_id"

    plan_id: Token
    week_start: Day
    read_version: Count
    placed: Count
    unplaced: Count
    unplaced_bound: Count
    calendars_changed: Count
    preference: Points
    proven: bool


class WeekPlanPublished(SiteEvent):
    """A plan was put in force with the consent of everybody it moves."""

    AGGREGATE = "plan_id"

    plan_id: Token
    moved: Count


class WeekPlanDropped(SiteEvent):
    """A plan was not put in force: it was outdated, no better, or somebody did not agree."""

    AGGREGATE = "plan_id"

    plan_id: Token
    cause: Token
