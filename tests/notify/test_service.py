"""Notify as a process of its own: events in from the bus, letters out to the folder, the list over HTTP."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import nats
import pytest

from contracts import catalogue
from contracts.decisions import Refused
from contracts.event import Envelope
from contracts.subjects import subject_of
from deploy.local.contract_examples import example_of
from deploy.local.processes import Stack
from services.chassis import codec
from services.notify.api import position_of
from services.notify.domain import PRIVATE, Person, evolve

NIGHT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
"""22:30 in New York."""
IDS = itertools.count(1)


@pytest.fixture(scope="module")
def house() -> Iterator[Stack]:
    """Notify alone, with a clock that stands still until a test advances it."""
    with Stack.temporary(services=("notify",), clock="manual") as running:
        _post(running, "/v1/clock", {"now": NIGHT.isoformat()})
        yield running


def _client(house: Stack, network: str = "north", sites: tuple[str, ...] = ("site-elm",)) -> httpx.Client:
    token = house.token("operator", network, sites)
    return httpx.Client(
        base_url=house.url("notify"), headers={"authorization": f"Bearer {token}"}, timeout=10
    )


def _post(house: Stack, path: str, body: dict[str, Any]) -> None:
    with _client(house) as client:
        client.post(path, json=body).raise_for_status()


def _say(house: Stack, *said: tuple[str, dict[str, Any]]) -> None:
    """Put events on the bus as if the other services had said them."""

    async def publish() -> None:
        client = await nats.connect(**house.nats_kwargs("operator"))
        for name, changes in said:
            kind = catalogue.all_events()[name]
            event = kind.model_validate_json(json.dumps(example_of(kind) | changes))
            number = next(IDS)
            envelope = Envelope(f"test-{number}", event, NIGHT, NIGHT, number, event.aggregate_id, "test")
            await client.jetstream().publish(subject_of(event), envelope.body(), headers=envelope.headers())
        await client.close()

    asyncio.run(publish())


def _messages(house: Stack, episode: str, **params: Any) -> list[dict[str, Any]]:
    with _client(house) as client:
        page = client.get("/v1/messages", params={"episode_id": episode, **params}).raise_for_status().json()
    return list(page["items"])


def _eventually(house: Stack, episode: str, wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Wait until the messages of a person are as wanted: template to status."""
    deadline = time.monotonic() + 15
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < deadline:
        found = {m["template_id"]: m for m in _messages(house, episode)}
        if {k: v["status"] for k, v in found.items()} == wanted:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_message_of_the_night_waits_and_goes_out_at_eight(house: Stack) -> None:
    about = {"episode_id": "ep-morning"}
    _say(
        house,
        ("intake.referral_received.v1", about),
        ("intake.consent_granted.v1", about),
        ("scheduling.weekly_schedule_agreed.v1", about),
    )
    waiting = _eventually(house, "ep-morning", {"new_referral": "sent", "appointment_times": "queued"})

    _post(house, "/v1/clock", {"now": (NIGHT + timedelta(hours=9, minutes=30)).isoformat()})
    gone = _eventually(house, "ep-morning", {"new_referral": "sent", "appointment_times": "sent"})

    message_id = gone["appointment_times"]["message_id"]
    letter = json.loads((house.data / "outbox" / f"{message_id}.json").read_text())
    assert waiting["appointment_times"]["at"] == "2026-10-06T12:00:00Z"
    assert letter["channel"] == "sms"
    assert letter["text"].startswith("Your appointments from Mon 5 Oct: Mon 18:00 to 21:00, Wed")


def test_without_consent_nothing_leaves_the_house(house: Stack) -> None:
    about = {"episode_id": "ep-silent"}
    _say(house, ("intake.referral_received.v1", about), ("scheduling.weekly_schedule_agreed.v1", about))
    _post(house, "/v1/clock", {"now": (NIGHT + timedelta(hours=10)).isoformat()})

    found = _eventually(house, "ep-silent", {"new_referral": "sent", "appointment_times": "suppressed"})

    assert found["appointment_times"]["reason"] == "no_consent"
    assert not (house.data / "outbox" / f"{found['appointment_times']['message_id']}.json").exists()


def test_after_a_death_what_waited_is_suppressed(house: Stack) -> None:
    _post(house, "/v1/clock", {"now": (NIGHT + timedelta(days=1)).isoformat()})
    about = {"episode_id": "ep-gone"}
    _say(
        house,
        ("intake.referral_received.v1", about),
        ("intake.consent_granted.v1", about),
        ("scheduling.session_missed.v1", about | {"consecutive_missed": 1}),
        ("progress.patient_discharged.v1", about | {"reason": "deceased"}),
        ("progress.check_in_due.v1", about),
    )

    found = {m["template_id"]: m for m in _messages_after_quiet(house, "ep-gone", 2)}

    assert found.keys() == {"new_referral", "appointment_missed"}
    assert found["appointment_missed"]["reason"] == "deceased"


