"""Coming and going, with what is kept meanwhile."""

from contracts.decisions import Moment, Refused
from contracts.vocabulary import DevicePolicy
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import arrivals
from services.scheduling.domain.arrivals import CheckIn, CheckOut
from services.scheduling.handlers.meetings import session_at
from services.scheduling.store import CALENDARS, SESSIONS


async def check_in(unit: Unit, key: str, command: CheckIn, moment: Moment) -> None:
    """Let a person in; raises Refused for strangers and where the locker is somebody else's."""
    session = await session_at(unit, key, command.network_id, command.sites)
    roster = await store.roster_of(unit.db, session)
    if all(b.episode_id != command.episode_id for b in roster):
        raise Refused(
            "not_on_roster",
            "Only people who are booked into this session can check in.",
            hint="Record in the roll call that they walk in.",
            episodes=[command.episode_id],
        )
    state = await unit.load(CALENDARS, command.episode_id)
    site = await store.site_of(unit.db, session.network_id, session.site_id)
    policy = DevicePolicy.SURRENDER if site is None else site.device_policy
    said, noted = arrivals.check_in(session, state, policy, command, moment)
    if command.locker_id is not None and not await store.take_locker(
        unit.db, session, state.id, command.locker_id, moment.at
    ):
        raise Refused(
            "locker_taken", "Somebody else's things are in this locker.", locker_id=command.locker_id
        )
    unit.record(CALENDARS, state.id, [said])
    unit.record(SESSIONS, key, [noted])


async def check_out(unit: Unit, key: str, command: CheckOut, moment: Moment) -> None:
    """Let a person out; raises Refused about whoever is not in."""
    session = await session_at(unit, key, command.network_id, command.sites)
    state = await unit.load(CALENDARS, command.episode_id)
    arrival = session.arrivals.get(command.episode_id)
    if state is None or arrival is None:
        raise arrivals.not_in()
    said, noted = arrivals.check_out(session, state, command, moment)
    if command.returned and arrival.locker_id is not None:
        await store.free_locker(unit.db, session, state.id, arrival.locker_id)
    unit.record(CALENDARS, state.id, [said])
    unit.record(SESSIONS, key, [noted])
