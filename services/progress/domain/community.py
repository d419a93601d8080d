"""Referrals to somebody outside the network, followed up until it is known what became of them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import CommunityReferralDue, CommunityReferralMade, ReferralLoopClosed
from contracts.rulebook import Rulebook
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, midnight, running


@dataclass(frozen=True, slots=True)
class MakeCommunityReferral:
    """Refer a person to somebody outside, and say when to ask what became of it."""

    kind: str
    follow_up_on: date


@dataclass(frozen=True, slots=True)
class CloseLoop:
    """Say what became of a referral to somebody outside."""

    community_referral_id: str
    outcome: str


def make_referral(state: Episode, command: MakeCommunityReferral, moment: Moment) -> Facts:
    """Referred today, asked about on a day to come."""
    running(state)
    rules = moment.rules.community
    if command.kind not in rules.kinds:
        raise Refused("kind_unknown", f"The kind is one of {', '.join(rules.kinds)}.", status=422)
    today = state.day(moment.at)
    latest = today + timedelta(days=rules.max_follow_up_days)
    still_open = sum(r.outcome is None for r in state.outward)
    require(
        "referral_refused",
        "The referral cannot be recorded",
        [
            Guard(
                "follow_up_on",
                today < command.follow_up_on <= latest,
                f"the follow-up is on a day to come, at the latest on {latest}",
                {"latest": str(latest)},
            ),
            Guard(
                "open_referrals",
                still_open < rules.max_open,
                f"{still_open} referrals are open; say first what became of them",
                {"open": still_open},
            ),
        ],
    )
    return [
        CommunityReferralMade(
            **about(state, moment.actor),
            community_referral_id=moment.new_id("community_referral"),
            kind=command.kind,
            referred_on=today,
            follow_up_on=command.follow_up_on,
        )
    ]


def ask_outcome(state: Episode, message: Woke, moment: Moment) -> Facts:
    """The day of the follow-up has come and nobody said what became of the referral."""
    referral_id = message.what.partition(":")[2]
    made = next((r for r in state.outward if r.id == referral_id), None)
    if state.over or made is None or made.asked or made.outcome is not None:
        return []
    if moment.at < midnight(made.follow_up_on, state.tz):
        return []
    return [CommunityReferralDue(**about(state, moment.actor), community_referral_id=made.id, kind=made.kind)]


def close_loop(state: Episode, command: CloseLoop, moment: Moment) -> Facts:
    """What became of a referral may be learned after the episode, too."""
    outcomes = moment.rules.community.outcomes
    made = next((r for r in state.outward if r.id == command.community_referral_id), None)
    if made is None:
        raise Refused("referral_unknown", "This episode has no such referral.", status=404)
    if command.outcome not in outcomes:
        raise Refused("outcome_unknown", f"The outcome is one of {', '.join(outcomes)}.", status=422)
    if made.outcome is not None:
        raise Refused("loop_closed", "What became of the referral is known.", outcome=made.outcome)
    return [
        ReferralLoopClosed(
            **about(state, moment.actor),
            community_referral_id=made.id,
            outcome=command.outcome,
            closed_on=state.day(moment.at),
        )
    ]


def waits(state: Episode, _rules: Rulebook) -> dict[str, datetime]:
    """The follow-up day of every referral that nobody has answered."""
    return {
        f"community_referral_due:{r.id}": midnight(r.follow_up_on, state.tz)
        for r in state.outward
        if not r.asked and r.outcome is None
    }
