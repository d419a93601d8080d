"""How a way ends: declined with a reason that holds, or the admitted person's episode is over."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, require
from contracts.intake import ReferralDeclined
from contracts.progress import PatientDied, PatientDischarged
from contracts.rulebook import IntakeRules
from contracts.vocabulary import DeclineReason, DischargeReason, LevelOfCare, Risk
from services.intake.domain.consents import OF_AGE, end_with_treatment
from services.intake.domain.facts import EpisodeEnded, about
from services.intake.domain.guards import above_served, age_in_days, in_stage
from services.intake.domain.people import local_date
from services.intake.domain.state import OPEN, Referral, Stage

_WITH_ALTERNATIVES = (DeclineReason.NEEDS_HIGHER_LEVEL, DeclineReason.OUT_OF_SCOPE)


@dataclass(frozen=True, slots=True)
class DeclineReferral:
    """End a referral without admission."""

    network_id: str
    sites: tuple[str, ...]
    reason: DeclineReason
    alternatives: tuple[LevelOfCare, ...] = ()
    duplicate_of: str | None = None


def decline_referral(
    referral: Referral, command: DeclineReferral, moment: Moment, *, same_person: bool = False
) -> list[Any]:
    """T5, T7, T11 by a person's decision: with a reason that holds, and with alternatives.

    `same_person` says that `duplicate_of` is another open way in the network, which nobody but a
    person may call the same one's.
    """
    require(
        "cannot_decline",
        "The referral cannot be declined",
        [
            in_stage(referral, *OPEN),
            *_grounds(referral, command.reason, moment, same_person=same_person),
            Guard(
                "alternatives_listed",
                bool(command.alternatives) or command.reason not in _WITH_ALTERNATIVES,
                "at least one alternative must be named",
            ),
        ],
    )
    return close(referral, command.reason, moment, command.alternatives, command.duplicate_of)


def close(
    referral: Referral,
    reason: DeclineReason,
    moment: Moment,
    alternatives: tuple[LevelOfCare, ...] = (),
    duplicate_of: str | None = None,
) -> list[Any]:
    """Say that a referral ended; an open alert outlives it."""
    declined = ReferralDeclined(
        **about(referral, moment),
        reason=reason,
        alternatives_offered=alternatives,
        closed_at=moment.at,
        duplicate_of=duplicate_of,
    )
    over = (Unwake("offer_expires"), Unwake("entry_expires"), Unwake("ask_again"), Unwake(OF_AGE))
    return [*end_with_treatment(referral, moment), declined, *over]


def end_episode(referral: Referral, heard: PatientDischarged, moment: Moment) -> list[Any]:
    """The admitted person's episode is over: their way may open anew (T31), unless they died."""
    if referral.stage is not Stage.ADMITTED:
        return []
    ended = EpisodeEnded(moment.at, heard.reason, died=heard.reason is DischargeReason.DECEASED)
    return [*end_with_treatment(referral, moment), ended, Unwake(OF_AGE)]


def note_death(referral: Referral, _heard: PatientDied, moment: Moment) -> list[Any]:
    """A death known after the episode: nobody opens a way for this person again."""
    if referral.stage is not Stage.DISCHARGED or referral.died:
        return []
    ended_at = referral.closed_at or moment.at
    return [EpisodeEnded(ended_at, referral.closed_reason or DischargeReason.DECEASED, died=True)]


def _grounds(referral: Referral, reason: DeclineReason, moment: Moment, *, same_person: bool) -> list[Guard]:
    """What a reason must rest on."""
    rules = moment.rules.intake
    if reason is DeclineReason.NEEDS_HIGHER_LEVEL:
        return [_higher_level_grounds(referral, rules)]
    if reason is DeclineReason.DUPLICATE:
        return [Guard("duplicate_of", same_person, "name the open referral here that is of the same person")]
    if reason is DeclineReason.UNREACHABLE and referral.stage is Stage.DETOX_REFERRED:
        today = local_date(moment.at, referral.tz)
        return [_left_detox(referral), _lost_since(referral, today, rules), _not_reached(referral)]
    if reason is DeclineReason.NO_CAPACITY:
        return [_waited_out(referral, moment.at, rules)]
    if reason is DeclineReason.UNREACHABLE and referral.stage is Stage.WAITLISTED:
        return [_waited_out(referral, moment.at, rules)]
    return []


def _higher_level_grounds(referral: Referral, rules: IntakeRules) -> Guard:
    """T7: the facts, not an impression, say that outpatient treatment is too little."""
    made, screening = referral.assessment, referral.screening
    grounds = (made is not None and above_served(made.level, rules)) or (
        screening is not None
        and (
            not screening.can_live_at_home or Risk.HIGH in (screening.suicide_risk, screening.withdrawal_risk)
        )
    )
    return Guard(
        "higher_level_grounds", grounds, "neither screening nor assessment shows a need for a higher level"
    )


def _left_detox(referral: Referral) -> Guard:
    """T5: who is still in detox is not lost."""
    left = referral.detox is not None and referral.detox.outcome == "left_early"
    return Guard("left_detox", left, "only who left the detox early counts as unreachable")


def _lost_since(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T5: who left early gets `contact_days` to be found."""
    detox = referral.detox
    days = (
        age_in_days(detox.returned_at, today, referral.tz)
        if detox is not None and detox.returned_at is not None
        else 0
    )
    return Guard(
        "contact_days_over",
        days >= rules.contact_days,
        f"it is {days} days since, and {rules.contact_days} must pass",
        {"days": days, "needed": rules.contact_days},
    )


def _not_reached(referral: Referral) -> Guard:
    """T5: who answered since is not unreachable."""
    since = referral.detox.returned_at if referral.detox else None
    reached = [c for c in referral.contacts if c.reached and (since is None or c.at >= since)]
    return Guard("not_reached", not reached, "the person was reached since")


def _waited_out(referral: Referral, at: datetime, rules: IntakeRules) -> Guard:
    """T11: a waiting person is given up only by the rules of the list."""
    entry = referral.entry
    over = entry is not None and (at >= entry.expires_at or entry.misses >= rules.max_missed_offers)
    return Guard("wait_over", over, "the person's time on the waiting list is not over")
