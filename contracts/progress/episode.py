"""How an episode begins, rests, goes on and ends."""

from contracts.event import PatientEvent
from contracts.vocabulary import Count, Day, DischargeReason, LevelOfCare, Minutes, Part, Score, Token, Zone


class EpisodeStarted(PatientEvent):
    """Progress took over an admitted person."""

    level: LevelOfCare
    planned_end_on: Day
    weekly_minutes: Minutes
    tz: Zone


class EpisodeStateChanged(PatientEvent):
    """An episode moved from one state to another."""

    from_state: Token
    to_state: Token
    transition: Token


class EpisodeHeld(PatientEvent):
    """Treatment rests for a time; the person keeps their seat until the expected return."""

    reason: Token
    held_from: Day
    expected_return_on: Day
    hold_id: Token | None = None


class EpisodeResumed(PatientEvent):
    """Treatment goes on after a hold."""

    resumed_on: Day
    hold_id: Token | None = None
    held_days: Count | None = None


class ExtensionRequested(PatientEvent):
    """The planned end is near and required goals are open: more days are asked for."""

    request_id: Token
    from_planned_end_on: Day
    to_planned_end_on: Day
    days: Count
    reasons: tuple[Token, ...]
    generated_by: Token | None = None
    """rule or clinician."""
    late: bool = False
    late_reason: Token | None = None
    """Why a clinician asked so shortly before the planned end, or after it."""


class ExtensionApproved(PatientEvent):
    """A clinician extended the episode."""

    request_id: Token
    from_planned_end_on: Day
    to_planned_end_on: Day
    reasons: tuple[Token, ...] = ()
    authorization_id: Token | None = None
    approver_id: Token | None = None


class ExtensionDenied(PatientEvent):
    """A clinician decided against an extension."""

    request_id: Token
    reason: Token


class OutreachAttempted(PatientEvent):
    """Somebody tried to reach a person who stayed away."""

    channel: Token
    attempts: Count
    reached: bool
    attempted_on: Day | None = None


class ExitMeasure(Part):
    """Where an instrument began and where it ended."""

    instrument: Token
    baseline: Score | None = None
    last: Score


class PatientDischarged(PatientEvent):
    """An episode of care ended."""

    reason: DischargeReason
    teds_reason: Token
    discharged_on: Day
    admitted_on: Day
    last_service_on: Day | None = None
    los_days: Count
    level_at_discharge: LevelOfCare
    goals_total: Count
    goals_met: Count
    first_service_on: Day | None = None
    readmission_eligible: bool = True
    aftercare_plan_id: Token | None = None
    detail_code: Token | None = None
    """What a state asks for beyond the reason."""
    handoff_basis: Token | None = None
    """consent or emergency, where the person is handed to a higher level."""
    exit_measures: tuple[ExitMeasure, ...] = ()
    signed: bool | None = None
    """Whether who leaves against advice signed so; False where they refused to."""


class DischargeCorrected(PatientEvent):
    """What was said of a discharge was wrong: these figures take the place of all said before."""

    correction: Count
    """1 for the first one; the highest counts."""
    because: Token
    """attendance_recorded, attendance_corrected, week_recounted, measure_recorded or death."""
    changed: tuple[Token, ...]
    """The fields that were different before."""
    reason: DischargeReason
    teds_reason: Token
    discharged_on: Day
    admitted_on: Day
    last_service_on: Day | None = None
    los_days: Count
    level_at_discharge: LevelOfCare
    goals_total: Count
    goals_met: Count
    first_service_on: Day | None = None
    readmission_eligible: bool = True
    aftercare_plan_id: Token | None = None
    detail_code: Token | None = None
    handoff_basis: Token | None = None
    exit_measures: tuple[ExitMeasure, ...] = ()
    signed: bool | None = None


class PatientReassessed(PatientEvent):
    """A person was screened or assessed anew during an episode."""

    reassessment_id: Token
    depth: Token
    """screening or assessment."""
    recommended_level: LevelOfCare
    assessor_credential: Token
    reassessed_on: Day


class RecertificationDue(PatientEvent):
    """A physician must certify the need for treatment again."""

    due_on: Day
    days_left: Count
    lapsed: bool


class RecertificationRecorded(PatientEvent):
    """A physician certified the need for treatment."""

    certified_by: Token
    credential: Token
    certified_on: Day
    next_due_on: Day


class PatientDied(PatientEvent):
    """A person died; nobody writes to them any more."""

    died_on: Day | None = None
    reported_on: Day
