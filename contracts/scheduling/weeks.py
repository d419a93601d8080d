"""What scheduling says about seats and agreed weeks."""

from contracts.event import PatientEvent, SiteEvent
from contracts.scheduling.parts import SessionOption
from contracts.vocabulary import (
    Count,
    Day,
    Instant,
    Minutes,
    Points,
    Slot,
    Token,
    Weekday,
    Zone,
)


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
    slack_minutes: Minutes | None = None
    """How far the agreed week lies above the minimum: at 0 any missed day breaks the floor."""


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
