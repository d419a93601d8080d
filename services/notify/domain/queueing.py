"""How a message gets into the queue, and out of it again before it is sent."""

from datetime import datetime

from contracts.decisions import Moment, Wake
from services.notify.domain.hours import when_open
from services.notify.domain.person import Fact, Message, MessageQueued, MessageWithdrawn, Person
from services.notify.domain.templates import TEMPLATES, Audience

SEND = "send"
DECEASED = "deceased"
CLINICIAN = "clinician"


def tell_patient(
    person: Person,
    moment: Moment,
    template_id: str,
    key: str,
    words: dict[str, str],
    *,
    topic: str = "",
    useful_until: datetime | None = None,
) -> list[Fact]:
    """Queue a message to the person, outside quiet hours; consent is judged when it is sent."""
    if person.ended or key in person.told:
        return []
    older = [m for m in person.queued.values() if topic and m.topic == topic]
    message = Message(
        message_id=moment.new_id(key),
        key=key,
        template_id=template_id,
        recipient=person.patient_id,
        words=words,
        # While nothing may reach the person it is queued as withdrawn: what was kept back is said at once.
        due_at=moment.at if person.hushed else when_open(moment.at, person.tz, moment.rules.quiet_hours),
        topic=topic,
        useful_until=useful_until,
        withdrawn=person.hushed,
    )
    return [fact for m in older for fact in withdraw(m, "superseded", moment)] + _queue(message)


def tell_staff(
    person: Person,
    moment: Moment,
    template_id: str,
    key: str,
    words: dict[str, str],
    *,
    role: str = "",
    always: bool = False,
) -> list[Fact]:
    """Queue a task for staff, at any hour; `always` means after a discharge too, yet not after a death."""
    if key in person.told or person.ended == DECEASED or (person.ended and not always):
        return []
    told = role or TEMPLATES[template_id].role
    message = Message(
        message_id=moment.new_id(key),
        key=key,
        template_id=template_id,
        recipient=person.clinician_id if told == CLINICIAN and person.clinician_id else told,
        words=words,
        due_at=moment.at,
        role=role,
    )
    return _queue(message)


def withdraw(message: Message, why: str, moment: Moment) -> list[Fact]:
    """Take a queued message back; its wake comes at once and records that it was not sent."""
    if message.withdrawn:
        return []
    return [MessageWithdrawn(message.message_id, why), _wake(message.message_id, moment.at)]


def withdraw_all(person: Person, why: str, moment: Moment) -> list[Fact]:
    """Take back what is queued for a person who left: after a death, tasks for staff too."""
    return [
        fact
        for message in person.queued.values()
        if why == DECEASED or is_for_patient(message)
        for fact in withdraw(message, why, moment)
    ]


def is_for_patient(message: Message) -> bool:
    """Whether consent and quiet hours bind a message."""
    return TEMPLATES[message.template_id].audience is Audience.PATIENT


def role_of(message: Message) -> str:
    """Who reads a message."""
    return message.role or TEMPLATES[message.template_id].role


def _queue(message: Message) -> list[Fact]:
    return [MessageQueued(message), _wake(message.message_id, message.due_at)]


def _wake(message_id: str, at: datetime) -> Wake:
    return Wake(at, f"{SEND}:{message_id}")
