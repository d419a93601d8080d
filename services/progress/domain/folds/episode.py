"""How an episode begins, goes on and ends."""

from dataclasses import fields, replace

from contracts import progress as said
from services.progress.domain.facts import (
    Admitted,
    AuthorizationNoted,
    CoverageNoted,
    Extension,
    Stage,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.kept import Ended, Hold, Reassessment, Rest
from services.progress.domain.state import Episode

KEPT_RESTS = 40
KEPT_REASSESSMENTS = 10


def begin(fact: Admitted) -> Episode:
    """The episode that an admission begins."""
    return Episode(
        id=fact.episode_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        patient_id=fact.patient_id,
        part2=fact.part2,
        tz=fact.tz,
        program_id=fact.program_id,
        program_kind=fact.program_kind,
        age_band=fact.age_band,
        clinician_id=fact.clinician_id,
        coverage=fact.coverage,
        authorizations=fact.authorizations,
        admitted_on=fact.admitted_on,
        planned_end_on=fact.planned_end_on,
        home_level=fact.level,
        level=fact.level,
        level_before=fact.level,
        level_since=fact.admitted_on,
        weekly_minutes=fact.weekly_minutes,
        stepped_on=fact.admitted_on,
        baselines=fact.baselines,
        alerts=fact.alerts,
        starts=fact.starts,
        certified_on=fact.certified_on,
        certified_through=fact.certified_through,
    )


@on(said.EpisodeStateChanged)
def _moved(state: Episode, fact: said.EpisodeStateChanged) -> Episode:
    return replace(state, stage=Stage(fact.to_state))


@on(said.EpisodeHeld)
def _held(state: Episode, fact: said.EpisodeHeld) -> Episode:
    hold_id = fact.hold_id or f"hold-{fact.held_from}"
    return replace(state, hold=Hold(hold_id, fact.reason, fact.held_from, fact.expected_return_on))


@on(said.EpisodeResumed)
def _resumed(state: Episode, fact: said.EpisodeResumed) -> Episode:
    rested = (Rest(state.hold.since, fact.resumed_on),) if state.hold else ()
    # What was asked for before is asked for anew: nobody has missed it while treatment rested.
    return replace(state, hold=None, rests=(*state.rests, *rested)[-KEPT_RESTS:], request=None)


@on(said.PatientReassessed)
def _reassessed(state: Episode, fact: said.PatientReassessed) -> Episode:
    made = Reassessment(fact.reassessment_id, fact.depth, fact.recommended_level, fact.reassessed_on)
    known = sorted((*state.reassessments, made), key=lambda r: r.on)
    done = state.screening is not None and state.screening.due_on <= made.on
    return replace(
        state,
        reassessments=tuple(known[-KEPT_REASSESSMENTS:]),
        screening=None if done else state.screening,
    )


@on(said.RecertificationDue)
def _certification_asked(state: Episode, fact: said.RecertificationDue) -> Episode:
    return replace(state, certification_told=(fact.due_on, -1 if fact.lapsed else fact.days_left))


@on(said.RecertificationRecorded)
def _certified(state: Episode, fact: said.RecertificationRecorded) -> Episode:
    return replace(
        state,
        certified_on=fact.certified_on,
        certified_through=fact.next_due_on,
    )


@on(said.ExtensionRequested)
def _extension_asked(state: Episode, fact: said.ExtensionRequested) -> Episode:
    asked = Extension(fact.request_id, fact.to_planned_end_on, fact.reasons, fact.generated_by or "rule")
    return replace(state, extension=asked)


@on(said.ExtensionApproved)
def _extension_given(state: Episode, fact: said.ExtensionApproved) -> Episode:
    return replace(state, extension=None, extended=True, planned_end_on=fact.to_planned_end_on)


@on(said.ExtensionDenied)
def _extension_denied(state: Episode, _fact: said.ExtensionDenied) -> Episode:
    return replace(state, extension=None, denied_end_on=state.planned_end_on)


@on(said.PatientDied)
def _died(state: Episode, fact: said.PatientDied) -> Episode:
    return replace(state, died=True, died_on=fact.died_on)


@on(said.PatientDischarged)
def _discharged(state: Episode, fact: said.PatientDischarged) -> Episode:
    return replace(state, discharged_on=fact.discharged_on, ended=_as_said(fact, 0), hold=None)


@on(said.DischargeCorrected)
def _discharge_corrected(state: Episode, fact: said.DischargeCorrected) -> Episode:
    return replace(state, discharged_on=fact.discharged_on, ended=_as_said(fact, fact.correction))


def _as_said(fact: said.PatientDischarged | said.DischargeCorrected, corrections: int) -> Ended:
    known = {f.name: getattr(fact, f.name) for f in fields(Ended) if f.name != "corrections"}
    return Ended(**known, corrections=corrections)


@on(CoverageNoted)
def _covered(state: Episode, fact: CoverageNoted) -> Episode:
    others = [c for c in state.coverage if c.since != fact.coverage.since]
    coverage = tuple(sorted([*others, fact.coverage], key=lambda c: c.since))
    return replace(state, coverage=coverage)


@on(AuthorizationNoted)
def _authorized(state: Episode, fact: AuthorizationNoted) -> Episode:
    others = [a for a in state.authorizations if a.id != fact.authorization.id]
    return replace(state, authorizations=(*others, fact.authorization))