def test_a_high_alert_wakes_staff_and_silences_the_house_until_treatment_resolves_it(house: Stack) -> None:
    about = {"episode_id": "ep-alert"}
    alert = about | {"alert_id": "alert-1"}
    _say(
        house,
        ("intake.safety_alert_raised.v1", alert | {"severity": "high"}),
        ("intake.referral_received.v1", about),
        ("intake.consent_granted.v1", about),
        ("intake.safety_alert_escalated.v1", alert | {"severity": "high", "to_role": "director"}),
        ("scheduling.weekly_schedule_agreed.v1", about),
    )

    kept = {"new_referral": "sent", "safety_alert": "sent", "safety_alert_escalated": "sent"}
    found = _eventually(house, "ep-alert", kept | {"appointment_times": "suppressed"})
    assert found["appointment_times"]["reason"] == "safety"
    assert found["safety_alert_escalated"]["recipient_role"] == "director"

    _say(
        house, ("progress.safety_alert_resolved.v1", alert), ("scheduling.weekly_schedule_changed.v1", about)
    )
    _post(house, "/v1/clock", {"now": (NIGHT + timedelta(days=1, hours=10)).isoformat()})
    _eventually(house, "ep-alert", kept | {"appointment_times": "suppressed", "appointment_changed": "sent"})


def _messages_after_quiet(house: Stack, episode: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = _messages(house, episode)
        if len(found) >= count and all(m["status"] != "queued" for m in found):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-10-06", ""])
def test_a_position_beyond_all_time_is_refused(at: str) -> None:
    with pytest.raises(Refused) as caught:
        position_of(f"{at}~x")
    assert caught.value.status == 422


def test_the_list_has_pages_and_shows_other_networks_nothing(house: Stack) -> None:
    about = {"episode_id": "ep-pages"}
    calls = [("progress.check_in_due.v1", about | {"check_in": n}) for n in range(5)]
    _say(house, ("intake.referral_received.v1", about), *calls)
    _messages_after_quiet(house, "ep-pages", 6)

    seen: list[str] = []
    cursor = ""
    with _client(house) as client:
        while True:
            page = client.get(
                "/v1/messages", params={"episode_id": "ep-pages", "limit": 4, "cursor": cursor}
            ).json()
            seen += [m["message_id"] for m in page["items"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        strange = ("nonsense", "0001-01-01T00:00:00+14:00~x", "9999-12-31T23:59:59-14:00~x")
        bad = [client.get("/v1/messages", params={"cursor": c}).status_code for c in strange]
        ends = ("0001-01-01T00:00:00Z~x", "9999-12-31T23:59:59Z~x")
        good = [client.get("/v1/messages", params={"cursor": c}).status_code for c in ends]
    with _client(house, network="south") as stranger:
        nothing = stranger.get("/v1/messages", params={"episode_id": "ep-pages"}).json()["items"]
    with _client(house, sites=("site-oak",)) as neighbour:
        nothing += neighbour.get("/v1/messages", params={"episode_id": "ep-pages"}).json()["items"]

    assert len(seen) == len(set(seen)) == 6
    assert bad == [422, 422, 422]
    assert good == [200, 200]
    assert nothing == []


def test_the_journal_folds_to_the_states_and_nothing_is_parked(house: Stack) -> None:
    async def read() -> tuple[list[Any], list[Any]]:
        db = await asyncpg.connect(**house.pg_dsn_kwargs("handrail_operator"))
        people = await db.fetch("SELECT id, state FROM notify.people")
        journal = await db.fetch("SELECT aggregate_id, type, data FROM notify.journal ORDER BY version")
        await db.close()
        return people, journal

    people, journal = asyncio.run(read())
    private = {fact.__name__: fact for fact in PRIVATE}
    folded: dict[str, Any] = {}
    for row in journal:
        kind = private.get(row["type"]) or catalogue.all_events()[row["type"]]
        fact = codec.load(kind, row["data"])
        folded[row["aggregate_id"]] = evolve(folded.get(row["aggregate_id"]), fact)
    with _client(house) as client:
        parked = client.get("/v1/parked").raise_for_status().json()["items"]

    assert people
    assert {row["id"]: codec.load(Person, row["state"]) for row in people} == folded
    assert parked == []
