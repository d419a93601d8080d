"""The base of every event and its envelope in NATS headers (CloudEvents 1.0, binary mode)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import ClassVar, Self
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict

from contracts.vocabulary import Actor, Token, told_everywhere, utc

MAX_EVENT_BYTES = 64 * 1024
_PLAIN = re.compile(r"[A-Za-z0-9/:,.+_~-]*")


class Event(BaseModel):
    """Something that happened, said once by the service that owns it.

    Frozen, strict in what it accepts, tolerant of fields it does not know. Subclasses name the
    field that holds their aggregate; order is promised within one aggregate of one service.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)

    VERSION: ClassVar[int] = 1
    AGGREGATE: ClassVar[str] = "episode_id"

    network_id: Token
    site_id: Token

    @classmethod
    def service(cls) -> str:
        """The service that says this event: the module, or the package of contracts, that it lives in."""
        package, _, rest = cls.__module__.partition(".")
        return rest.partition(".")[0] if package == "contracts" else rest.rpartition(".")[2]

    @classmethod
    def snake(cls) -> str:
        return _snake(cls.__name__)

    @classmethod
    def type(cls) -> str:
        """The wire name, such as `intake.patient_assessed.v1`."""
        return _wire_name(cls)

    @classmethod
    def summary(cls) -> str:
        return (cls.__doc__ or "").strip().splitlines()[0]

    @property
    def aggregate_id(self) -> str:
        return str(getattr(self, self.AGGREGATE))


class SiteEvent(Event):
    """An event about a site's own things, with no patient in it."""


class PatientEvent(Event):
    """An event about one person's way, which keeps one id from referral to alumni call."""

    episode_id: Token
    patient_id: Token
    part2: bool
    actor: Actor


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event with what the transport carries beside it."""

    id: str
    event: Event
    at: datetime
    """When it happened."""
    recorded_at: datetime
    sequence: int
    """Position in its aggregate's story as told by this service; starts at 1."""
    correlation_id: str
    causation_id: str
    traceparent: str | None = None
    aggregate_version: int | None = None
    """How many facts its teller had recorded of the aggregate by then, said or kept; older events lack it."""

    @property
    def type(self) -> str:
        return self.event.type()

    def headers(self) -> dict[str, str]:
        """The CloudEvents attributes, percent-encoded, plus what JetStream de-duplicates on."""
        event = self.event
        part2 = getattr(event, "part2", True)
        attributes = {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": self.type,
            "ce-source": f"/handrail/{event.service()}/{event.aggregate_id}",
            "ce-time": utc(self.at),
            "ce-recordedtime": utc(self.recorded_at),
            "ce-sequence": f"{self.sequence:012d}",
            "ce-correlationid": self.correlation_id,
            "ce-causationid": self.causation_id,
            "ce-partitionkey": event.aggregate_id,
            "ce-networkid": event.network_id,
            "ce-siteid": event.site_id,
            "ce-dataschema": f"urn:handrail:{self.type}",
            "ce-datacontenttype": "application/json",
            "ce-dataclassification": "restricted",
            "ce-dataregulation": "HIPAA,42CFRPart2" if part2 else "HIPAA",
        }
        if self.aggregate_version is not None:
            attributes["ce-aggregateversion"] = str(self.aggregate_version)
        headers = {name: _quoted(value) for name, value in attributes.items()}
        headers["content-type"] = "application/json"
        headers["correlation_id"] = self.correlation_id
        headers["Nats-Msg-Id"] = self.id
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        return headers

    def body(self) -> bytes:
        return self.event.model_dump_json(exclude_none=True).encode()

    @classmethod
    def read(cls, headers: dict[str, str], event: Event) -> Self:
        """Put an envelope together again from headers and the event decoded from the body.

        Raises KeyError or ValueError where a required attribute is missing or malformed.
        """
        ce = {k.lower(): unquote(v) for k, v in headers.items() if k.lower().startswith("ce-")}
        return cls(
            id=ce["ce-id"],
            event=event,
            at=instant(ce["ce-time"]),
            recorded_at=instant(ce["ce-recordedtime"]),
            sequence=int(ce["ce-sequence"]),
            correlation_id=ce["ce-correlationid"],
            causation_id=ce["ce-causationid"],
            traceparent=headers.get("traceparent"),
            aggregate_version=int(ce["ce-aggregateversion"]) if "ce-aggregateversion" in ce else None,
        )


@cache
def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _wire_name(event: type[Event]) -> str:
    return f"{event.service()}.{event.snake()}.v{event.VERSION}"


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else quote(value, safe="/:,.+-_~")


def instant(text: str) -> datetime:
    """An instant off the wire; raises ValueError or OverflowError where it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant without an offset")
    return told_everywhere(moment.astimezone(UTC))
