"""What notify knows about one person, and how that changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from contracts.decisions import Unwake, Wake
from contracts.event import PatientEvent
from contracts.notify import NotificationSent, NotificationSuppressed
from contracts.vocabulary import Risk

KEYS_KEPT = 200
"""How many already told things are remembered; older ones cannot come again."""
ALERTS_KEPT = 20
"""How many resolved alerts are remembered, in case one is heard of late."""
SAFETY = "safety"
ON_HOLD = "on_hold"
REVOKED = "revoked"
NO_CONSENT = "no_consent"
NEVER_TOLD = (SAFETY, ON_HOLD, REVOKED, NO_CONSENT)
"""Why a message was kept back, where it counts as not told: a correction of it would be the first word."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits for its instant."""

    message_id: str
    key: str
    """What it tells: nothing is told twice."""
    template_id: str
    recipient: str
    words: dict[str, str]
    due_at: datetime
    topic: str = ""
    """A newer message on the same topic makes this one pointless."""
    useful_until: datetime | None = None
    withdrawn: str = ""
    """Why it shall not be sent after all."""
    failures: int = 0
    role: str = ""
    """Who is told, where it is not whom the template names."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person's way as notify sees it."""

    id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    channels: tuple[str, ...] = ()
    """The channels on which the person agreed to be contacted; none is no consent."""
    consent_id: str = ""
    """The consent that names them."""
    alerts: dict[str, Risk] = field(default_factory=dict)
    """The open safety alerts, whoever raised them."""
    resolved: tuple[str, ...] = ()
    away: bool = False
    """Sent to treatment elsewhere first and not cleared to come back."""
    clinician_id: str = ""
    ended: str = ""
    """Why nothing more is sent; empty while messages may go."""
    told: tuple[str, ...] = ()
    queued: dict[str, Message] = field(default_factory=dict)

    @property
    def hushed(self) -> str:
        """Why no automatic message may reach the person for now; empty where it may."""
        if Risk.HIGH in self.alerts.values():
            return SAFETY
        return ON_HOLD if self.away else ""


@dataclass(frozen=True, slots=True)
class PersonMet:
    """A person came into sight."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str

    @classmethod
    def by(cls, event: PatientEvent, tz: str) -> "PersonMet":
        """The person whom an event is about."""
        return cls(event.episode_id, event.network_id, event.site_id, event.patient_id, event.part2, tz)


@dataclass(frozen=True, slots=True)
class ChannelsChosen:
    """A person said how to be contacted, or took that back."""

    channels: tuple[str, ...]
    consent_id: str = ""


@dataclass(frozen=True, slots=True)
class ClinicianNamed:
    """A person has a primary clinician."""

    clinician_id: str
    tz: str


@dataclass(frozen=True, slots=True)
class AlertNoted:
    """A safety alert is open, or has risen."""

    alert_id: str
    severity: Risk


@dataclass(frozen=True, slots=True)
class AlertOver:
    """A safety alert was resolved."""

    alert_id: str


@dataclass(frozen=True, slots=True)
class AwayNoted:
    """A person is treated elsewhere first, or was cleared to come back."""

    away: bool


@dataclass(frozen=True, slots=True)
class MessageQueued:
    """A message waits to be sent."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageWithdrawn:
    """A queued message shall not be sent."""

    message_id: str
    why: str


@dataclass(frozen=True, slots=True)
class MessagePostponed:
    """A queued message is tried later."""

    message_id: str
    due_at: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class PersonLeft:
    """Nothing more is sent to this person."""

    why: str


PRIVATE = (
    PersonMet,
    ChannelsChosen,
    ClinicianNamed,
    AlertNoted,
    AlertOver,
    AwayNoted,
    MessageQueued,
    MessageWithdrawn,
    MessagePostponed,
    PersonLeft,
)

Change: TypeAlias = (
    PersonMet
    | ChannelsChosen
    | ClinicianNamed
    | AlertNoted
    | AlertOver
    | AwayNoted
    | MessageQueued
    | MessageWithdrawn
    | MessagePostponed
    | PersonLeft
    | NotificationSent
    | NotificationSuppressed
)
Fact: TypeAlias = Change | Wake | Unwake


def evolve(person: Person | None, fact: Change) -> Person:
    """The person after a fact."""
    if isinstance(fact, PersonMet):
        return _met(person, fact)
    if person is None:
        raise ValueError("a person's story starts with PersonMet")
    match fact:
        case ChannelsChosen(channels):
            changed = replace(person, channels=channels, consent_id=fact.consent_id)
        case ClinicianNamed(clinician_id, tz):
            changed = replace(person, clinician_id=clinician_id, tz=tz)
        case AlertNoted() | AlertOver():
            changed = _with_alerts(person, fact)
        case AwayNoted(away):
            changed = replace(person, away=away)
        case PersonLeft(why):
            changed = replace(person, ended=why)
        case MessageQueued(message):
            told = person.told if message.withdrawn else (*person.told, message.key)[-KEYS_KEPT:]
            changed = replace(person, told=told, queued=person.queued | {message.message_id: message})
        case MessageWithdrawn() | MessagePostponed():
            changed = _with_changed_message(person, fact)
        case NotificationSent() | NotificationSuppressed():
            left = {k: m for k, m in person.queued.items() if k != fact.message_id}
            changed = replace(person, queued=left)
    return changed


def _met(person: Person | None, fact: PersonMet) -> Person:
    if person is not None:
        return replace(person, tz=fact.tz)
    return Person(fact.episode_id, fact.network_id, fact.site_id, fact.patient_id, fact.part2, fact.tz)


def fold(person: Person, facts: Iterable[Fact]) -> Person:
    """The person after several facts; wakes change nothing."""
    for fact in facts:
        if not isinstance(fact, Wake | Unwake):
            person = evolve(person, fact)
    return person


def _with_alerts(person: Person, fact: AlertNoted | AlertOver) -> Person:
    if isinstance(fact, AlertNoted):
        return replace(person, alerts=person.alerts | {fact.alert_id: fact.severity})
    resolved = (*person.resolved, fact.alert_id)[-ALERTS_KEPT:]
    left = {k: severity for k, severity in person.alerts.items() if k != fact.alert_id}
    return replace(person, alerts=left, resolved=resolved)


def _with_changed_message(person: Person, fact: MessageWithdrawn | MessagePostponed) -> Person:
    message = person.queued.get(fact.message_id)
    if message is None:
        return person
    if isinstance(fact, MessageWithdrawn):
        if fact.why in NEVER_TOLD:
            person = replace(person, told=tuple(key for key in person.told if key != message.key))
        message = replace(message, withdrawn=fact.why)
    else:
        message = replace(message, due_at=fact.due_at, failures=fact.failures)
    return replace(person, queued=person.queued | {fact.message_id: message})
