"""How an episode begins, goes on and ends."""

from dataclasses import replace

from contracts import progress as said
from services.progress.domain.facts import (
    Admitted,
    AuthorizationNoted,
    CoverageNoted,
    Extension,
    Stage,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode


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
    )


@on(said.EpisodeStateChanged)
def _moved(state: Episode, fact: said.EpisodeStateChanged) -> Episode:
    return replace(state, stage=Stage(fact.to_state))


@on(said.ExtensionRequested)
def _extension_asked(state: Episode, fact: said.ExtensionRequested) -> Episode:
    return replace(state, extension=Extension(fact.request_id, fact.to_planned_end_on))


@on(said.ExtensionApproved)
def _extension_given(state: Episode, fact: said.ExtensionApproved) -> Episode:
    return replace(state, extension=None, extended=True, planned_end_on=fact.to_planned_end_on)


@on(said.ExtensionDenied)
def _extension_denied(state: Episode, _fact: said.ExtensionDenied) -> Episode:
    return replace(state, extension=None, denied_end_on=state.planned_end_on)


@on(said.PatientDischarged)
def _discharged(state: Episode, fact: said.PatientDischarged) -> Episode:
    return replace(state, discharged_on=fact.discharged_on)


@on(CoverageNoted)
def _covered(state: Episode, fact: CoverageNoted) -> Episode:
    others = [c for c in state.coverage if c.since != fact.coverage.since]
    return replace(state, coverage=tuple(sorted([*others, fact.coverage], key=lambda c: c.since)))


@on(AuthorizationNoted)
def _authorized(state: Episode, fact: AuthorizationNoted) -> Episode:
    others = [a for a in state.authorizations if a.id != fact.authorization.id]
    return replace(state, authorizations=(*others, fact.authorization))
