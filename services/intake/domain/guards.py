"""The named conditions of intake's transitions, each with the sentence a refusal shows."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from contracts.decisions import Guard
from contracts.intake import Rating
from contracts.rulebook import IntakeRules, Rulebook
from contracts.vocabulary import AgeBand, DeclineReason, LevelOfCare, PlanKind, Risk
from services.intake.domain.people import local_date
from services.intake.domain.state import Referral, Stage

_PAID_BY_PATIENT = (PlanKind.SELF_PAY, PlanKind.SLIDING_FEE)


def in_stage(referral: Referral, *stages: Stage) -> Guard:
    """The transition has a row for the stage the referral is in."""
    wanted = ", ".join(stages)
    return Guard(
        "stage",
        referral.stage in stages,
        f"the referral is {referral.stage}, this needs {wanted}",
        {"stage": str(referral.stage)},
    )


def known(id: str, value: str, words: Collection[str]) -> Guard:
    """The value is a word of the field."""
    return Guard(
        id, value in words, f"the {id.replace('_', ' ')} is not a known one", {"known": sorted(words)}
    )


def treatment_consent(referral: Referral, *, verbal: bool = False) -> Guard:
    """T2 takes a verbal consent, T12 a signed one."""
    enough = {"treatment", "treatment_verbal"} if verbal else {"treatment"}
    return Guard(
        "treatment_consent",
        any(c.kind in enough for c in referral.consents),
        "no treatment consent is on file" if verbal else "no signed treatment consent is on file",
    )


def age_in_days(since: datetime, today: date, tz: str) -> int:
    """Civil days of the site since an instant."""
    return (today - local_date(since, tz)).days


def screening_current(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T6: a screening that a detox made void counts as none."""
    screening = referral.screening
    current = (
        screening is not None and age_in_days(screening.at, today, referral.tz) <= rules.screening_ttl_days
    )
    return Guard(
        "screening_current",
        current,
        f"there is no valid screening of the last {rules.screening_ttl_days} days",
    )


def withdrawal_not_high(referral: Referral) -> Guard:
    """T6: withdrawal is treated first."""
    high = referral.screening is not None and referral.screening.withdrawal_risk is Risk.HIGH
    return Guard("withdrawal_not_high", not high, "the withdrawal risk is high")


