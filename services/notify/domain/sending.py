"""The gate: whether a message goes out at its instant, and what is recorded of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.decisions import Wake
from contracts.notify import NotificationSent, NotificationSuppressed
from contracts.rulebook import QuietHours
from contracts.vocabulary import Actor
from services.notify.domain.hours import when_open
from services.notify.domain.person import NO_CONSENT, Fact, Message, MessagePostponed, Person
from services.notify.domain.queueing import SEND, is_for_patient, role_of
from services.notify.domain.templates import text_of

TASKS = "tasks"
"""The channel of staff: their worklist."""
_PREFERRED = ("sms", "email", "portal", "voice")
_RETRY_MINUTES = (1, 5, 30, 120, 720)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to leave the house; whoever delivers it does so once per `message_id`."""

    message_id: str
    network_id: str
    site_id: str
    episode_id: str
    channel: str
    recipient: str
    recipient_role: str
    template_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """The message is not sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """The message waits for the morning."""

    until: datetime


def channel_of(person: Person, message: Message) -> str:
    """How a message travels: staff has a worklist, a patient the best channel agreed to, or none."""
    if not is_for_patient(message):
        return TASKS
    agreed = [channel for channel in _PREFERRED if channel in person.channels] or list(person.channels)
    return agreed[0] if agreed else "none"


def judge(person: Person, message: Message, now: datetime, quiet: QuietHours) -> Letter | Suppress | Postpone:
    """Decide, at the instant of sending, whether a queued message may go.

    `now` is the instant at which it would really leave, so that a message that was held up by an
    outage does not wake anybody at night.
    """
    if message.withdrawn:
        return Suppress(message.withdrawn)
    if message.useful_until is not None and now >= message.useful_until:
        return Suppress("too_late")
    if is_for_patient(message):
        if not person.channels:
            return Suppress(NO_CONSENT)
        morning = when_open(now, person.tz, quiet)
        if morning > now:
            return Postpone(morning)
    return Letter(
        message_id=message.message_id,
        network_id=person.network_id,
        site_id=person.site_id,
        episode_id=person.id,
        channel=channel_of(person, message),
        recipient=message.recipient,
        recipient_role=role_of(message),
        template_id=message.template_id,
        text=text_of(message.template_id, message.words),
    )


def sent(person: Person, letter: Letter, now: datetime, actor: Actor) -> list[Fact]:
    """The message left the house."""
    return [
        NotificationSent(
            network_id=person.network_id,
            site_id=person.site_id,
            episode_id=person.id,
            patient_id=person.patient_id,
            part2=person.part2,
            actor=actor,
            message_id=letter.message_id,
            template_id=letter.template_id,
            channel=letter.channel,
            recipient_role=letter.recipient_role,
            sent_at=now,
        )
    ]


def suppressed(person: Person, message: Message, reason: str, actor: Actor) -> list[Fact]:
    """The message stays in the house for good, and why."""
    return [
        NotificationSuppressed(
            network_id=person.network_id,
            site_id=person.site_id,
            episode_id=person.id,
            patient_id=person.patient_id,
            part2=person.part2,
            actor=actor,
            message_id=message.message_id,
            template_id=message.template_id,
            channel=channel_of(person, message),
            recipient_role=role_of(message),
            reason=reason,
        )
    ]


def postponed(message: Message, until: datetime, failures: int) -> list[Fact]:
    """The message is judged again at a later instant."""
    return [
        MessagePostponed(message.message_id, until, failures),
        Wake(until, f"{SEND}:{message.message_id}"),
    ]


def failed(person: Person, message: Message, now: datetime, actor: Actor) -> list[Fact]:
    """The channel did not take it: try again at growing distances, then say that it never went."""
    if message.failures >= len(_RETRY_MINUTES):
        return suppressed(person, message, "channel_failed", actor)
    later = now + timedelta(minutes=_RETRY_MINUTES[message.failures])
    return postponed(message, later, message.failures + 1)
