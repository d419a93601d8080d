"""Consents: what makes one, who must sign it, and how it ends."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import ConsentExpired, ConsentGranted, ConsentRevoked, PatientCameOfAge, Recipient
from contracts.rulebook import ConsentRules, Rulebook
from services.intake.domain import guards
from services.intake.domain.facts import ConsentDrafted, about
from services.intake.domain.people import of_age_at
from services.intake.domain.state import Consent, Referral

CHANNELS = frozenset({"sms", "voice", "email", "portal"})
SIGNERS = frozenset({"patient", "parent_or_guardian", "personal_representative"})
PURPOSES = frozenset({"TREAT", "HPAYMT", "HOPERAT", "other"})
EVENTS = frozenset({"end_of_treatment", "none"})
OF_AGE = "of_age"
"""The wake, and why a consent ended."""
GUARDIAN = "parent_or_guardian"
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
    # What a guardian signed ends at the instant of another wake, and whichever rings first does it all.
    return come_of_age(referral, woke, moment) or [_expired(referral, over, "date", moment)]


def come_of_age(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """On the civil day from which a person signs alone, what a guardian alone signed ends at once."""
    grown = of_age_at(referral.person, referral.tz, moment.rules.majority)
    if referral.closed or referral.of_age or referral.received_at >= grown:
        return []
    if moment.at < grown:
        # The law was told differently since.
        return [Wake(grown, OF_AGE)] if woke.what == OF_AGE else []
    theirs = [c for c in referral.consents if GUARDIAN in c.signers and not c.missing]
    over = [c for c in theirs if c.expires_at is not None and c.expires_at <= moment.at]
    return [
        *(_expired(referral, c, OF_AGE, moment) for c in over),
        *(Unwake(f"consent_expires:{c.id}") for c in over),
        PatientCameOfAge(
            **about(referral, moment),
            ended=tuple(sorted({c.kind for c in over})),
            to_renew=tuple(sorted({c.kind for c in theirs})),
        ),
        Unwake(OF_AGE),
    ]


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
    ends = _ends(referral, consent, moment.rules)
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
    of_age = moment.at >= of_age_at(referral.person, referral.tz, moment.rules.majority)
    signed = "signers" in asked.needs if asked is not None else False
    if not of_age:
        return tuple(s for s in moment.rules.intake.minor_signers if s not in signers) if signed else ()
    # Nobody says for somebody of age how they are to be reached, either.
    asks = signed or GUARDIAN in signers
    return ("patient",) if asks and not {"patient", "personal_representative"} & set(signers) else ()


def _ends(referral: Referral, consent: Consent, rules: Rulebook) -> datetime | None:
    """What a parent alone signed ends on the day on which the child is of age."""
    grown = of_age_at(referral.person, referral.tz, rules.majority)
    asked = rules.consents.get(consent.kind)
    theirs = GUARDIAN in consent.signers
    alone = "patient" not in consent.signers or (asked is not None and asked.guardians_end)
    ends = [consent.expires_at, grown if theirs and alone and grown > consent.signed_at else None]
    return min((e for e in ends if e is not None), default=None)
