"""The published language described for others: JSON Schemas, an AsyncAPI document, and tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from contracts import catalogue
from contracts.event import MAX_EVENT_BYTES, Event
from contracts.subjects import LANES, ROOT, STREAM

Tables: TypeAlias = Mapping[str, tuple[Iterable[type[Event]], Iterable[type[Event]]]]
"""Service to (what it hears, what it says), as its table in `app.py` has it."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_HEADERS = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes in binary mode; values are percent-encoded.",
    "properties": {
        "ce-specversion": {"type": "string", "const": "1.0"},
        "ce-id": {**_TEXT, "description": "Id of the event; the same again in every repeat."},
        "ce-type": {**_TEXT, "description": "Type and major version, such as intake.patient_assessed.v1."},
        "ce-source": {**_TEXT, "description": "/handrail/<service>/<aggregate>."},
        "ce-time": {**_TEXT, "format": "date-time", "description": "When it happened."},
        "ce-recordedtime": {**_TEXT, "format": "date-time", "description": "When it was written down."},
        "ce-sequence": {**_TEXT, "pattern": "^[0-9]{12}$", "description": "Counts from 1 within one source."},
        "ce-correlationid": {**_TEXT, "description": "The person's way that the event belongs to."},
        "ce-causationid": {**_TEXT, "description": "The event, command or wake that caused it."},
        "ce-aggregateversion": {
            **_TEXT,
            "pattern": "^[0-9]+$",
            "description": "How many facts its teller had recorded of the aggregate by then, said or kept.",
        },
        "ce-partitionkey": {**_TEXT, "description": "The aggregate; order is promised within it."},
        "ce-networkid": _TEXT,
        "ce-siteid": _TEXT,
        "ce-dataschema": {**_TEXT, "format": "uri"},
        "ce-datacontenttype": {"type": "string", "const": "application/json"},
        "ce-dataclassification": {"type": "string", "const": "restricted"},
        "ce-dataregulation": {**_TEXT, "description": "HIPAA, or HIPAA,42CFRPart2."},
        "content-type": {"type": "string", "const": "application/json"},
        "Nats-Msg-Id": {**_TEXT, "description": "Equals ce-id; JetStream de-duplicates on it."},
        "traceparent": {**_TEXT, "description": "W3C trace context, where there is a trace."},
    },
    "required": [
        "ce-specversion",
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-time",
        "ce-recordedtime",
        "ce-sequence",
        "ce-correlationid",
        "ce-causationid",
        "ce-partitionkey",
        "ce-networkid",
        "ce-siteid",
        "ce-dataschema",
        "ce-datacontenttype",
        "ce-dataclassification",
        "ce-dataregulation",
        "content-type",
        "Nats-Msg-Id",
    ],
}
_PARAMETERS = {
    "network": {
        "description": "The network of sites that the event belongs to; * reads all that you may see."
    },
    "lane": {
        "description": f"0 to {LANES - 1}: order is promised within a lane; * reads all.",
        "enum": [str(lane) for lane in range(LANES)],
    },
}


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's body."""
    return {"$schema": _DIALECT, "$id": f"urn:handrail:{event.type()}", **event.model_json_schema()}


def asyncapi(tables: Tables) -> dict[str, Any]:
    """The AsyncAPI 3.0 document: a channel for each event, an operation for each side of it."""
    events = catalogue.all_events()
    payloads, whole = models_json_schema(
        [(event, "validation") for event in events.values()], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "id": "urn:handrail",
        "info": {
            "title": "Handrail",
            "version": "1.0.0",
            "description": (
                "What the services of Handrail say about the way of a person through intensive outpatient "
                f"treatment. Events travel on NATS JetStream in the stream {STREAM}, in CloudEvents 1.0 "
                f"binary mode, at most {MAX_EVENT_BYTES // 1024} KiB each, at least once and in order within "
                "one aggregate. Unknown fields and enum values may appear at any time."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "network": {
                "host": "{host}:4222",
                "protocol": "nats",
                "description": f"NATS with JetStream; the stream is {STREAM}.",
                "variables": {"host": {"default": "localhost", "description": "Where your network runs."}},
            }
        },
        "channels": {name: _channel(event) for name, event in events.items()},
        "operations": dict(_operations(tables)),
        "components": {
            "messages": {
                name: _message(event, payloads[event, "validation"]["$ref"]) for name, event in events.items()
            },
            "parameters": _PARAMETERS,
            "schemas": {"Headers": _HEADERS, **dict(sorted(whole["$defs"].items()))},
        },
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    return {
        "address": f"{ROOT}.{{network}}.{{lane}}.{event.type()}",
        "title": event.__name__,
        "summary": event.summary(),
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.type()}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS},
    }


def _message(event: type[Event], payload: str) -> dict[str, Any]:
    return {
        "name": event.type(),
        "title": event.__name__,
        "summary": event.summary(),
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce-correlationid"},
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": payload},
        "tags": [{"name": event.service()}],
    }


def _operations(tables: Tables) -> Iterable[tuple[str, dict[str, Any]]]:
    for service, (hears, says) in tables.items():
        for action, word, events in (("send", "says", says), ("receive", "hears", hears)):
            for event in sorted(events, key=lambda e: e.type()):
                channel = f"#/channels/{event.type()}"
                yield (
                    f"{service}.{word}.{event.type()}",
                    {
                        "action": action,
                        "title": f"{service} {word} {event.__name__}",
                        "channel": {"$ref": channel},
                        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
                        "tags": [{"name": service}],
                    },
                )


def readme_sections(tables: Tables) -> str:
    """A picture of who says what to whom, and a table of every event, in Markdown."""
    return f"{_picture(tables)}\n\n{_table(tables)}\n"


def _hearers(tables: Tables, event: type[Event]) -> list[str]:
    return [service for service, (hears, _) in tables.items() if event in set(hears)]


def _picture(tables: Tables) -> str:
    lines = ["```mermaid", "flowchart LR"]
    lines += [
        f'  {service}["{service}<br/>says {len(tuple(says))} events"]'
        for service, (_, says) in tables.items()
    ]
    for speaker, (_, says) in tables.items():
        for hearer in tables:
            heard = [event for event in says if hearer in _hearers(tables, event)]
            if heard and hearer != speaker:
                lines.append(f"  {speaker} -- {len(heard)} --> {hearer}")
    return "\n".join([*lines, "```"])


def _table(tables: Tables) -> str:
    lines = ["| event | said by | heard by | what happened |", "|---|---|---|---|"]
    for service, (_, says) in tables.items():
        for event in says:
            hearers = ", ".join(_hearers(tables, event)) or "-"
            lines.append(f"| `{event.__name__}` | {service} | {hearers} | {event.summary()} |")
    return "\n".join(lines)
