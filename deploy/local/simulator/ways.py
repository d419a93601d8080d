"""The model of the way to admission: what somebody will do, and what payers will say, up to the first day."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from deploy.local.simulator.figures import pick
from deploy.local.simulator.parameters import Parameters

ADMITTED = "admitted"
NO_SHOW = "no_show"
AUTHORIZED = ("commercial", "medicaid")
"""The plans that ask for an authorization."""


@dataclass(frozen=True, slots=True)
class Way:
    """Everything on the way to admission that is a person's or a payer's own doing."""

    fate: str
    """`admitted`, `no_show` or the reason why the way ends before admission."""
    says_no: bool
    """Of those who do not come: answers the phone, to say so."""
    days_to_assessment: int
    days_to_admission: int
    detox_days: int
    """0 without withdrawal management."""
    detox_returns: bool
    higher: str
    """What speaks for a higher level, for those who need one."""
    suicide: str
    """The answers to the first C-SSRS screener."""
    settles: bool
    """A high risk is lower at the next screening."""
    late: bool
    """The clinic is late to take the first alert in hand."""
    coverage_pended: bool
    decision_days: int
    decision: str
    """What the payer says first: `approved`, `partial` or `denied`."""
    appeal_won: bool
    again: str
    """`linked` or `unknown` for those whom somebody else refers too, else `no`."""
    again_after: int
    again_source: str
    patience_days: float
    """How long somebody waits for a place before the phone stays unanswered."""
    signs_tpo: bool
    revokes: str
    """The kind of consent that is taken back some weeks later, or `none`."""


def draw_way(
    luck: Callable[[str], Random], number: int, source: str, substance: str, figures: Parameters
) -> Way:
    """One way; every purpose has a generator of its own, and a few people are rare cases by number."""
    asks, found, pays, more = luck("road"), luck("findings"), luck("payer"), luck("more")
    funnel, contact, edge = figures.funnel, figures.contact, number % figures.edge.one_of
    risky, revoking = edge == figures.edge.high_risk_number, edge == figures.edge.revoking_number
    wait = funnel.days_to_assessment.draw(asks) * funnel.wait_factor.table.get(source, 1.0)
    fate = _fate(asks, wait, figures)
    weeks = more.expovariate(-math.log(1.0 - figures.waitlist.abandon_per_week))
    return Way(
        fate=fate,
        says_no=asks.random() < contact.says_no,
        days_to_assessment=round(wait),
        days_to_admission=round(funnel.days_to_admission.draw(asks)),
        detox_days=_detox_days(found, substance, figures),
        detox_returns=found.random() < figures.detox.returns,
        higher=funnel.higher_level.draw(found) if fate == "needs_higher_level" else "",
        suicide="high" if risky else figures.safety.suicide.draw(found),
        settles=found.random() < figures.safety.settles or risky,
        late=found.random() < figures.safety.late or risky,
        coverage_pended=pays.random() < figures.coverage.pended,
        decision_days=round(figures.authorization.decision_days.draw(pays)),
        decision=decision(pays, figures),
        appeal_won=pays.random() < figures.authorization.appeal_won,
        again=contact.again.draw(asks),
        again_after=asks.randint(*contact.again_days),
        again_source=figures.mix.source.draw(asks),
        patience_days=7 * weeks,
        signs_tpo=more.random() < figures.consents.part2_tpo or revoking,
        revokes="part2_tpo" if revoking else figures.consents.revoked.draw(more),
    )


def decision(rng: Random, figures: Parameters) -> str:
    """What a payer says to a request for an authorization."""
    if rng.random() >= figures.authorization.partial_or_denied:
        return "approved"
    return pick(rng, {"partial": 0.5, "denied": 0.5})


def _fate(rng: Random, wait: float, figures: Parameters) -> str:
    funnel = figures.funnel
    if rng.random() >= funnel.show_floor + funnel.show_span * math.exp(-wait / funnel.show_tau_days):
        return NO_SHOW
    if rng.random() < funnel.assessed_to_admitted:
        return ADMITTED
    return funnel.not_admitted.draw(rng)


def _detox_days(rng: Random, substance: str, figures: Parameters) -> int:
    """Withdrawal comes from few substances; the share is of everybody with a disorder."""
    detox, mix = figures.detox, figures.mix.substance.table
    from_these = sum(mix[each] for each in detox.substances) / sum(mix.values())
    needs = rng.random() < detox.share / from_these
    days = round(detox.days.draw(rng))
    return days if needs and substance in detox.substances else 0
