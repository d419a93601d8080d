"""What notify knows about one person, and how that changes."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from contracts.decisions import Unwake, Wake
from contracts.notify import NotificationSent, NotificationSuppressed

KEYS_KEPT = 200
"""How many already told things are remembered; older ones cannot come again."""


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
    clinician_id: str = ""
    ended: str = ""
    """Why nothing more is sent; empty while messages may go."""
    told: tuple[str, ...] = ()
    queued: dict[str, Message] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonMet:
    """A person came into sight."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str


@dataclass(frozen=True, slots=True)
class ChannelsChosen:
    """A person said how to be contacted."""

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClinicianNamed:
    """A person has a primary clinician."""

    clinician_id: str
    tz: str


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
    MessageQueued,
    MessageWithdrawn,
    MessagePostponed,
    PersonLeft,
)

Change: TypeAlias = (
    PersonMet
    | ChannelsChosen
    | ClinicianNamed
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
            changed = replace(person, channels=channels)
        case ClinicianNamed(clinician_id, tz):
            changed = replace(person, clinician_id=clinician_id, tz=tz)
        case PersonLeft(why):
            changed = replace(person, ended=why)
        case MessageQueued(message):
            told = (*person.told, message.key)[-KEYS_KEPT:]
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


def _with_changed_message(person: Person, fact: MessageWithdrawn | MessagePostponed) -> Person:
    message = person.queued.get(fact.message_id)
    if message is None:
        return person
    if isinstance(fact, MessageWithdrawn):
        message = replace(message, withdrawn=fact.why)
    else:
        message = replace(message, due_at=fact.due_at, failures=fact.failures)
    return replace(person, queued=person.queued | {fact.message_id: message})
