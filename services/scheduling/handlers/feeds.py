"""Links to one person's calendar: made and taken back."""

from collections.abc import Mapping
from typing import Any

from contracts.decisions import Moment, Refused
from services.chassis.unit import Unit
from services.scheduling.domain import links
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.links import MakeLink, RevokeLink
from services.scheduling.store import CALENDARS, LINKS


async def make_link(unit: Unit, key: str, command: MakeLink, moment: Moment) -> Mapping[str, Any]:
    """Make the one link of an episode in place of any earlier one."""
    state = await _calendar(unit, key, command)
    await unit.load(LINKS, key)
    link = unit.record(LINKS, key, links.make(state, command, moment))
    return {"link_id": link.link_id, "expires_at": link.expires_at.isoformat()}


async def revoke_link(unit: Unit, key: str, command: RevokeLink, moment: Moment) -> Mapping[str, Any]:
    """Take the link of an episode back, if there is one."""
    await _calendar(unit, key, command)
    gone = links.revoke(await unit.load(LINKS, key))
    if gone:
        unit.record(LINKS, key, gone)
    return {"revoked": bool(gone)}


async def _calendar(unit: Unit, key: str, command: MakeLink | RevokeLink) -> Calendar:
    state: Calendar | None = await unit.load(CALENDARS, key)
    if state is None or state.network_id != command.network_id or state.site_id not in command.sites:
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    return state
