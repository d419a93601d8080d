"""Measures, and what people tell of use, medication and recovery."""

from pydantic import Field

from contracts.event import PatientEvent
from contracts.vocabulary import Count, Day, Instant, Minutes, Score, Token


class MeasureRecorded(PatientEvent):
    """An instrument was scored during treatment and held against the baseline."""

    instrument: Token
    version: Token
    total: Score
    band: Token
    administered_at: Instant
    previous_total: Score | None = None
    baseline_total: Score | None = None
    change: Score | None = None
    reliable_change: Token
    response: bool | None = None
    remission: bool | None = None
    flags: tuple[Token, ...] = ()
    measure_id: Token | None = None
    subscales: dict[Token, Score] = Field(default_factory=dict)
    change_from_previous: Score | None = None
    off_track: bool | None = None
    """The total is above what predicts a poor outcome at this week of treatment."""
    supersedes_measure_id: Token | None = None
    """The entry that was wrong."""


class ProfileRecorded(PatientEvent):
    """An instrument that has no total was scored during treatment; in hundredths where it has decimals."""

    measure_id: Token
    instrument: Token
    version: Token
    administered_at: Instant
    band: Token | None = None
    subscales: dict[Token, Score] = Field(default_factory=dict)
    previous: dict[Token, Score] = Field(default_factory=dict)
    baseline: dict[Token, Score] = Field(default_factory=dict)
    flags: tuple[Token, ...] = ()
    supersedes_measure_id: Token | None = None
    """The entry that was wrong."""


class SubstanceUseReported(PatientEvent):
    """A lapse or relapse became known."""

    report_id: Token
    source: Token
    used_on: Day
    classification: Token
    substances: tuple[Token, ...] = ()
    reported_on: Day | None = None
    confirmed: bool = True
    """Not where a machine read it off an instrument and nobody has asked the person yet."""
    supersedes_report_id: Token | None = None


class SubstanceUseWithdrawn(PatientEvent):
    """What a machine had reported as use was none; what was decided meanwhile stays decided."""

    report_id: Token
    reason: Token
    withdrawn_on: Day


class MeasuresDue(PatientEvent):
    """Instruments are to be filled in; the first time or as a reminder."""

    instruments: tuple[Token, ...]
    due_on: Day
    expires_on: Day
    reminder: Count = 0


class MeasuresMissed(PatientEvent):
    """Instruments that were due were not filled in, and their time is over."""

    instruments: tuple[Token, ...]
    due_on: Day


class ScreeningDue(PatientEvent):
    """Somebody on the staff asks the person anew whether they think of suicide; no form waits for them."""

    instrument: Token
    because: Token
    """item_9 or absence."""
    due_on: Day


class RecoveryActivityLogged(PatientEvent):
    """A person took part in something outside the program; it is never treatment time."""

    activity_id: Token
    kind: Token
    """meeting_12step, sponsor_contact, alumni or other."""
    on: Day
    minutes: Minutes | None = None
    step: Count | None = None


class MedicationStatusRecorded(PatientEvent):
    """How a person takes a medication that was prescribed."""

    medication_ref: Token
    adherence: Token
    recorded_on: Day


class RelapseResponded(PatientEvent):
    """What is done about use that became known, as one decision with its parts."""

    response_id: Token
    report_id: Token | None = None
    actions: tuple[Token, ...]
    """add_sessions, restart_early_recovery, step_up, individual_session or detox_referral."""
    added_weekly_minutes: Minutes = 0
    responded_on: Day
