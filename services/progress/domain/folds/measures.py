"""How measures, use and alerts change an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import (
    Alert,
    Result,
    Stage,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_RESULTS = 2


@on(said.SubstanceUseReported)
def _used(state: Episode, fact: said.SubstanceUseReported) -> Episode:
    return replace(state, use_reported_on=fact.reported_on or state.use_reported_on)


@on(said.MeasureRecorded)
def _measured(state: Episode, fact: said.MeasureRecorded) -> Episode:
    result = Result(fact.administered_at, fact.total, fact.change, fact.reliable_change == "deteriorated")
    results = sorted([*state.scores(fact.instrument), result], key=lambda r: r.at)[-KEPT_RESULTS:]
    before_treatment = state.stage in (Stage.ADMITTED, Stage.SCHEDULED)
    return replace(
        state,
        results={**state.results, fact.instrument: tuple(results)},
        baselines={**state.baselines, fact.instrument: fact.total} if before_treatment else state.baselines,
    )


@on(said.SafetyAlertRaised)
def _alerted(state: Episode, fact: said.SafetyAlertRaised) -> Episode:
    alert = Alert(fact.alert_id, fact.kind, fact.severity, fact.due_ack_at)
    return replace(state, alerts=(*(a for a in state.alerts if a.id != alert.id), alert))


def _alert(state: Episode, alert_id: str, **changes: Any) -> Episode:
    return replace(
        state, alerts=tuple(replace(a, **changes) if a.id == alert_id else a for a in state.alerts)
    )


@on(said.SafetyAlertAcknowledged)
def _acknowledged(state: Episode, fact: said.SafetyAlertAcknowledged) -> Episode:
    return _alert(state, fact.alert_id, acknowledged=True)


@on(said.SafetyAlertEscalated)
def _escalated(state: Episode, fact: said.SafetyAlertEscalated) -> Episode:
    return _alert(state, fact.alert_id, escalations=fact.escalation, escalated_at=fact.escalated_at)


@on(said.SafetyAlertResolved)
def _resolved(state: Episode, fact: said.SafetyAlertResolved) -> Episode:
    return replace(state, alerts=tuple(a for a in state.alerts if a.id != fact.alert_id))
