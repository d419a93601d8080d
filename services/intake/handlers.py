"""Where a reaction must gather more than its own referral: the same person, and the next in the queue."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from contracts.decisions import Moment, Refused
from contracts.scheduling import SeatReleased, SeatUnavailable
from services.chassis.service import Fact, Gather
from services.chassis.unit import Unit
from services.intake import domain, store
from services.intake.store import REFERRALS


async def receive_referral(unit: Unit, key: str, command: domain.ReceiveReferral, moment: Moment) -> None:
    """Open a referral; the claim on the person decides between two that come at the same time."""
    site = await store.find_site(unit.db, command.network_id, command.site_id)
    if site is None:
        raise Refused(
            "site_not_open", "The site has not opened yet.", hint="Open the site, then send it again."
        )
    if await unit.load(REFERRALS, key) is not None:
        raise Refused("already_received", "This referral was received before.")
    keys = domain.person_keys(command.person)
    known = await _known(unit, key, command, keys)
    facts = domain.receive_referral(site, known, command, moment, key)
    await store.remember_person(unit.db, command.network_id, keys, key)
    unit.record(REFERRALS, key, facts)


def asked(decide: Callable[[Any, Any, Moment], Sequence[Fact]]) -> Gather:
    """A command that may close a referral: whoever is let go is free for a new one."""

    async def handler(unit: Unit, key: str, command: Any, moment: Moment) -> None:
        referral = await unit.load(REFERRALS, key)
        theirs = referral and referral.network_id == command.network_id and referral.site_id in command.sites
        if not theirs:
            raise Refused("not_found", "There is nothing with this id here.", status=404)
        await _settle(unit, key, decide(referral, command, moment))

    return handler


def heard(decide: Callable[[Any, Any, Moment], Sequence[Fact]]) -> Gather:
    """An event or a wake that may close a referral."""

    async def handler(unit: Unit, key: str, message: Any, moment: Moment) -> None:
        referral = await unit.load(REFERRALS, key)
        if referral is not None:
            await _settle(unit, key, decide(referral, message, moment))

    return handler


async def offer_freed_seat(unit: Unit, key: str, heard: SeatReleased, moment: Moment) -> None:
    """Ask for the freed seat for the first in the queue, never for whoever just let it go."""
    referral = await unit.load(REFERRALS, key)
    if referral is not None:
        unit.record(REFERRALS, key, domain.lose_seat(referral, heard, moment))
    if heard.seats > 0:
        await _ask_for_next(unit, heard.network_id, heard.site_id, moment.at, moment, passed=key)


async def miss_seat(unit: Unit, key: str, heard: SeatUnavailable, moment: Moment) -> None:
    """No legal week for this person: they wait, and a freed seat goes on to the next."""
    referral = await unit.load(REFERRALS, key)
    if referral is None:
        return
    wish = referral.wish
    facts = domain.miss_seat(referral, heard, moment)
    unit.record(REFERRALS, key, facts)
    if facts and wish is not None and wish.for_release_at is not None:
        await _ask_for_next(unit, heard.network_id, heard.site_id, wish.for_release_at, moment, passed=key)


async def _known(unit: Unit, key: str, command: domain.ReceiveReferral, keys: Sequence[str]) -> domain.Known:
    network_id = command.network_id
    if not await store.claim_person(unit.db, network_id, keys, key):
        holder = await store.find_holder(unit.db, network_id, keys, key)
        return domain.Known(
            open_referral_id=holder[0] if holder else "", open_site_id=holder[1] if holder else None
        )
    prior = await store.find_prior(unit.db, network_id, keys)
    alike = prior is None and await store.find_alike(unit.db, network_id, domain.likeness(command.person))
    return domain.Known(
        prior_referral_id=prior[0] if prior else None,
        prior_patient_id=prior[1] if prior else None,
        looks_like_somebody=alike,
    )


async def _settle(unit: Unit, key: str, facts: Sequence[Fact]) -> None:
    referral = unit.record(REFERRALS, key, facts)
    if facts and referral.closed:
        await store.release_person(unit.db, key)


async def _ask_for_next(
    unit: Unit, network_id: str, site_id: str, released_at: datetime, moment: Moment, *, passed: str
) -> None:
    """Go down the queue until somebody can be asked for.

    The store may not yet show what this very transaction decided, so the rule has the last word.
    """
    skipped = [passed]
    while (found := await store.next_waiting(unit.db, network_id, site_id, skipped)) is not None:
        referral = await unit.load(REFERRALS, found)
        facts = domain.ask_for_freed_seat(referral, released_at, moment)
        if facts:
            unit.record(REFERRALS, found, facts)
            return
        skipped.append(found)
