"""Safety alerts before admission: raised with their cause, escalated until somebody takes them in hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Refused, Unwake, Wake, Woke, require
from contracts.intake import (
    SafetyAlertAcknowledged,
    SafetyAlertEscalated,
    SafetyAlertRaised,
    SafetyAlertResolved,
)
from contracts.vocabulary import Risk
from services.intake.domain.facts import AlertJoined, AlertsPassedOn, AlertTaken, about
from services.intake.domain.people import local_date, midnight
from services.intake.domain.state import Alert, Referral, Stage

SUICIDE_RISK = "suicide_risk"
WITHDRAWAL = "withdrawal"
CLINICAL = ("clinician", "director")
_RISKS = list(Risk)


@dataclass(frozen=True, slots=True)
class AcknowledgeAlert:
    """A clinician takes an alert in hand."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class ResolveAlert:
    """A clinician closes an alert; `plan_ref` points at what was done."""

    alert_id: str
    plan_ref: str | None = None


def alert_of(referral: Referral, kind: str) -> Alert | None:
    """The open alert of a kind: there is at most one (K13)."""
    return next((a for a in referral.alerts if a.kind == kind), None)


def raise_alert(
    referral: Referral, kind: str, severity: Risk, reasons: tuple[str, ...], moment: Moment
) -> list[Any]:
    """One open alert of a kind: new facts join it, and its severity only rises (K13)."""
    standing = alert_of(referral, kind)
    risen = standing is None or _RISKS.index(severity) > _RISKS.index(standing.severity)
    alert_id = standing.id if standing else moment.new_id(f"alert/{kind}")
    joined = AlertJoined(alert_id, reasons)
    if not risen:
        return [joined]
    due = _due(referral, severity, moment)
    if standing is not None and standing.acknowledged_at is None and standing.due_ack_at > moment.at:
        due = min(due, standing.due_ack_at)
    raised = SafetyAlertRaised(
        **about(referral, moment), alert_id=alert_id, kind=kind, severity=severity, due_ack_at=due,
        raised_at=standing.raised_at if standing else moment.at,
    )  # fmt: skip
    return [raised, joined, Wake(due, f"alert_due:{alert_id}")]


def take_over(referral: Referral, alerts: Sequence[Alert], moment: Moment) -> list[Any]:
    """What was open on an earlier way of the same person is open here, under the same id."""
    facts: list[Any] = []
    for alert in alerts:
        if alert_of(referral, alert.kind) is not None:
            facts += raise_alert(referral, alert.kind, alert.severity, alert.reasons, moment)
            continue
        raised = SafetyAlertRaised(
            **about(referral, moment),
            alert_id=alert.id,
            kind=alert.kind,
            severity=alert.severity,
            due_ack_at=alert.due_ack_at,
            raised_at=alert.raised_at,
        )
        due = Wake(max(moment.at, alert.due_ack_at), f"alert_due:{alert.id}")
        facts += [raised, AlertTaken(alert), *([due] if alert.acknowledged_at is None else [])]
    return facts


def pass_on(referral: Referral, to: str) -> list[Any]:
    """The open alerts are looked after elsewhere from now on."""
    return [AlertsPassedOn(to), *(Unwake(f"alert_due:{alert.id}") for alert in referral.alerts)]


def acknowledge_alert(referral: Referral, command: AcknowledgeAlert, moment: Moment) -> list[Any]:
    """Lateness is judged by the instant of the acknowledgement; what was due never moves."""
    alert = _open_alert(referral, command.alert_id)
    require(
        "alert_not_acknowledged",
        "The alert cannot be acknowledged",
        [
            _clinical(moment),
            Guard("not_acknowledged", alert.acknowledged_at is None, "somebody acknowledged it already"),
        ],
    )
    acknowledged = SafetyAlertAcknowledged(
        **about(referral, moment),
        alert_id=alert.id,
        acknowledged_at=moment.at,
        late=moment.at > alert.due_ack_at,
    )
    return [acknowledged, Unwake(f"alert_due:{alert.id}")]


def resolve_alert(referral: Referral, command: ResolveAlert, moment: Moment) -> list[Any]:
    """Only a person closes an alert, and only one that was taken in hand."""
    alert = _open_alert(referral, command.alert_id)
    require(
        "alert_not_resolved",
        "The alert cannot be resolved",
        [
            _clinical(moment),
            Guard("acknowledged", alert.acknowledged_at is not None, "nobody acknowledged it yet"),
        ],
    )
    resolved = SafetyAlertResolved(
        **about(referral, moment), alert_id=alert.id, resolved_at=moment.at, plan_ref=command.plan_ref
    )
    return [resolved, Unwake(f"alert_due:{alert.id}")]


def escalate_alert(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """Nobody acknowledged in time: tell the next, and again, until somebody does."""
    alert_id = woke.what.partition(":")[2]
    alert = next((a for a in referral.alerts if a.id == alert_id), None)
    if alert is None or alert.acknowledged_at is not None or moment.at < alert.due_ack_at:
        return []
    rules = moment.rules.intake
    escalated = SafetyAlertEscalated(
        **about(referral, moment),
        alert_id=alert.id,
        kind=alert.kind,
        severity=alert.severity,
        due_ack_at=alert.due_ack_at,
        escalation=alert.escalations + 1,
        to_role=rules.escalate_to[min(alert.escalations, len(rules.escalate_to) - 1)],
    )
    again = timedelta(minutes=rules.escalate_minutes[alert.severity])
    return [escalated, Wake(moment.at + again, woke.what)]


def hand_over(referral: Referral) -> list[Any]:
    """At admission the alerts go with the person: whoever leads the episode wakes for them."""
    return [Unwake(f"alert_due:{alert.id}") for alert in referral.alerts]


def _due(referral: Referral, severity: Risk, moment: Moment) -> datetime:
    if severity is Risk.HIGH:
        return moment.at + timedelta(minutes=moment.rules.intake.ack_minutes_high)
    tomorrow = local_date(moment.at, referral.tz) + timedelta(days=1)
    return midnight(tomorrow, referral.tz)


def _open_alert(referral: Referral, alert_id: str) -> Alert:
    for alert in referral.alerts:
        if alert.id == alert_id and referral.stage is not Stage.ADMITTED:
            return alert
    raise Refused("alert_unknown", "This referral has no such open alert.", status=404)


def _clinical(moment: Moment) -> Guard:
    return Guard("clinical", moment.actor.role in CLINICAL, "only a clinician may do this")
