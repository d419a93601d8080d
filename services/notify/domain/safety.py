"""What staff must hear at once, and what keeps notify from writing to a person."""

from typing import TypeAlias

from contracts import intake, progress
from contracts.decisions import Moment
from contracts.progress import EpisodeHeld, EpisodeResumed
from contracts.vocabulary import Risk
from services.notify.domain.hours import say_instant
from services.notify.domain.person import (
    ON_HOLD,
    SAFETY,
    AlertNoted,
    AlertOver,
    AwayNoted,
    Fact,
    Person,
    PersonMet,
    evolve,
    fold,
)
from services.notify.domain.queueing import tell_staff, withdraw_all

DETOX = "detox"
Raised: TypeAlias = intake.SafetyAlertRaised | progress.SafetyAlertRaised
Escalated: TypeAlias = intake.SafetyAlertEscalated | progress.SafetyAlertEscalated
Resolved: TypeAlias = intake.SafetyAlertResolved | progress.SafetyAlertResolved


def safety_alert_raised(person: Person | None, event: Raised, moment: Moment) -> list[Fact]:
    """A safety alert reaches a clinician at once, whatever the hour; a higher severity tells again."""
    known, facts = _alarmed(person, event, moment)
    words = {"severity": event.severity.value, "until": say_instant(event.due_ack_at, known.tz)}
    key = f"alert:{event.alert_id}:{event.severity}"
    return facts + tell_staff(known, moment, "safety_alert", key, words, always=True)


def safety_alert_escalated(person: Person | None, event: Escalated, moment: Moment) -> list[Fact]:
    """Nobody took it in hand: whoever is named hears of it at once, and again with every escalation."""
    known, facts = _alarmed(person, event, moment)
    words = {
        "severity": event.severity.value,
        "until": say_instant(event.due_ack_at, known.tz),
        "number": str(event.escalation),
    }
    # Progress counts anew when it takes an alert over, so a number alone would silence what comes after.
    key = f"alert:{event.alert_id}:{event.severity}:{event.service()}:escalation:{event.escalation}"
    return facts + tell_staff(
        known, moment, "safety_alert_escalated", key, words, role=event.to_role, always=True
    )


def safety_alert_resolved(person: Person, event: Resolved, _moment: Moment) -> list[Fact]:
    """What is told to the person from now on may go; what was kept back is not sent later."""
    return [] if event.alert_id in person.resolved else [AlertOver(event.alert_id)]


def alert_open(person: Person, alert_id: str, severity: Risk, moment: Moment) -> list[Fact]:
    """Remember an open alert; a high one takes back everything that waits for the person."""
    # Services are heard independently of each other: the end of an alert can come before its beginning.
    if alert_id in person.resolved or person.alerts.get(alert_id) in (severity, Risk.HIGH):
        return []
    noted: list[Fact] = [AlertNoted(alert_id, severity)]
    return [*noted, *(withdraw_all(person, SAFETY, moment) if severity is Risk.HIGH else [])]


def detox_referred(person: Person, _event: intake.DetoxReferred, moment: Moment) -> list[Fact]:
    """Whoever is treated elsewhere first gets neither reminders nor offers."""
    return [] if person.away else [AwayNoted(away=True), *withdraw_all(person, ON_HOLD, moment)]


def detox_completed(person: Person, event: intake.DetoxCompleted, _moment: Moment) -> list[Fact]:
    """Only who is medically cleared comes back."""
    return [AwayNoted(away=False)] if person.away and event.medically_cleared else []


def _alarmed(person: Person | None, event: Raised | Escalated, moment: Moment) -> tuple[Person, list[Fact]]:
    """The person with the alert open, and the facts that lead there; a danger needs no earlier word."""
    met = [] if person is not None else [PersonMet.by(event, "UTC")]
    known = person if person is not None else evolve(None, PersonMet.by(event, "UTC"))
    noted = alert_open(known, event.alert_id, event.severity, moment)
    return fold(known, noted), [*met, *noted]


def episode_held(person: Person, event: EpisodeHeld, moment: Moment) -> list[Fact]:
    """Whoever goes back to detox out of treatment hears nothing by machine meanwhile."""
    if event.reason != DETOX or person.away:
        return []
    return [AwayNoted(away=True), *withdraw_all(person, ON_HOLD, moment)]


def episode_resumed(person: Person, _event: EpisodeResumed, _moment: Moment) -> list[Fact]:
    """The person is back in treatment."""
    return [AwayNoted(away=False)] if person.away else []
