"""Groups and appointments: opened, changed, closed, and planned ahead."""

from collections.abc import Mapping
from typing import Any

from contracts.decisions import Moment, Refused, Woke
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import openings
from services.scheduling.domain.board import Board
from services.scheduling.domain.groups import ChangeGroup, CloseGroup, Group, OpenAppointment, OpenGroup
from services.scheduling.domain.sites import Site
from services.scheduling.handlers import boards
from services.scheduling.store import GROUPS, SITES


def not_found() -> Refused:
    """What is asked for does not exist for this caller."""
    return Refused("not_found", "There is nothing with this id here.", status=404)


async def open_group(unit: Unit, key: str, command: OpenGroup, moment: Moment) -> None:
    """Open a group with all its seats and its first sessions."""
    existing = await _new(unit, key, command.network_id)
    site = await _site(unit, command.network_id, command.site_id)
    moment = moment.there(site)
    board = await boards.board_of(unit, {site.id: site}, moment, about=(command.facilitator_id,))
    facts = openings.open_group(existing, site, board, key, command, moment)
    board.groups[key] = unit.record(GROUPS, key, facts)
    await store.make_seats(unit.db, board.groups[key])
    await boards.plan(unit, board, board.groups[key], moment)


async def open_appointment(unit: Unit, key: str, command: OpenAppointment, moment: Moment) -> None:
    """Open a weekly time of a clinician with its one seat and its first sessions."""
    existing = await _new(unit, key, command.network_id)
    listed = await store.sites_of_clinician(unit.db, command.network_id, command.clinician_id)
    site_id = command.site_id or next((s for s in listed if s in command.sites), None)
    if site_id is None or site_id not in listed:
        raise not_found()
    site = await _site(unit, command.network_id, site_id)
    moment = moment.there(site)
    board = await boards.board_of(unit, {site.id: site}, moment, about=(command.clinician_id,))
    facts = openings.open_appointment(existing, site, board, key, command, moment)
    board.groups[key] = unit.record(GROUPS, key, facts)
    await store.make_seats(unit.db, board.groups[key])
    await boards.plan(unit, board, board.groups[key], moment)


async def _new(unit: Unit, key: str, network_id: str) -> Group | None:
    existing: Group | None = await unit.load(GROUPS, key)
    if existing is not None and existing.network_id != network_id:
        raise not_found()
    return existing


async def _site(unit: Unit, network_id: str, site_id: str) -> Site:
    site: Site | None = await unit.load(SITES, site_id)
    if site is None or site.network_id != network_id:
        raise Refused("unknown_site", "Open the site before its groups.", status=404)
    return site


async def _own(unit: Unit, key: str, command: ChangeGroup | CloseGroup) -> tuple[Group, Site]:
    group: Group | None = await unit.load(GROUPS, key)
    if group is None or group.network_id != command.network_id or group.site_id not in command.sites:
        raise not_found()
    return group, await _site(unit, group.network_id, group.site_id)


async def change_group(unit: Unit, key: str, command: ChangeGroup, moment: Moment) -> Mapping[str, Any]:
    """Change a group from a day on, and the sessions that are planned already."""
    group, site = await _own(unit, key, command)
    moment = moment.there(site)
    board = await boards.board_of(unit, {site.id: site}, moment, about=(command.facilitator_id,))
    facts = openings.change_group(group, site, board, command, moment)
    board.groups[key] = unit.record(GROUPS, key, facts)
    return await _settle(unit, board, key, "group_changed", moment)


async def close_group(unit: Unit, key: str, command: CloseGroup, moment: Moment) -> Mapping[str, Any]:
    """Close a group from a day on: what is planned later is cancelled, and nobody new is offered a seat."""
    group, site = await _own(unit, key, command)
    moment = moment.there(site)
    board = await boards.board_of(unit, {site.id: site}, moment)
    board.groups[key] = unit.record(GROUPS, key, openings.close_group(group, command, moment))
    return await _settle(unit, board, key, "group_closed", moment)


async def _settle(unit: Unit, board: Board, group_id: str, cause: str, moment: Moment) -> Mapping[str, Any]:
    own = [s.id for s in board.sessions.values() if s.group_id == group_id]
    return {"group_id": group_id, **await boards.settle(unit, board, own, cause, moment)}


async def extend(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """Put the next sessions of a group on the calendar."""
    group = await unit.load(GROUPS, key)
    if group is None:
        return
    site = await store.steady_site_of(unit.db, group.network_id, group.site_id)
    if site is not None:
        moment = moment.there(site)
        await boards.plan(unit, await boards.planning_board(unit, site, group, moment), group, moment)
