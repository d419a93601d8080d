"""A physician certifies again and again that treatment is needed, where the payer asks for it (K19)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Woke, require
from contracts.progress import RecertificationDue, RecertificationRecorded
from contracts.rulebook import Rulebook
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, after_days, days_between, running

LAPSED = -1
"""What was told last, once the day is over on which a certification was due."""


@dataclass(frozen=True, slots=True)
class RecordCertification:
    """Record that a physician certified the need for treatment."""

    certified_by: str
    credential: str
    certified_on: date


def record_certification(state: Episode, command: RecordCertification, moment: Moment) -> Facts:
    """It is current up to and including the day on which the next one is due."""
    running(state)
    rules = moment.rules.payer
    known = state.certified_on
    require(
        "certification_refused",
        "The certification cannot be recorded",
        [
            Guard(
                "certifier_credential",
                command.credential in rules.certifier_credentials,
                "only a physician certifies",
                {"accepted": list(rules.certifier_credentials)},
            ),
            Guard(
                "not_ahead",
                command.certified_on <= state.day(moment.at),
                "it is signed on a day to come",
            ),
            Guard(
                "newer",
                known is None or command.certified_on >= known,
                f"a newer one, of {known}, is on file",
                {"certified_on": str(known) if known else None},
            ),
        ],
    )
    return [
        RecertificationRecorded(
            **about(state, moment.actor),
            certified_by=command.certified_by,
            credential=command.credential,
            certified_on=command.certified_on,
            next_due_on=command.certified_on + timedelta(days=rules.certification_days),
        )
    ]


def ask_certification(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The day is near, or has passed: somebody is told, and care goes on."""
    due = due_on(state, moment.rules)
    asked = waits(state, moment.rules).get("certification_due")
    if due is None or asked is None or moment.at < asked:
        return []
    left = days_between(state.day(moment.at), due)
    return [
        RecertificationDue(**about(state, moment.actor), due_on=due, days_left=max(0, left), lapsed=left < 0)
    ]


def due_on(state: Episode, rules: Rulebook) -> date | None:
    """The first day on which a payer asks for a certification newer than the one on file."""
    first = state.certified_through or state.admitted_on
    days = sorted({first, *(c.since for c in state.coverage if c.since > first)})
    return next((d for d in days if state.rules_on(d, rules).payer.certification_required), None)


def certified(state: Episode, day: date, moment: Moment) -> Guard:
    """The certification is current on a day, where whoever pays then asks for one."""
    required = state.rules_on(day, moment.rules).payer.certification_required
    through = state.certified_through
    return Guard(
        "certification",
        not required or (through is not None and day <= through),
        "the payer asks for a certification, and none is current",
        {"day": str(day), "certified_through": str(through) if through else None},
    )


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """The next day on which somebody is told that a certification is due, or has lapsed."""
    due = due_on(state, rules) if state.treated else None
    if due is None:
        return {}
    asked = state.certification_told
    told = asked[1] if asked and asked[0] == due else None
    notices = sorted({*rules.payer.certification_notice_days, LAPSED}, reverse=True)
    left = next((days for days in notices if told is None or days < told), None)
    return {} if left is None else {"certification_due": after_days(due, -left, state.tz)}
