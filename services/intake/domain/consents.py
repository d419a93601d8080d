"""Consents: what makes one, who must sign it, and how it ends."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import ConsentExpired, ConsentGranted, ConsentRevoked, Recipient
from contracts.rulebook import ConsentRules, IntakeRules
from contracts.vocabulary import AgeBand
from services.intake.domain import guards
from services.intake.domain.facts import ConsentDrafted, about
from services.intake.domain.people import age_band, birthday, local_date, midnight
from services.intake.domain.state import Consent, Referral

CHANNELS = frozenset({"sms", "voice", "email", "portal"})
SIGNERS = frozenset({"patient", "parent_or_guardian", "personal_representative"})
PURPOSES = frozenset({"TREAT", "HPAYMT", "HOPERAT", "other"})
EVENTS = frozenset({"end_of_treatment", "none"})
_FOR_ONE_RECIPIENT = "part2_disclosure"


@dataclass(frozen=True, slots=True)
class GrantConsent:
    kind: str
    channels: tuple[str, ...] = ()
    signers: tuple[str, ...] = ("patient",)
    disclosers: tuple[str, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    purposes: tuple[str, ...] = ()
    info_categories: tuple[str, ...] = ()
    expires_at: datetime | None = None
    expires_event: str | None = None


@dataclass(frozen=True, slots=True)
class SignConsent:
    """One more of those who must sign has signed."""

    consent_id: str
    signer: str


@dataclass(frozen=True, slots=True)
class RevokeConsent:
    consent_id: str


def grant_consent(referral: Referral, command: GrantConsent, moment: Moment) -> list[Any]:
    """Keep a consent; it counts once everybody who must has signed, and replaces the one before."""
    asked = moment.rules.consents.get(command.kind)
    missing = _elements_missing(command, asked)
    require(
        "cannot_consent",
        "This consent cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("consent_kind", command.kind, moment.rules.consents),
            *(guards.known("channel", c, CHANNELS) for c in command.channels),
            *(guards.known("signer", s, SIGNERS) for s in command.signers),
            *(guards.known("purpose", p, PURPOSES) for p in command.purposes),
            guards.known("expires_event", command.expires_event or "none", EVENTS),
            Guard(
                "consent_elements",
                not missing,
                "it does not say everything that such a consent must say",
                {"missing": missing, "cite": asked.cite if asked else ""},
            ),
            Guard(
                "not_over",
                command.expires_at is None or command.expires_at > moment.at,
                "it would be over before it begins",
            ),
        ],
    )
    drafted = Consent(
        id=moment.new_id("consent"),
        kind=command.kind,
        channels=command.channels,
        signed_at=moment.at,
        signers=command.signers,
        missing=_still_to_sign(referral, command.signers, asked, moment),
        disclosers=command.disclosers,
        recipients=command.recipients,
        purposes=command.purposes,
        info_categories=command.info_categories,
        expires_at=command.expires_at,
        expires_event=command.expires_event,
    )
    return [ConsentDrafted(drafted)] if drafted.missing else _granted(referral, drafted, moment)


def sign_consent(referral: Referral, command: SignConsent, moment: Moment) -> list[Any]:
    """A signature more; with the last one the consent counts."""
    drafted = next((c for c in referral.consents if c.id == command.consent_id), None)
    require(
        "cannot_sign",
        "This consent cannot be signed",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            Guard("consent_known", drafted is not None, "there is no such consent"),
            guards.known("signer", command.signer, SIGNERS),
            Guard(
                "not_over",
                drafted is None or drafted.expires_at is None or moment.at < drafted.expires_at,
                "it would be over before it begins",
            ),
            Guard(
                "signature_missing",
                drafted is None or bool(drafted.missing),
                "nobody has to sign it any more",
            ),
        ],
    )
    assert drafted is not None
    signers = tuple(dict.fromkeys((*drafted.signers, command.signer)))
    asked = moment.rules.consents.get(drafted.kind)
    missing = _still_to_sign(referral, signers, asked, moment)
    signed = replace(drafted, signers=signers, missing=missing, signed_at=moment.at)
    return [ConsentDrafted(signed)] if missing else _granted(referral, signed, moment)


def revoke_consent(referral: Referral, command: RevokeConsent, moment: Moment) -> list[Any]:
    """Nothing more rests on it from this instant; it can be taken back at any time."""
    standing = next((c for c in referral.consents if c.id == command.consent_id), None)
    require(
        "cannot_revoke",
        "This consent cannot be revoked",
        [Guard("consent_known", standing is not None, "there is no such consent, or it is over")],
    )
    assert standing is not None
    revoked = ConsentRevoked(
        **about(referral, moment),
        consent_id=standing.id,
        kind=standing.kind,
        revoked_at=moment.at,
        scope_remaining=tuple(
            c.id for c in referral.consents if c.kind == standing.kind and c.id != standing.id
        ),
    )
    return [revoked, Unwake(f"consent_expires:{standing.id}")]


def expire_consent(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """At the instant it names a consent is over."""
    consent_id = woke.what.partition(":")[2]
    over = next((c for c in referral.consents if c.id == consent_id), None)
    if over is None or over.expires_at is None or moment.at < over.expires_at:
        return []
    grown = _of_age(referral, over, moment.rules.intake)
    cause = "of_age" if over.expires_at == grown else "date"
    return [_expired(referral, over, cause, moment)]


def end_with_treatment(referral: Referral, moment: Moment) -> list[Any]:
    """What was given for the time of the treatment ends with it."""
    return [
        fact
        for c in referral.consents
        if c.expires_event == "end_of_treatment" and not c.missing
        for fact in (
            _expired(referral, c, "end_of_treatment", moment), Unwake(f"consent_expires:{c.id}"),
        )
    ]  # fmt: skip


def _granted(referral: Referral, consent: Consent, moment: Moment) -> list[Any]:
    ends = _ends(referral, consent, moment.rules.intake)
    granted = ConsentGranted(
        **about(referral, moment),
        consent_id=consent.id,
        kind=consent.kind,
        channels=consent.channels,
        signed_at=consent.signed_at,
        signers=consent.signers,
        disclosers=consent.disclosers,
        recipients=consent.recipients,
        purposes=consent.purposes,
        info_categories=consent.info_categories,
        expires_at=ends,
        expires_event=consent.expires_event,
    )
    replaced = [Unwake(f"consent_expires:{c.id}") for c in referral.consents if replaces(consent, c)]
    return [granted, *replaced, *([Wake(ends, f"consent_expires:{consent.id}")] if ends else [])]


def replaces(newer: Consent, older: Consent) -> bool:
    """The newest of a kind counts; of disclosures, the newest to the same recipients."""
    if newer.id == older.id or newer.kind != older.kind:
        return False
    return newer.kind != _FOR_ONE_RECIPIENT or newer.recipients == older.recipients


def _expired(referral: Referral, consent: Consent, cause: str, moment: Moment) -> ConsentExpired:
    return ConsentExpired(
        **about(referral, moment),
        consent_id=consent.id,
        kind=consent.kind,
        expired_at=moment.at,
        cause=cause,
    )


def _elements_missing(command: GrantConsent, asked: ConsentRules | None) -> list[str]:
    if asked is None:
        return []
    unlimited = command.expires_event == "none"
    said = {
        "signers": command.signers,
        "disclosers": command.disclosers,
        "recipients": command.recipients,
        "purposes": command.purposes,
        "info_categories": command.info_categories,
        "expiry": command.expires_at or (command.expires_event and (asked.tpo or not unlimited)),
    }
    missing = [name for name in asked.needs if not said[name]]
    if asked.tpo and "other" in command.purposes:
        missing.append("purposes of treatment, payment and operations only")
    return missing


def _still_to_sign(
    referral: Referral, signers: tuple[str, ...], asked: ConsentRules | None, moment: Moment
) -> tuple[str, ...]:
    if asked is None or "signers" not in asked.needs:
        return ()
    rules = moment.rules.intake
    born, today = referral.person.birth_date, local_date(moment.at, referral.tz)
    if age_band(born, today, rules) is AgeBand.ADOLESCENT:
        return tuple(s for s in rules.minor_signers if s not in signers)
    return () if {"patient", "personal_representative"} & set(signers) else ("patient",)


def _ends(referral: Referral, consent: Consent, rules: IntakeRules) -> datetime | None:
    """What a parent alone signed ends on the day on which the child is of age."""
    grown = _of_age(referral, consent, rules)
    ends = [e for e in (consent.expires_at, grown) if e]
    return min(ends, default=None)


def _of_age(referral: Referral, consent: Consent, rules: IntakeRules) -> datetime | None:
    """When the child is of age for whom a parent alone had signed."""
    alone = "parent_or_guardian" in consent.signers and "patient" not in consent.signers
    grown = midnight(birthday(referral.person.birth_date, rules.adult_age), referral.tz)
    return grown if alone and grown > consent.signed_at else None
