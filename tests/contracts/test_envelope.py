"""Events and their envelope: strict in what comes in, tolerant of what is new."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts import catalogue
from contracts.event import Envelope, Event
from contracts.intake import ReferralReceived
from contracts.scheduling import GroupOpened, TreatmentWeekClosed
from contracts.vocabulary import Actor, ActorType, ShortText, Text
from deploy.local.contract_examples import example_of

NOON = datetime(2026, 10, 5, 16, 0, tzinfo=UTC)
EVENTS = list(catalogue.all_events().values())


def golden(event: type[Event]) -> Event:
    return event.model_validate_json(json.dumps(example_of(event)))


def envelope(event: Event, **changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "id": "0198b3c0-5a44-7cc2-9e1f-2f6f0a3d9b10",
        "event": event,
        "at": NOON,
        "recorded_at": NOON + timedelta(microseconds=7),
        "sequence": 3,
        "correlation_id": "ep-1",
        "causation_id": "0198b3c0-0000-7000-8000-000000000000",
    }
    return Envelope(**(fields | changes))


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.type())
def test_an_event_comes_back_from_the_wire_as_it_was(event: type[Event]) -> None:
    said = envelope(golden(event), traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    heard = Envelope.read(said.headers(), event.model_validate_json(said.body()))

    assert heard == said


def test_an_instant_with_another_offset_is_the_same_instant_in_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=-4)))

    said = envelope(golden(ReferralReceived), at=there)

    assert said.headers()["ce-time"] == "2026-10-05T16:00:00Z"
    assert Envelope.read(said.headers(), said.event).at == NOON


@pytest.mark.parametrize("odd", ["a b", 'say "x"', "100%", "naïve", "line\r\nNats-Msg-Id: forged", "Ωmega"])
def test_header_values_are_percent_encoded_and_come_back(odd: str) -> None:
    said = envelope(golden(ReferralReceived), correlation_id=odd)
    value = said.headers()["ce-correlationid"]

    assert value.isascii()
    assert value.isprintable()
    assert not set(value) & set(' "\r\n')
    assert (
        Envelope.read({"ce-correlationid": value, **_without(said.headers())}, said.event).correlation_id
        == odd
    )


def _without(headers: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k != "ce-correlationid"}


def test_headers_are_read_whatever_their_case() -> None:
    said = envelope(golden(ReferralReceived))

    assert Envelope.read({k.upper(): v for k, v in said.headers().items()}, said.event) == said


def test_sequences_sort_as_text() -> None:
    event = golden(ReferralReceived)

    texts = [envelope(event, sequence=n).headers()["ce-sequence"] for n in (9, 10, 100_000)]

    assert texts == sorted(texts)


@pytest.mark.parametrize(
    "missing", ["ce-id", "ce-time", "ce-recordedtime", "ce-sequence", "ce-correlationid"]
)
def test_an_envelope_without_a_required_attribute_is_refused(missing: str) -> None:
    said = envelope(golden(ReferralReceived))

    with pytest.raises(KeyError):
        Envelope.read({k: v for k, v in said.headers().items() if k != missing}, said.event)


@pytest.mark.parametrize("time", ["2026-10-05T16:00:00", "yesterday", ""])
def test_an_envelope_without_a_true_instant_is_refused(time: str) -> None:
    said = envelope(golden(ReferralReceived))

    with pytest.raises(ValueError, match=r"offset|isoformat"):
        Envelope.read(said.headers() | {"ce-time": time}, said.event)


def test_nothing_about_the_person_is_in_a_header() -> None:
    said = envelope(golden(ReferralReceived))

    assert not any("pt-0198a0" in value for value in said.headers().values())


def test_the_regulation_says_whether_part_2_applies() -> None:
    with_part2, without = (
        golden(ReferralReceived),
        golden(ReferralReceived).model_copy(update={"part2": False}),
    )

    assert envelope(with_part2).headers()["ce-dataregulation"] == "HIPAA,42CFRPart2"
    assert envelope(without).headers()["ce-dataregulation"] == "HIPAA"
    assert envelope(golden(GroupOpened)).headers()["ce-dataregulation"] == "HIPAA,42CFRPart2", (
        "unknown is strict"
    )


def parse(event: type[Event], **changes: Any) -> Event:
    return event.model_validate_json(json.dumps(example_of(event) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"received_at": "2026-09-21T14:05:00"},
        {"received_at": "2026-09-21"},
        {"episode_id": "a\x00b"},
        {"episode_id": "a.b"},
        {"episode_id": "a>"},
        {"episode_id": "*"},
        {"episode_id": ""},
        {"episode_id": "a" * 65},
        {"episode_id": "ep-1\n"},
        {"episode_id": 1},
        {"part2": "true"},
        {"part2": 1},
        {"urgency": "whenever"},
        {"tz": "America/New York"},
        {"actor": {"type": "user", "id": "x"}},
    ],
)
def test_what_is_not_in_the_language_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(ReferralReceived, **changes)


@pytest.mark.parametrize("number", [int("9" * 400), -1, 10_081, 1.5, "540", True, None])
def test_numbers_are_whole_and_bounded(number: Any) -> None:
    with pytest.raises(ValidationError):
        parse(TreatmentWeekClosed, creditable_minutes=number)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x7fb", "a\ud800b", "x" * 2001])
def test_text_that_a_database_or_a_terminal_could_choke_on_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](Text).validate_python(text)


def test_short_text_is_never_empty() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[str](ShortText).validate_python("")


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.type())
def test_a_field_that_is_not_known_yet_is_tolerated(event: type[Event]) -> None:
    assert parse(event, not_known_yet={"deep": ["x"]}) == golden(event)


def test_a_part_tolerates_new_fields_too() -> None:
    actor = Actor.model_validate_json('{"type": "user", "id": "staff-7", "role": "clinician", "new": 1}')

    assert actor == Actor(type=ActorType.USER, id="staff-7", role="clinician")


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        golden(ReferralReceived).episode_id = "other"  # type: ignore[attr-defined]


@given(st.text(max_size=80))
def test_any_id_is_either_refused_or_safe(text: str) -> None:
    try:
        event = ReferralReceived.model_validate({**_plain(golden(ReferralReceived)), "episode_id": text})
    except ValidationError:
        return

    assert set(event.episode_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def _plain(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in type(event).model_fields}
