"""Closed days and absent clinicians: what becomes of the sessions."""

from collections.abc import Mapping
from typing import Any

from contracts.decisions import Guard, Moment, require
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import clinicians, openings, sites
from services.scheduling.domain.clinicians import BeAway, Clinician, ComeBack, ListClinician
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.sites import Closure, LiftClosure, SetClosure, Site
from services.scheduling.handlers import boards
from services.scheduling.handlers.places import not_found
from services.scheduling.store import CLINICIANS, SITES


async def set_closure(unit: Unit, key: str, command: SetClosure, moment: Moment) -> Mapping[str, Any]:
    """Close a site on some days; what is planned then does not take place."""
    site = await _site(unit, key, command.network_id)
    closed = unit.record(SITES, key, sites.set_closure(site, command, moment))
    return await _settle_days(unit, closed, closed.closures[-1], "closure_set", moment)


async def lift_closure(unit: Unit, key: str, command: LiftClosure, moment: Moment) -> Mapping[str, Any]:
    """Take a closure back; what it alone kept from taking place does."""
    site = await _site(unit, key, command.network_id)
    closure = next((c for c in site.closures if c.id == command.closure_id), None)
    if closure is None:
        raise not_found()
    opened = unit.record(SITES, key, sites.lift_closure(site, closure))
    return await _settle_days(unit, opened, closure, "closure_lifted", moment)


async def _site(unit: Unit, key: str, network_id: str) -> Site:
    site: Site | None = await unit.load(SITES, key)
    if site is None or site.network_id != network_id:
        raise not_found()
    return site


async def _settle_days(
    unit: Unit, site: Site, closure: Closure, cause: str, moment: Moment
) -> Mapping[str, Any]:
    board = await boards.board_of(unit, {site.id: site}, moment)
    of_these_days = [
        s.id for s in board.sessions.values() if s.site_id == site.id and closure.covers(s.local_date)
    ]
    return {"closure_id": closure.id, **await boards.settle(unit, board, of_these_days, cause, moment)}


async def list_clinician(unit: Unit, key: str, command: ListClinician, moment: Moment) -> Mapping[str, Any]:
    """List a clinician at a site, or change what they are there; substitutes are found anew."""
    site = await _site(unit, command.site_id, command.network_id)
    state: Clinician | None = await unit.load(CLINICIANS, key)
    if state is not None and state.network_id != command.network_id:
        raise not_found()
    state = unit.record(CLINICIANS, key, clinicians.list_clinician(site, key, command))
    board = await boards.board_of(unit, {site.id: site}, moment, about=(key,))
    misfits = openings.misfits(board, board.clinicians[key], civil_date(moment.at, site.tz))
    require(
        "clinician_refused",
        "These hours cannot be",
        [
            Guard(
                "groups_within_hours",
                not misfits,
                "the clinician leads groups outside of them",
                {"groups": misfits},
            )
        ],
        hint="Change who leads these groups or close them first.",
    )
    here = [s.id for s in board.sessions.values() if s.site_id == site.id]
    return {"clinician_id": key, **await boards.settle(unit, board, here, "clinician_listed", moment)}


async def be_away(unit: Unit, key: str, command: BeAway, moment: Moment) -> Mapping[str, Any]:
    """A clinician is away: others lead their groups, or the sessions do not take place."""
    held, clinician = await _clinician(unit, key, command)
    after = unit.record(CLINICIANS, key, clinicians.be_away(clinician, command, moment))
    return await _settle_absence(unit, held, after, command.absence_id, after, "clinician_away", moment)


async def come_back(unit: Unit, key: str, command: ComeBack, moment: Moment) -> Mapping[str, Any]:
    """An absence was taken back: what is still to come is the clinician's again."""
    held, clinician = await _clinician(unit, key, command)
    absence = clinicians.absence_of(clinician, command.absence_id)
    if absence is None:
        raise not_found()
    after = unit.record(CLINICIANS, key, clinicians.come_back(clinician, absence))
    return await _settle_absence(unit, held, after, absence.id, clinician, "clinician_back", moment)


async def _clinician(unit: Unit, key: str, command: BeAway | ComeBack) -> tuple[dict[str, Site], Clinician]:
    """A clinician, and every site where they work, each held."""
    where = await store.sites_of_clinician(unit.db, command.network_id, key)
    held = await unit.load_many(SITES, where)
    clinician: Clinician | None = await unit.load(CLINICIANS, key)
    if (
        clinician is None
        or clinician.network_id != command.network_id
        or clinician.site_id not in command.sites
    ):
        raise not_found()
    return held, clinician


async def _settle_absence(
    unit: Unit,
    held: Mapping[str, Site],
    clinician: Clinician,
    absence_id: str,
    known: Clinician,
    cause: str,
    moment: Moment,
) -> Mapping[str, Any]:
    absence = clinicians.absence_of(known, absence_id)
    assert absence is not None
    board = await boards.board_of(unit, held, moment, about=(clinician.id,))
    then = [
        s.id for s in board.sessions.values() if s.site_id in held and absence.overlaps(s.start_at, s.end_at)
    ]
    return {"absence_id": absence_id, **await boards.settle(unit, board, then, cause, moment)}
