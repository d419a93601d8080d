"""Recommendations and what people decide on them."""

from contracts.event import PatientEvent
from contracts.vocabulary import Criterion, Day, Instant, LevelOfCare, Minutes, Token


class StepDownRecommended(PatientEvent):
    """The facts speak for less treatment: fewer minutes, or a lower level. A clinician decides."""

    recommendation_id: Token
    kind: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    from_weekly_minutes: Minutes
    to_weekly_minutes: Minutes
    criteria: tuple[Criterion, ...]
    generated_by: Token
    expires_at: Instant
    until_on: Day | None = None
    """Last day of a transition taper."""
    payer_review: bool = False
    """The payer may judge this differently: somebody tells them before it happens."""


class StepUpRecommended(PatientEvent):
    """The facts speak for more treatment. A clinician decides."""

    recommendation_id: Token
    kind: Token
    trigger: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    from_weekly_minutes: Minutes
    to_weekly_minutes: Minutes
    criteria: tuple[Criterion, ...]
    generated_by: Token
    expires_at: Instant
    until_on: Day | None = None
    """Last day of a transition taper."""
    payer_review: bool = False
    """The payer may judge this differently: somebody tells them before it happens."""
    urgency: Token | None = None
    """urgent where safety or withdrawal is behind it, else routine."""


class RecommendationDeclined(PatientEvent):
    """A recommendation is off the table: declined, expired, superseded, or its ground is gone."""

    recommendation_id: Token
    by: Token
    reason: Token
    declined_on: Day | None = None
    """Where a clinician said no."""


class StepDownApproved(PatientEvent):
    """A clinician approved a step down and the patient agreed."""

    recommendation_id: Token
    kind: Token
    to_level: LevelOfCare
    to_weekly_minutes: Minutes
    effective_on: Day
    approver_id: Token
    patient_agreed: bool
    approver_credential: Token | None = None
    authorization_id: Token | None = None
    until_on: Day | None = None
    payer_review: bool = False


class StepUpApproved(PatientEvent):
    """A clinician approved a step up."""

    recommendation_id: Token
    kind: Token
    to_level: LevelOfCare
    to_weekly_minutes: Minutes
    effective_on: Day
    approver_id: Token
    patient_agreed: bool
    approver_credential: Token | None = None
    authorization_id: Token | None = None
    planned_end_on: Day | None = None
    """The new planned end of somebody who is readmitted."""


class LevelOfCareChanged(PatientEvent):
    """From a date on, a person is treated at another level of care."""

    loc_segment_id: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    effective_on: Day
    authorization_required: bool


class RecommendationReviewOpened(PatientEvent):
    """A clinician took a step up in hand: the episode waits for the answer."""

    recommendation_id: Token
    reviewer_id: Token


class TeamAsked(PatientEvent):
    """The team's opinion on a recommendation is asked for."""

    recommendation_id: Token
    roles: tuple[Token, ...]


class TeamAnswered(PatientEvent):
    """One of the team said what they think of a recommendation."""

    recommendation_id: Token
    opinion: Token
    """for, against or unsure."""


class PatientAgreementRecorded(PatientEvent):
    """What the patient thinks of a recommendation."""

    recommendation_id: Token
    agreed: bool


class ReviewTaskRaised(PatientEvent):
    """Something decided lost its ground, or ran out: a person must look at it."""

    task_id: Token
    about: Token
    subject_id: Token
    due_on: Day


class ReviewTaskClosed(PatientEvent):
    """A person looked at what had to be looked at."""

    task_id: Token
    outcome: Token
