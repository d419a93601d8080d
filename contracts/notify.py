"""What notify says: which messages left the house, and which did not."""

from contracts.event import PatientEvent
from contracts.vocabulary import Instant, Token


class NotificationSent(PatientEvent):
    """A message left the house."""

    message_id: Token
    template_id: Token
    channel: Token
    recipient_role: Token
    sent_at: Instant


class NotificationSuppressed(PatientEvent):
    """A message was due and was deliberately not sent."""

    message_id: Token
    template_id: Token
    channel: Token
    recipient_role: Token
    reason: Token
