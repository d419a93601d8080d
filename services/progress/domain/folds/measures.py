"""How measures, use and alerts change an episode."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import Alert, Result, UseReport
from services.progress.domain.folds.registry import on
from services.progress.domain.kept import Profile, Request, Screening, Start
from services.progress.domain.state import Episode

KEPT_RESULTS = 8
KEPT_REPORTS = 20


@on(said.SubstanceUseReported)
def _used(state: Episode, fact: said.SubstanceUseReported) -> Episode:
    on_day = fact.reported_on or fact.used_on
    report = UseReport(fact.report_id, on_day, fact.classification, fact.confirmed, source=fact.source)
    earlier = (
        replace(r, superseded=True) if r.id == fact.supersedes_report_id else r for r in state.use_reports
    )
    return replace(
        state,
        use_reports=_kept((*earlier, report)),
        use_reported_on=fact.reported_on or state.use_reported_on,
    )


@on(said.SubstanceUseWithdrawn)
def _unused(state: Episode, fact: said.SubstanceUseWithdrawn) -> Episode:
    reports = tuple(replace(r, withdrawn=True) if r.id == fact.report_id else r for r in state.use_reports)
    known = [r.on for r in reports if r.stands]
    return replace(state, use_reports=reports, use_reported_on=max(known, default=None))


def _kept(reports: Sequence[UseReport]) -> tuple[UseReport, ...]:
    """The newest, and of those before them what nobody has answered yet."""
    older, newest = reports[:-KEPT_REPORTS], reports[-KEPT_REPORTS:]
    return (*(r for r in older if r.unsettled), *newest)


@on(said.MeasureRecorded)
def _measured(state: Episode, fact: said.MeasureRecorded) -> Episode:
    state = _screened(_answered(state, fact), fact)
    name, id = fact.instrument, fact.measure_id or ""
    result = Result(
        at=fact.administered_at,
        total=fact.total,
        change=fact.change,
        deteriorated=fact.reliable_change == "deteriorated",
        subscales=fact.subscales,
        measure_id=id,
    )
    others = [r for r in state.scores(name) if r.measure_id != fact.supersedes_measure_id or not r.measure_id]
    results = sorted([*others, result], key=lambda r: r.at)[-KEPT_RESULTS:]
    start = Start(fact.total, fact.subscales, fact.administered_at, fact.version, id)
    begun = _started(state, name, start, fact.supersedes_measure_id)
    totals = {name: fact.total} if begun is not state else {}
    return replace(
        begun,
        results={**state.results, name: tuple(results)},
        baselines={**state.baselines, **totals},
    )


@on(said.ScreeningDue)
def _screening_due(state: Episode, fact: said.ScreeningDue) -> Episode:
    return replace(state, screening=Screening(fact.instrument, fact.because, fact.due_on))


@on(said.ProfileRecorded)
def _profiled(state: Episode, fact: said.ProfileRecorded) -> Episode:
    state = _screened(_answered(state, fact), fact)
    name, at = fact.instrument, fact.administered_at
    profile = Profile(at, fact.version, fact.subscales, fact.band, fact.measure_id)
    others = [p for p in state.profiles.get(name, ()) if p.measure_id != fact.supersedes_measure_id]
    profiles = sorted([*others, profile], key=lambda p: p.at)[-KEPT_RESULTS:]
    start = Start(None, fact.subscales, at, fact.version, fact.measure_id)
    begun = _started(state, name, start, fact.supersedes_measure_id)
    return replace(begun, profiles={**state.profiles, name: tuple(profiles)})


def _screened(state: Episode, fact: said.MeasureRecorded | said.ProfileRecorded) -> Episode:
    due = state.screening
    done = due and due.instrument == fact.instrument and due.due_on <= state.day(fact.administered_at)
    return replace(state, screening=None) if done else state


def _started(state: Episode, name: str, start: Start, superseded: str | None) -> Episode:
    """The newest result before the first attended session is where the person started (K8)."""
    known = state.starts.get(name)
    corrected = known is not None and superseded is not None and known.measure_id == superseded
    newest = known is None or known.at is None or (start.at is not None and start.at >= known.at)
    before = start.at is not None and state.before_treatment(start.at)
    if not before or not (newest or corrected):
        return state
    return replace(state, starts={**state.starts, name: start})


def _answered(state: Episode, fact: said.MeasureRecorded | said.ProfileRecorded) -> Episode:
    """The newest result of an instrument is the answer to the request for it."""
    request, name = state.request, fact.instrument
    if request is None or any(r.at > fact.administered_at for r in state.entries(name)):
        return state
    left = tuple(i for i in request.instruments if i != name)
    return replace(state, request=replace(request, instruments=left) if left else None)


@on(said.MeasuresDue)
def _measures_due(state: Episode, fact: said.MeasuresDue) -> Episode:
    return replace(state, request=Request(fact.instruments, fact.due_on, fact.expires_on, fact.reminder))


@on(said.MeasuresMissed)
def _measures_missed(state: Episode, fact: said.MeasuresMissed) -> Episode:
    return replace(state, request=None, asked={**state.asked, **dict.fromkeys(fact.instruments, fact.due_on)})


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
