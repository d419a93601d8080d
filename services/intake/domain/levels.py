"""Which level of care the recorded facts speak for, and why. It explains itself and decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.rulebook import Condition, LevelRule, Rulebook
from contracts.vocabulary import LevelOfCare
from services.intake.domain.guards import level_rank
from services.intake.domain.state import Referral


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that speaks for a level, with the facts it saw."""

    rule: str
    level: str
    because: str
    facts: dict[str, Any]
    cite: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The highest level that a rule speaks for; none where no rule has anything to say."""

    level: LevelOfCare | None
    reasons: tuple[Reason, ...]


def suggest(
    referral: Referral, rules: Rulebook, edition: str, *, earlier_episodes: int = 0, **more: Any
) -> Suggestion:
    """Every rule that holds, the highest level first."""
    seen = facts_of(referral, earlier_episodes=earlier_episodes, **more)
    reasons = [reason for rule in rules.level_rules if (reason := _reason(rule, seen))]
    reasons.sort(key=lambda r: level_rank(LevelOfCare(code=r.level)), reverse=True)
    highest = LevelOfCare(edition=edition, code=reasons[0].level) if reasons else None
    return Suggestion(highest, tuple(reasons))


def facts_of(referral: Referral, **more: Any) -> dict[str, Any]:
    """What rules may look at, by name; what nobody recorded is absent."""
    screening, made = referral.screening, referral.assessment
    seen: dict[str, Any] = {}
    if screening is not None:
        seen = {r.instrument: r.total for r in screening.results if r.total is not None}
        seen |= {
            "suicide_risk": str(screening.suicide_risk),
            "withdrawal_risk": str(screening.withdrawal_risk),
            "home_safe": screening.home_safe or screening.alternative_housing,
            "needs_24h_supervision": screening.needs_24h_supervision,
            "opioid_history": screening.opioid_history,
        }
    if made is not None and made.support_network is not None:
        seen["support_network"] = made.support_network
    return seen | {k: v for k, v in more.items() if v is not None}


def _reason(rule: LevelRule, seen: Mapping[str, Any]) -> Reason | None:
    if not all(_holds(condition, seen) for condition in rule.when):
        return None
    facts = {c.fact: seen[c.fact] for c in rule.when}
    return Reason(rule.id, rule.suggests, rule.because, facts, rule.cite)


def _holds(condition: Condition, seen: Mapping[str, Any]) -> bool:
    """An unknown fact satisfies nothing, and so does one of another kind than it is compared with."""
    if condition.fact not in seen:
        return False
    found, value = seen[condition.fact], condition.value
    match condition.op:
        case "eq":
            return bool(found == value)
        case "ne":
            return bool(found != value)
        case "in":
            return isinstance(value, tuple) and found in value
        case _:
            if isinstance(found, str) or not isinstance(value, int):
                return False
            return bool(found >= value) if condition.op == "ge" else bool(found <= value)
