"""The board of a site: gathered, decided on, and what was decided recorded.

Locks are taken in one order: a group, its site, clinicians, sessions. Whoever changes what a board
shows holds the site for itself; who only plans ahead shares it.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from contracts.decisions import Moment, Wake
from contracts.scheduling import SessionCancelled, SessionReassigned, SessionRestored
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import board as boards
from services.scheduling.domain import groups, sessions
from services.scheduling.domain.board import Board
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import civil_date, midnight, monday_of
from services.scheduling.domain.sites import Site
from services.scheduling.store import CLINICIANS, GROUPS, SESSIONS

PLAN_EVERY = timedelta(days=7)


async def board_of(
    unit: Unit, sites: Mapping[str, Site], moment: Moment, *, about: Iterable[str | None] = ()
) -> Board:
    """Everything about some sites that are held, and about whoever works there also elsewhere.

    Clinicians it is about are locked, and all of them where somebody must be substituted.
    """
    network_id = next(iter(sites.values())).network_id
    listed = await store.clinicians_at(unit.db, network_id, sites)
    away = any(absence.to_at > moment.at for c in listed.values() for absence in c.absences)
    wanted = {c for c in about if c} | (set(listed) if away else set())
    if wanted:
        locked = await unit.load_many(CLINICIANS, wanted)
        listed |= {k: c for k, c in locked.items() if c.network_id == network_id}
    everywhere = {*sites, *(x.site_id for c in listed.values() for x in c.listings)}
    monday = monday_of(min(civil_date(moment.at, s.tz) for s in sites.values()))
    return Board(
        sites,
        await store.groups_at(unit.db, network_id, everywhere),
        listed,
        await store.sessions_at(unit.db, network_id, everywhere, monday),
    )


async def planning_board(unit: Unit, site: Site, group: Group, moment: Moment) -> Board:
    """As little of the board as planning a group ahead needs: all of it only where somebody is away."""
    listed = await store.clinicians_at(unit.db, site.network_id, (site.id,))
    if any(absence.to_at > moment.at for c in listed.values() for absence in c.absences):
        return await board_of(unit, {site.id: site}, moment)
    return Board({site.id: site}, {group.id: group}, listed, {})


async def settle(
    unit: Unit, board: Board, affected: Iterable[str], cause: str, moment: Moment
) -> dict[str, Any]:
    """Make the calendar true again; what became of the sessions, as an answer."""
    held = await unit.load_many(SESSIONS, affected)
    board.sessions.update(held)
    told: dict[str, Any] = {"cancelled": [], "restored": [], "reassigned": []}
    for session_id, facts in boards.settle(board, held, cause, moment).items():
        unit.record(SESSIONS, session_id, facts)
        for fact in facts:
            if isinstance(fact, SessionCancelled):
                told["cancelled"].append(session_id)
            elif isinstance(fact, SessionRestored):
                told["restored"].append(session_id)
            elif isinstance(fact, SessionReassigned):
                told["reassigned"].append({"session_id": session_id, "facilitator_id": fact.facilitator_id})
    return told


async def plan(unit: Unit, board: Board, group: Group, moment: Moment) -> None:
    """Put the next sessions of a group on the calendar, those that will not take place as cancelled."""
    days, through = groups.days_to_plan(group, moment)
    ids = {day: sessions.session_id_of(group.id, day) for day in days}
    known = await unit.load_many(SESSIONS, ids.values())
    new = []
    for day, session_id in ids.items():
        facts = sessions.schedule(group, day, moment) if session_id not in known else ()
        if facts:
            unit.record(SESSIONS, session_id, facts)
            new.append(session_id)
    await settle(unit, board, new, "planned", moment)
    again = [] if group.closed_on(through) else [Wake(_again_at(group, through, moment), "extend")]
    unit.record(GROUPS, group.id, [groups.SessionsPlanned(through), *again])


def _again_at(group: Group, through: date, moment: Moment) -> datetime:
    ahead = timedelta(days=moment.rules.attendance.schedule_ahead_days)
    return midnight(through - ahead + PLAN_EVERY, group.tz)
