"""Where a reaction must gather more than its own referral: the same person, and the next in the queue."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from contracts.decisions import Moment, Refused
from contracts.scheduling import SeatReleased, SeatUnavailable
from contracts.vocabulary import DeclineReason
from services.chassis.service import Fact, Gather
from services.chassis.unit import Unit
from services.intake import domain, store
from services.intake.store import REFERRALS

TRIES = 3


async def receive_referral(
    unit: Unit, key: str, command: domain.ReceiveReferral, moment: Moment
) -> dict[str, Any]:
    """Open a referral, or link it to the way of the same person that is open already; says where it went.

    The claim on the person decides between two that come at the same time.
    """
    site = await store.find_site(unit.db, command.network_id, command.site_id)
    if site is None:
        raise Refused(
            "site_not_open", "The site has not opened yet.", hint="Open the site, then send it again."
        )
    moment = moment.there(site)
    if await unit.load(REFERRALS, key) is not None:
        raise Refused("already_received", "This referral was received before.")
    # Judged before anything is looked up: the answer must not depend on who is known.
    domain.refuse_age(site, command, moment)
    keys = domain.person_keys(command.person)
    for _ in range(TRIES):
        shares_a_number = False
        if not await store.claim_person(unit.db, command.network_id, keys, key):
            referral = await _holder(unit, key, keys, command)
            if referral is None:
                await store.release_person(unit.db, key)
                continue
            shares_a_number = domain.contradict(referral.person, command.person)
            if not shares_a_number:
                return await _link(unit, key, keys, referral, command, moment)
        return await _open(unit, site, key, keys, command, moment, shares_a_number)
    raise Refused("in_progress", "The same person is just being referred elsewhere.", hint="Send it again.")


async def _holder(
    unit: Unit, key: str, keys: Sequence[str], command: domain.ReceiveReferral
) -> domain.Referral | None:
    """The open way of the person; None where it closed in the meantime."""
    born = command.person.birth_date
    id = await store.find_holder(unit.db, command.network_id, keys, key, born)
    referral: domain.Referral | None = await unit.load(REFERRALS, id) if id is not None else None
    return None if referral is None or referral.closed else referral


async def _open(
    unit: Unit,
    site: domain.Site,
    key: str,
    keys: Sequence[str],
    command: domain.ReceiveReferral,
    moment: Moment,
    shares_a_number: bool,
) -> dict[str, Any]:
    earlier = await store.find_earlier(unit.db, command.network_id, keys, command.person.birth_date)
    gone = next((e["id"] for e in earlier if e["died"]), None)
    if gone is not None and not command.may_look:
        # Who may not look learns nothing: it is kept where the death is known.
        await store.release_person(unit.db, key)
        died = await unit.load(REFERRALS, gone)
        return await _link(unit, key, (), died, command, moment)
    alike = not earlier and await store.find_alike(
        unit.db, command.network_id, domain.likeness(command.person)
    )
    known = domain.Known(
        earlier_episodes=tuple(e["id"] for e in earlier),
        patient_id=earlier[0]["patient_id"] if earlier else None,
        died=gone is not None,
        looks_like_somebody=alike or shares_a_number,
    )
    facts = domain.receive_referral(site, known, command, moment, key)
    await store.remember_person(unit.db, command.network_id, keys, key)
    referral = unit.record(REFERRALS, key, facts)
    await _pass_alerts(unit, [e["id"] for e in earlier if e["alerted"]], key, moment)
    return _answer(unit, key, command, referral)


async def _pass_alerts(unit: Unit, ids: Sequence[str], key: str, moment: Moment) -> None:
    """An open alert goes with the person, to wherever their way is open now."""
    way = await unit.load(REFERRALS, key)
    if way.stage is domain.Stage.ADMITTED:
        # What belongs to an episode is progress's: nobody could take it in hand there.
        return
    for closed in (await unit.load_many(REFERRALS, ids)).values():
        referral = await unit.load(REFERRALS, key)
        unit.record(REFERRALS, key, domain.take_over(referral, closed.alerts, moment))
        unit.record(REFERRALS, closed.id, domain.pass_on(closed, key))


async def _link(
    unit: Unit,
    key: str,
    keys: Sequence[str],
    referral: domain.Referral,
    command: domain.ReceiveReferral,
    moment: Moment,
) -> dict[str, Any]:
    """Keep the referral beside the way of the same person."""
    await store.pass_claims(unit.db, key, referral.id)
    await store.remember_person(unit.db, command.network_id, keys, referral.id)
    match = domain.likeness_score(command.person, referral.person, moment.rules.matching)
    facts = domain.link_referral(referral, key, match, command, moment)
    before = next((s.receipt_id for s in referral.sources if s.digest == command.digest), key)
    linked = unit.record(REFERRALS, referral.id, facts)
    earlier = await store.find_earlier(unit.db, command.network_id, keys, command.person.birth_date)
    await _pass_alerts(unit, [e["id"] for e in earlier if e["alerted"]], referral.id, moment.there(referral))
    return _answer(unit, key if facts else before, command, linked, linked=True)


def _answer(
    unit: Unit,
    receipt_id: str,
    command: domain.ReceiveReferral,
    referral: domain.Referral,
    *,
    linked: bool = False,
) -> dict[str, Any]:
    """The same words whether a way opened or was open; where it went, only for those who may look there."""
    neutral = {
        "id": receipt_id,
        "status": "received",
        "message": "Thank you. The referral was received, and the admissions team will follow up.",
    }
    if not command.may_look or referral.site_id not in command.sites:
        return neutral
    return neutral | {
        "referral_id": referral.id,
        "episode_id": referral.id,
        "patient_id": referral.patient_id,
        "stage": str(referral.stage),
        "flags": list(referral.flags),
        "linked": linked,
        "said": [{"id": said.id, "type": said.type} for said in unit.outbox],
    }


async def decline_referral(unit: Unit, key: str, command: domain.DeclineReferral, moment: Moment) -> None:
    """A duplicate that a person recognised names the referral that stays open."""
    both = await unit.load_many(REFERRALS, {key, command.duplicate_of or key})
    other = both.get(command.duplicate_of or "") if command.duplicate_of != key else None
    stays = other is not None and not other.closed and _theirs(other, command)
    decide = asked(lambda r, c, m: domain.decline_referral(r, c, m, same_person=stays))
    # What is known of the person goes on where the way stays open, before it would be let go here.
    if command.reason is DeclineReason.DUPLICATE and other is not None and stays:
        keys = domain.person_keys(both[key].person) if key in both else ()
        await store.pass_claims(unit.db, key, other.id)
        await store.remember_person(unit.db, command.network_id, keys, other.id)
    await decide(unit, key, command, moment)
    if command.reason is DeclineReason.DUPLICATE and other is not None:
        await _pass_alerts(unit, [key], other.id, moment.there(other))


def asked(decide: Callable[[Any, Any, Moment], Sequence[Fact]]) -> Gather:
    """A command that may close a referral: whoever is let go is free for a new one."""

    async def handler(unit: Unit, key: str, command: Any, moment: Moment) -> None:
        referral = await unit.load(REFERRALS, key)
        if not _theirs(referral, command):
            raise Refused("not_found", "There is nothing with this id here.", status=404)
        await _settle(unit, key, decide(referral, command, moment.there(referral)))

    return handler


def heard(decide: Callable[[Any, Any, Moment], Sequence[Fact]]) -> Gather:
    """An event or a wake that may close a referral."""

    async def handler(unit: Unit, key: str, message: Any, moment: Moment) -> None:
        referral = await unit.load(REFERRALS, key)
        if referral is not None:
            await _settle(unit, key, decide(referral, message, moment.there(referral)))

    return handler


async def offer_freed_seat(unit: Unit, key: str, heard: SeatReleased, moment: Moment) -> None:
    """Ask for the freed seat for the first in the queue, never for whoever just let it go."""
    referral = await unit.load(REFERRALS, key)
    moment = moment.there(heard)
    if referral is not None:
        unit.record(REFERRALS, key, domain.lose_seat(referral, heard, moment))
    if heard.seats > 0:
        await _ask_for_next(unit, heard.network_id, heard.site_id, moment.at, moment, passed=key)


async def miss_seat(unit: Unit, key: str, heard: SeatUnavailable, moment: Moment) -> None:
    """No legal week for this person: they wait, and a freed seat goes on to the next."""
    referral = await unit.load(REFERRALS, key)
    if referral is None:
        return
    moment = moment.there(referral)
    wish = referral.wish
    facts = domain.miss_seat(referral, heard, moment)
    unit.record(REFERRALS, key, facts)
    if facts and wish is not None and wish.for_release_at is not None:
        await _ask_for_next(unit, heard.network_id, heard.site_id, wish.for_release_at, moment, passed=key)


def _theirs(referral: domain.Referral | None, command: Any) -> bool:
    return (
        referral is not None
        and referral.network_id == command.network_id
        and referral.site_id in command.sites
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
    while (found := await store.next_waiting(unit.db, network_id, site_id, skipped, released_at)) is not None:
        referral = await unit.load(REFERRALS, found)
        facts = domain.ask_for_freed_seat(referral, released_at, moment)
        if facts:
            unit.record(REFERRALS, found, facts)
            return
        skipped.append(found)
