"""What cannot wait: safety alerts, and use that an instrument shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import (
    SafetyAlertAcknowledged,
    SafetyAlertEscalated,
    SafetyAlertRaised,
    SafetyAlertResolved,
    SubstanceUseReported,
)
from contracts.rulebook import Rulebook
from contracts.vocabulary import Risk
from services.progress.domain.facts import Alert
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, about, after_days, clinical

SUICIDE_RISK = "suicide_risk"
WITHDRAWAL = "withdrawal"
LAPSE = "lapse"
_RISKS = list(Risk)


@dataclass(frozen=True, slots=True)
class AcknowledgeAlert:
    """A clinician takes an alert in hand."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class ResolveAlert:
    """A clinician closes an alert."""

    alert_id: str
    plan_ref: str | None = None
    """Where it is written what was agreed on."""


def raise_alert(kind: str, severity: Risk) -> Step:
    """One open alert of a kind: what is found while it stands joins it, and its severity only rises (K13)."""

    def raised(state: Episode, moment: Moment) -> Facts:
        standing = next((a for a in state.alerts if a.kind == kind), None)
        if standing is not None and _RISKS.index(severity) <= _RISKS.index(standing.severity):
            return []
        due = _due(state, severity, moment)
        if standing is not None and not standing.acknowledged and standing.due_ack_at > moment.at:
            due = min(due, standing.due_ack_at)
        return [
            SafetyAlertRaised(
                **about(state, moment.actor),
                alert_id=standing.id if standing else moment.new_id(f"alert/{kind}"),
                kind=kind,
                severity=severity,
                due_ack_at=due,
            )
        ]

    return raised


def _due(state: Episode, severity: Risk, moment: Moment) -> datetime:
    if severity is Risk.HIGH:
        return moment.at + timedelta(minutes=moment.rules.intake.ack_minutes_high)
    return after_days(state.day(moment.at), 1, state.tz)


def report_lapse(at: datetime) -> Step:
    """An instrument shows use where there had been none: a lapse, until a person says more (GB2)."""

    def reported(state: Episode, moment: Moment) -> Facts:
        return [
            SubstanceUseReported(
                **about(state, moment.actor),
                report_id=moment.new_id("use"),
                source="measure",
                used_on=state.day(at),
                classification=LAPSE,
                reported_on=state.day(moment.at),
                confirmed=False,
            )
        ]

    return reported


def acknowledge_alert(state: Episode, command: AcknowledgeAlert, moment: Moment) -> Facts:
    """Late or not is judged by the instant of the acknowledgement; the due time never moves."""
    alert = _alert(state, command.alert_id)
    require(
        "alert_not_acknowledged",
        "The alert cannot be acknowledged",
        [clinical(moment), Guard("open", not alert.acknowledged, "somebody acknowledged it already")],
    )
    return [
        SafetyAlertAcknowledged(
            **about(state, moment.actor),
            alert_id=alert.id,
            acknowledged_at=moment.at,
            late=moment.at > alert.due_ack_at,
        )
    ]


def resolve_alert(state: Episode, command: ResolveAlert, moment: Moment) -> Facts:
    """Only a person closes an alert that was taken in hand; then less treatment may be thought of again."""
    alert = _alert(state, command.alert_id)
    require(
        "alert_not_resolved",
        "The alert cannot be resolved",
        [clinical(moment), Guard("acknowledged", alert.acknowledged, "nobody acknowledged it yet")],
    )
    return [
        SafetyAlertResolved(
            **about(state, moment.actor),
            alert_id=alert.id,
            resolved_at=moment.at,
            plan_ref=command.plan_ref,
        )
    ]


def escalate_alert(state: Episode, message: Woke, moment: Moment) -> Facts:
    """Nobody acknowledged in time: the lateness is kept, the next is told, and again until somebody does."""
    alert_id = message.what.partition(":")[2]
    alert = next((a for a in state.alerts if a.id == alert_id), None)
    if state.died or alert is None or alert.acknowledged or moment.at < alert.due_ack_at:
        return []
    rules = moment.rules.intake
    escalated = SafetyAlertEscalated(
        **about(state, moment.actor),
        alert_id=alert.id,
        kind=alert.kind,
        severity=alert.severity,
        due_ack_at=alert.due_ack_at,
        escalation=alert.escalations + 1,
        escalated_at=moment.at,
        to_role=rules.escalate_to[min(alert.escalations, len(rules.escalate_to) - 1)],
    )
    return [escalated]


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """When each alert that nobody acknowledged is due, and again after every escalation, until a death."""
    if state.died:
        return {}
    return {
        f"alert_due:{a.id}": a.due_ack_at
        if a.escalated_at is None
        else a.escalated_at + _patience(a.severity, rules)
        for a in state.alerts
        if not a.acknowledged
    }


def _patience(severity: Risk, rules: Rulebook) -> timedelta:
    """How long nobody else is told; what was handed over with a lesser severity than ours is told on too."""
    minutes = rules.intake.escalate_minutes
    return timedelta(minutes=minutes.get(severity, max(minutes.values())))


def _alert(state: Episode, alert_id: str) -> Alert:
    for alert in state.alerts:
        if alert.id == alert_id:
            return alert
    raise Refused("alert_unknown", "This episode has no such open alert.", status=404)
