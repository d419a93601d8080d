"""Sending: the one reaction that must look outside before it can say what happened."""

import asyncio

from contracts.decisions import Moment, Woke
from services.chassis.unit import Unit
from services.notify import domain, store
from services.notify.handlers.channels import Channel, ChannelFailed

SEND_SECONDS = 10


async def send(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:
    """Let a queued message pass the gate, hand it over, and record what became of it."""
    person: domain.Person | None = await unit.load(store.PEOPLE, key)
    message = person.queued.get(woke.what.partition(":")[2]) if person else None
    if person is None or message is None:
        return
    now = max(moment.at, unit.recorded_at)
    match domain.judge(person, message, now, moment.rules.quiet_hours):
        case domain.Suppress(reason):
            facts = domain.suppressed(person, message, reason, moment.actor)
        case domain.Postpone(until):
            facts = domain.postponed(message, until, message.failures)
        case domain.Letter() as letter:
            if await _taken(unit.outside, letter):
                facts = domain.sent(person, letter, now, moment.actor)
            else:
                facts = domain.failed(person, message, now, moment.actor)
    unit.record(store.PEOPLE, key, facts)
    await store.keep_outcomes(unit.db, key, facts, now)


async def _taken(channel: Channel, letter: domain.Letter) -> bool:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await channel.send(letter)
    except (ChannelFailed, OSError, TimeoutError):
        return False
    return True
