"""Safety alerts."""

from contracts.event import PatientEvent
from contracts.vocabulary import Count, Instant, Risk, Token


class SafetyAlertRaised(PatientEvent):
    """Somebody must look after this person now."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant


class SafetyAlertEscalated(PatientEvent):
    """Nobody took an alert in hand in time: more people are told."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant
    escalation: Count
    to_role: Token
    escalated_at: Instant | None = None


class SafetyAlertAcknowledged(PatientEvent):
    """A clinician took a safety alert in hand."""

    alert_id: Token
    acknowledged_at: Instant
    late: bool


class SafetyAlertResolved(PatientEvent):
    """A clinician closed a safety alert."""

    alert_id: Token
    resolved_at: Instant
    plan_ref: Token | None = None
