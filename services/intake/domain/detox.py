"""Withdrawal is treated first: T3 to T5, decided by people."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, require
from contracts.intake import DetoxCompleted, DetoxReferred, OutreachAttempted
from services.intake.domain import guards, indications
from services.intake.domain.facts import ScreeningVoided, about
from services.intake.domain.guards import in_stage
from services.intake.domain.state import GATE, OPEN, Referral, Stage

SETTINGS = frozenset({"detox_facility", "residential", "hospital", "ambulatory"})
OUTCOMES = frozenset({"completed", "left_early", "transferred", "not_needed"})
TRIGGERS = {"ciwa": "ciwa_ar", "cows": "cows", "opioid_history": None, "clinician": None}
"""What a person may rest the decision on, and the scale whose total must then reach the gate."""
CHANNELS = frozenset({"phone", "sms", "email", "letter", "visit", "portal"})


@dataclass(frozen=True, slots=True)
class ReferToDetox:
    setting: str
    trigger: str
    expected_return_on: date | None = None
    facility_id: str | None = None
    in_house: bool = False


@dataclass(frozen=True, slots=True)
class ReturnFromDetox:
    outcome: str
    medically_cleared: bool
    cleared_by: str | None = None


@dataclass(frozen=True, slots=True)
class LogContact:
    """Somebody tried to reach the person."""

    channel: str
    reached: bool


def refer_to_detox(referral: Referral, command: ReferToDetox, moment: Moment) -> list[Any]:
    """T3: a person, never the machine, sends somebody to withdrawal management."""
    rules = moment.rules.intake
    require(
        "cannot_refer_to_detox",
        "The person cannot be referred to detox",
        [
            in_stage(referral, Stage.SCREENED, Stage.ASSESSED, Stage.WAITLISTED, Stage.DETOX_REFERRED),
            guards.known("detox_setting", command.setting, SETTINGS),
            guards.known("detox_trigger", command.trigger, TRIGGERS),
            _gate(referral, command.trigger),
            Guard(
                "opioid_history",
                command.trigger != "opioid_history" or _opioid_history(referral),
                "no history of opioid use is recorded",
            ),
            Guard(
                "detox_offered_here",
                rules.detox_in_house or not command.in_house,
                "this site offers no detox of its own",
            ),
            _not_running(referral),
        ],
    )
    referred = DetoxReferred(
        **about(referral, moment),
        detox_referral_id=moment.new_id("detox"),
        setting=command.setting,
        trigger=command.trigger,
        expected_return_on=command.expected_return_on,
        facility_id=command.facility_id,
        in_house=command.in_house,
        referred_at=moment.at,
    )
    return [referred, Unwake("offer_expires"), Unwake("entry_expires"), Unwake("ask_again")]


def return_from_detox(referral: Referral, command: ReturnFromDetox, moment: Moment) -> list[Any]:
    """T4: only who is medically cleared comes back, and nothing measured before counts."""
    require(
        "cannot_return_from_detox",
        "The return from detox cannot be recorded",
        [
            in_stage(referral, Stage.DETOX_REFERRED),
            guards.known("detox_outcome", command.outcome, OUTCOMES),
            Guard(
                "cleared_by",
                bool(command.cleared_by) or not command.medically_cleared,
                "a clearance needs whoever gave it",
            ),
            Guard(
                "detox_running",
                referral.detox is None or referral.detox.returned_at is None,
                "how this detox ended is recorded already",
            ),
        ],
    )
    completed = DetoxCompleted(
        **about(referral, moment),
        outcome=command.outcome,
        medically_cleared=command.medically_cleared,
        completed_at=moment.at,
        cleared_by=command.cleared_by,
    )
    if not command.medically_cleared:
        return [completed]
    before = referral.detox.voided if referral.detox else ()
    measured = tuple(sorted(referral.screening.answers)) if referral.screening else before
    return [completed, ScreeningVoided(measured)]


def log_contact(referral: Referral, command: LogContact, moment: Moment) -> list[Any]:
    """An attempt to reach somebody: what T5 and T11 count."""
    require(
        "cannot_log_contact",
        "The contact cannot be recorded",
        [in_stage(referral, *OPEN), guards.known("channel", command.channel, CHANNELS)],
    )
    attempted = OutreachAttempted(
        **about(referral, moment),
        channel=command.channel,
        attempts=referral.attempts + 1,
        reached=command.reached,
        attempted_at=moment.at,
    )
    return [attempted]


def gate_open(referral: Referral) -> bool:
    """Whether somebody must decide on detox before anything else."""
    return referral.screening is not None and any(GATE in r.flags for r in referral.screening.results)


def _gate(referral: Referral, trigger: str) -> Guard:
    """A score opens the gate only where it was measured and is high enough."""
    scale = TRIGGERS.get(trigger)
    result = referral.screening.result(scale) if referral.screening and scale else None
    return Guard(
        "detox_gate",
        scale is None or (result is not None and GATE in result.flags),
        f"the {trigger.upper()} score of the valid screening does not reach the gate",
        {"total": result.total if result else None} if scale else {},
    )


def _opioid_history(referral: Referral) -> bool:
    told = referral.screening is not None and referral.screening.opioid_history
    return told or any(indications.is_opioid(d.system, d.code or "") for d in referral.diagnoses)


def _not_running(referral: Referral) -> Guard:
    """A second detox may follow one that ended uncleared, not one that still runs."""
    running = (
        referral.stage is Stage.DETOX_REFERRED
        and referral.detox is not None
        and referral.detox.returned_at is None
    )
    return Guard("detox_not_running", not running, "a detox is already under way")
