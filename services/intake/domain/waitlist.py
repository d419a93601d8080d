"""The waiting list: a place in the queue, and offers that are taken, declined or missed. T8 to T11."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import (
    PatientWaitlisted,
    WaitlistOfferAccepted,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
)
from contracts.vocabulary import DeclineReason
from services.intake.domain import guards
from services.intake.domain.ending import close
from services.intake.domain.facts import Prioritized, Requeued, about
from services.intake.domain.guards import in_stage
from services.intake.domain.people import local_date
from services.intake.domain.state import PRIORITIES, Entry, Hold, Referral, Stage

PAYER_REASONS = ("authorization_pended", "coverage_pended")
"""Who waits for a payer waits for no seat."""
_OFFER_OVER = Unwake("offer_expires")
_WAIT_OVER = (Unwake("entry_expires"), Unwake("ask_again"))


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """The person takes the offered place, or does not."""

    network_id: str
    sites: tuple[str, ...]
    accept: bool


@dataclass(frozen=True, slots=True)
class Prioritize:
    """Staff moves a waiting person up or down, with a reason."""

    priority: int
    reason: str


def enter_waitlist(referral: Referral, reason: str, moment: Moment) -> list[Any]:
    """T8: a place in the queue, for a limited time."""
    rules = moment.rules.intake
    waitlisted = PatientWaitlisted(
        **about(referral, moment),
        waitlist_entry_id=moment.new_id("waitlist"),
        priority=PRIORITIES[referral.urgency],
        priority_reason=reason,
        entered_at=moment.at,
        expires_at=moment.at + timedelta(days=rules.waitlist_ttl_days),
    )
    again = moment.at + timedelta(hours=rules.ask_again_hours)
    return [waitlisted, Wake(waitlisted.expires_at, "entry_expires"), Wake(again, "ask_again")]


def prioritize(referral: Referral, command: Prioritize, moment: Moment) -> list[Any]:
    """Priority decides first, then who waits longest; the reason is kept and shown."""
    require(
        "cannot_prioritize",
        "The priority cannot be changed",
        [
            in_stage(referral, Stage.WAITLISTED),
            Guard("priority_range", 1 <= command.priority <= 9, "a priority lies between 1 and 9"),
        ],
    )
    return [Prioritized(command.priority, command.reason)]


def answer_offer(referral: Referral, command: AnswerOffer, moment: Moment) -> list[Any]:
    """T9 and T10: an offer is taken in time and on fresh findings, or it is a miss."""
    rules = moment.rules.intake
    today = local_date(moment.at, referral.tz)
    entry, hold = referral.entry, referral.hold
    offer = entry.offer if entry else None
    checks = [
        in_stage(referral, Stage.WAITLISTED),
        Guard("offer_open", offer is not None, "no offer is open"),
        Guard("offer_in_time", offer is None or moment.at < offer.expires_at, "the offer is over"),
    ]
    if command.accept:
        checks += [
            guards.seat_held(referral, moment.at),
            guards.assessment_current(referral, today, rules),
            guards.suicide_screen_current(referral, today, rules),
            *guards.may_be_offered(referral, rules),
        ]
    require("cannot_answer_offer", "The offer cannot be answered", checks)
    assert entry is not None
    assert hold is not None
    if not command.accept:
        return _missed(referral, entry, hold, moment, declined=True)
    accepted = WaitlistOfferAccepted(
        **about(referral, moment), waitlist_entry_id=entry.id, seat_hold_id=hold.id, accepted_at=moment.at
    )
    return [accepted, _OFFER_OVER, *_WAIT_OVER]


def expire_offer(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """T10: at the instant it names an offer is over."""
    entry, hold = referral.entry, referral.hold
    if entry is None or hold is None or entry.offer is None or moment.at < entry.offer.expires_at:
        return []
    return _missed(referral, entry, hold, moment, declined=False)


def expire_entry(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """T11: nobody waits for ever; an open offer is waited for."""
    entry = referral.entry
    if referral.stage is not Stage.WAITLISTED or entry is None or moment.at < entry.expires_at:
        return []
    if entry.offer is not None:
        return [Wake(entry.offer.expires_at, "entry_expires")]
    # Who was never offered a seat was not out of reach: there was none.
    reason = DeclineReason.UNREACHABLE if entry.misses else DeclineReason.NO_CAPACITY
    return _give_up(referral, entry, moment, reason)


def _missed(referral: Referral, entry: Entry, hold: Hold, moment: Moment, *, declined: bool) -> list[Any]:
    said = WaitlistOfferDeclined if declined else WaitlistOfferExpired
    miss = said(
        **about(referral, moment), waitlist_entry_id=entry.id, seat_hold_id=hold.id, misses=entry.misses + 1
    )
    facts: list[Any] = [miss, _OFFER_OVER]
    if miss.misses >= moment.rules.intake.max_missed_offers or moment.at >= entry.expires_at:
        reason = DeclineReason.PATIENT_DECLINED if declined else DeclineReason.UNREACHABLE
        return [*facts, *_give_up(referral, entry, moment, reason)]
    return [*facts, Requeued(moment.at)]


def _give_up(referral: Referral, entry: Entry, moment: Moment, reason: DeclineReason) -> list[Any]:
    unpaid = entry.reason in PAYER_REASONS
    return close(referral, DeclineReason.NO_COVERAGE if unpaid else reason, moment)