def suicide_screen_current(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T9: a suicide screen grows old faster than the rest."""
    screening = referral.screening
    current = (
        screening is not None
        and age_in_days(screening.at, today, referral.tz) <= rules.suicide_screen_ttl_days
    )
    return Guard(
        "suicide_screen_current",
        current,
        f"the suicide screen is older than {rules.suicide_screen_ttl_days} days",
    )


def suicide_risk_not_high(referral: Referral) -> Guard:
    """Nobody is sent on towards a group while a high risk stands unanswered."""
    high = referral.screening is not None and referral.screening.suicide_risk is Risk.HIGH
    return Guard("suicide_risk_not_high", not high, "the newest screening found a high suicide risk")


def assessment_current(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T9: an assessment that grew old is made again."""
    made = referral.assessment
    current = made is not None and age_in_days(made.at, today, referral.tz) <= rules.assessment_ttl_days
    return Guard(
        "assessment_current",
        current,
        f"there is no assessment of the last {rules.assessment_ttl_days} days",
    )


def dimensions_complete(rated: Sequence[Rating], level: LevelOfCare) -> Guard:
    """Edition 3 rates six dimensions; edition 4 leaves the sixth unrated."""
    wanted = list(range(1, 6 if level.edition == "4" else 7))
    return Guard(
        "dimensions_complete",
        sorted(r.dimension for r in rated) == wanted,
        f"each dimension from 1 to {wanted[-1]} must be rated once",
    )


def detox_trigger(referral: Referral, trigger: str, rules: IntakeRules) -> Guard:
    """T3: a score opens the gate only where it was measured and is high enough."""
    gate = {"ciwa": rules.ciwa_detox, "cows": rules.cows_detox}.get(trigger)
    score = referral.screening.total(trigger) if referral.screening else None
    return Guard(
        "detox_gate",
        gate is None or (score is not None and score >= gate),
        f"the {trigger.upper()} score of the valid screening does not reach {gate}",
    )


def not_in_detox(referral: Referral) -> Guard:
    """A second detox may follow one that ended uncleared, not one that still runs."""
    running = (
        referral.stage is Stage.DETOX_REFERRED
        and referral.detox is not None
        and referral.detox.returned_at is None
    )
    return Guard("detox_not_running", not running, "a detox is already under way")


def level_rank(level: LevelOfCare) -> tuple[int, ...]:
    """Levels of care in order: 1 < 2.1 < 2.5 < 3.1."""
    return tuple(int(part) for part in level.code.split("."))


def above_served(level: LevelOfCare, rules: IntakeRules) -> bool:
    """Whether a level needs more than the programs give."""
    return level_rank(level) > level_rank(LevelOfCare(code=rules.max_level_served))


def level_served(referral: Referral, rules: IntakeRules) -> Guard:
    """T12: the recommended level is one the programs serve."""
    made = referral.assessment
    return Guard(
        "level_served",
        made is not None and not above_served(made.level, rules),
        f"the recommended level is above {rules.max_level_served}, the highest served",
    )


def can_live_at_home(referral: Referral) -> Guard:
    """T7: an outpatient program needs a safe home and a night without supervision."""
    screening = referral.screening
    fits = screening is None or (screening.home_safe and not screening.needs_24h_supervision)
    return Guard(
        "can_live_at_home",
        fits,
        "the screening found an unsafe home or a need for supervision around the clock",
    )


def minutes_in_band(level: LevelOfCare | None, minutes: int, band_of: AgeBand, rules: Rulebook) -> Guard:
    """T12: the prescribed week lies within the level's band for the age."""
    try:
        band = rules.band(level, band_of) if level else None
    except LookupError:
        band = None
    sentence = (
        f"{minutes} minutes a week are not within {band.min_minutes} to {band.max_minutes}"
        if band
        else "the level has no weekly minutes in the rulebook"
    )
    return Guard("minutes_in_band", band is not None and band.holds(minutes), sentence)


def coverage_decided(referral: Referral) -> Guard:
    """T12: active coverage, or the patient pays."""
    cover = referral.coverage
    decided = cover is not None and (cover.status == "active" or cover.plan_kind in _PAID_BY_PATIENT)
    return Guard("coverage_decided", decided, "no active coverage and no other way of payment is recorded")


def authorization_approved(referral: Referral, today: date) -> Guard:
    """T12: where the payer asks for it, an approved authorization of this level that covers today."""
    needed = referral.coverage is not None and referral.coverage.auth_required
    given, made = referral.authorization, referral.assessment
    approved = (
        given is not None
        and made is not None
        and given.status == "approved"
        and given.units_approved > 0
        and given.level.code == made.level.code
        and given.valid_from <= today <= given.valid_to
    )
    return Guard(
        "authorization_approved",
        not needed or approved,
        "the payer asks for an authorization and none approved for this level covers today",
    )


def certified(referral: Referral, certified_by: str | None) -> Guard:
    """T12: Medicare pays only what a physician certified."""
    medicare = referral.coverage is not None and referral.coverage.plan_kind is PlanKind.MEDICARE
    return Guard(
        "physician_certification",
        bool(certified_by) or not medicare,
        "Medicare needs a physician's certification",
    )


def seat_held(referral: Referral, at: datetime) -> Guard:
    """T9, T12: at the instant a hold names it is over."""
    held = referral.hold is not None and at < referral.hold.expires_at
    return Guard("seat_held", held, "no seat is held for this person")


def may_decline(
    referral: Referral, reason: DeclineReason, today: date, at: datetime, rules: IntakeRules
) -> list[Guard]:
    """What a reason must rest on."""
    if reason is DeclineReason.NEEDS_HIGHER_LEVEL:
        return [_higher_level_grounds(referral, rules)]
    if reason is DeclineReason.UNREACHABLE and referral.stage is Stage.DETOX_REFERRED:
        return [_lost_after_detox(referral, today, rules)]
    if reason is DeclineReason.UNREACHABLE and referral.stage is Stage.WAITLISTED:
        return [_waited_out(referral, at, rules)]
    return []


def _higher_level_grounds(referral: Referral, rules: IntakeRules) -> Guard:
    """T7: the facts, not an impression, say that outpatient treatment is too little."""
    made, screening = referral.assessment, referral.screening
    grounds = (made is not None and above_served(made.level, rules)) or (
        screening is not None
        and (
            screening.needs_24h_supervision
            or not screening.home_safe
            or Risk.HIGH in (screening.suicide_risk, screening.withdrawal_risk)
        )
    )
    return Guard(
        "higher_level_grounds", grounds, "neither screening nor assessment shows a need for a higher level"
    )


def _lost_after_detox(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T5: who left early gets `contact_days` to be found."""
    detox = referral.detox
    lost = (
        detox is not None
        and detox.outcome == "left_early"
        and detox.returned_at is not None
        and age_in_days(detox.returned_at, today, referral.tz) >= rules.contact_days
    )
    return Guard(
        "contact_days_over",
        lost,
        f"only who left detox early and was not reached for {rules.contact_days} days counts as unreachable",
    )


def _waited_out(referral: Referral, at: datetime, rules: IntakeRules) -> Guard:
    """T11: a waiting person is given up only by the rules of the list."""
    entry = referral.entry
    over = entry is not None and (at >= entry.expires_at or entry.misses >= rules.max_missed_offers)
    return Guard("wait_over", over, "the person's time on the waiting list is not over")
