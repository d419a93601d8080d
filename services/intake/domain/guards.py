"""The named conditions of intake's transitions, each with the sentence a refusal shows."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from contracts.decisions import Guard
from contracts.intake import Rating
from contracts.rulebook import IntakeRules, Rulebook
from contracts.vocabulary import AgeBand, LevelOfCare, PlanKind, Risk
from services.intake.domain.people import local_date
from services.intake.domain.state import Referral, Stage

PAID_BY_PATIENT = (PlanKind.SELF_PAY, PlanKind.SLIDING_FEE)


def rules_for(referral: Referral, rules: Rulebook, program_id: str = "") -> Rulebook:
    """The site's rules, with what the payer and a program do differently."""
    cover = referral.coverage
    payer = (cover.payer_id, str(cover.plan_kind)) if cover else ()
    return rules.at(referral.network_id, referral.site_id, program_id, payer)


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


def treatment_consent(referral: Referral, at: datetime, *, verbal: bool = False) -> Guard:
    """T2 takes a verbal consent, T12 a signed one; at the instant that one names it is over."""
    given = referral.consent("treatment", *(("treatment_verbal",) if verbal else ()), at=at)
    unsigned = sorted({s for c in referral.consents if c.kind == "treatment" for s in c.missing})
    return Guard(
        "treatment_consent",
        given is not None,
        "no treatment consent is on file" if verbal else "no signed treatment consent is on file",
        {"signature_missing": unsigned} if unsigned else {},
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
    days = age_in_days(screening.at, today, referral.tz) if screening is not None else None
    return Guard(
        "suicide_screen_current",
        days is not None and days <= rules.suicide_screen_ttl_days,
        f"the suicide screen is older than {rules.suicide_screen_ttl_days} days",
        {"days": days, "limit": rules.suicide_screen_ttl_days},
    )


def suicide_risk_not_high(referral: Referral) -> Guard:
    """Nobody is sent on towards a group while a high risk stands unanswered."""
    high = referral.screening is not None and referral.screening.suicide_risk is Risk.HIGH
    return Guard("suicide_risk_not_high", not high, "the newest screening found a high suicide risk")


def assessment_current(referral: Referral, today: date, rules: IntakeRules) -> Guard:
    """T9: an assessment that grew old is made again."""
    made = referral.assessment
    days = age_in_days(made.at, today, referral.tz) if made is not None else None
    return Guard(
        "assessment_current",
        days is not None and days <= rules.assessment_ttl_days,
        f"there is no assessment of the last {rules.assessment_ttl_days} days",
        {"days": days, "limit": rules.assessment_ttl_days},
    )


def dimensions_complete(rated: Sequence[Rating], level: LevelOfCare, rules: IntakeRules) -> Guard:
    """Each edition says which dimensions are rated; edition 4 leaves the sixth unrated."""
    wanted = list(rules.dimensions.get(level.edition, ()))
    missing = [n for n in wanted if n not in {r.dimension for r in rated}]
    return Guard(
        "dimensions_complete",
        sorted(r.dimension for r in rated) == wanted,
        f"each of the {len(wanted)} dimensions of edition {level.edition} must be rated once",
        {"missing": missing},
    )


def alerts_in_hand(referral: Referral) -> Guard:
    """T6: nobody sits down to an assessment while a high alert waits for somebody to look."""
    waiting = [a.id for a in referral.alerts if a.severity is Risk.HIGH and a.acknowledged_at is None]
    return Guard(
        "alerts_in_hand", not waiting, "nobody acknowledged a high safety alert yet", {"alerts": waiting}
    )


def no_high_alert(referral: Referral) -> Guard:
    """Seats, T9 and T12: the ordinary flow stops until a high alert is resolved."""
    standing = [a.id for a in referral.alerts if a.severity is Risk.HIGH]
    return Guard("no_high_alert", not standing, "a high safety alert is open", {"alerts": standing})


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
    fits = screening is None or screening.can_live_at_home
    return Guard(
        "can_live_at_home",
        fits,
        "the screening found an unsafe home or a need for supervision around the clock",
    )


def may_be_offered(referral: Referral, rules: IntakeRules) -> list[Guard]:
    """What must hold of a person, however fresh the findings are, before a seat is asked for or taken."""
    return [
        level_served(referral, rules),
        can_live_at_home(referral),
        suicide_risk_not_high(referral),
        withdrawal_not_high(referral),
        no_high_alert(referral),
    ]


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


def coverage_decided(referral: Referral, today: date) -> Guard:
    """T12: coverage that is active today, or the patient pays, or payment is waived."""
    cover = referral.coverage
    decided = cover is not None and (
        cover.plan_kind in PAID_BY_PATIENT
        or cover.status == "waived"
        or (cover.status == "active" and cover.holds_on(today))
    )
    return Guard("coverage_decided", decided, "no active coverage and no other way of payment is recorded")


def authorization_approved(referral: Referral, today: date) -> Guard:
    """T12: where the payer asks for it, an approved authorization of this level that covers today."""
    needed = referral.coverage is not None and referral.coverage.auth_required
    made = referral.assessment
    given = referral.authorization(made.level, today) if made else None
    return Guard(
        "authorization_approved",
        not needed or (given is not None and given.units_left > 0),
        "the payer asks for an authorization and none approved for this level covers today",
        {"recorded": [a.status for a in referral.authorizations]} if needed else {},
    )


def certified(referral: Referral, today: date, required: bool) -> Guard:
    """T12: some payers pay only what a physician certified, and for a time only."""
    certificate = referral.certificate
    current = certificate is not None and certificate.certified_on <= today <= certificate.next_due_on
    return Guard(
        "physician_certification",
        current or not required,
        "the payer needs a physician's certification that is current",
        {"next_due_on": str(certificate.next_due_on)} if certificate else {},
    )


def seat_held(referral: Referral, at: datetime) -> Guard:
    """T9, T12: at the instant a hold names it is over."""
    held = referral.hold is not None and at < referral.hold.expires_at
    return Guard("seat_held", held, "no seat is held for this person")
