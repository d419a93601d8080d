"""What the bus may bring and the network may ask of a running progress, and what must not come of it."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import nats
import pytest

from contracts.event import Envelope
from contracts.intake import OpenAlert
from contracts.subjects import lane_of, subject_of
from contracts.vocabulary import Risk
from deploy.local.processes import Stack
from deploy.local.story import connect
from tests.progress.story import ADMITTED_ON, local
from tests.progress.test_service import Person, attending
from tests.progress.test_views import pages

AT = local(ADMITTED_ON, "13:00")


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


class Listened(Person):
    """Somebody of whom nothing is told: what would be is kept."""

    def hear(self, event: Any) -> list[Any]:
        self.event = event
        return []


def agreed(stack: Stack, episode_id: str) -> tuple[str, dict[str, str], bytes]:
    """An agreed week as it would lie in the stream."""
    person = Listened(stack, episode_id)
    person.agreed(900, version=2)
    envelope = Envelope(f"{episode_id}-heard", person.event, AT, AT, 1, episode_id, "test")
    return subject_of(person.event), envelope.headers(), envelope.body()


def admitted(stack: Stack, episode_id: str, **changes: Any) -> tuple[str, dict[str, str], bytes]:
    """An admission as it would lie in the stream."""
    person = Listened(stack, episode_id)
    person.admitted(**changes)
    envelope = Envelope(f"{episode_id}-heard", person.event, AT, AT, 1, episode_id, "test")
    return subject_of(person.event), envelope.headers(), envelope.body()


def publish(stack: Stack, subject: str, headers: dict[str, str], body: bytes) -> None:
    async def send() -> None:
        client = await nats.connect(**stack.nats_kwargs(subject.split(".")[3]))
        try:
            await client.jetstream().publish(subject, body, headers=headers)
        finally:
            await client.close()

    asyncio.run(send())


def rows(stack: Stack, sql: str, *args: Any) -> list[Any]:
    async def fetch() -> list[Any]:
        db = await connect(stack)
        try:
            return list(await db.fetch(sql, *args))
        finally:
            await db.close()

    return asyncio.run(fetch())


def parked(stack: Stack, message_id: str) -> list[tuple[str, str]]:
    found = rows(stack, "SELECT aggregate_id, reason FROM progress.parked WHERE message_id = $1", message_id)
    return [tuple(row) for row in found]


def neighbour_of(episode_id: str) -> str:
    return next(f"ep-near-{n}" for n in range(500) if lane_of(f"ep-near-{n}") == lane_of(episode_id))


def test_a_zone_that_is_a_folder_parks_one_person_and_the_lane_goes_on(progress: Stack) -> None:
    publish(progress, *admitted(progress, "ep-folder", tz="America"))
    attending(progress, neighbour_of("ep-folder"))

    assert parked(progress, "ep-folder-heard") == [("ep-folder", "rule_failed")]


def test_nobody_who_came_when_time_began_hides_the_caseload(progress: Stack) -> None:
    id = "ep-first"
    subject, headers, body = admitted(progress, id, tz="Asia/Tokyo")
    first = json.dumps({**json.loads(body), "admitted_on": "0001-01-01"}).encode()
    publish(progress, subject, headers, first)
    person = Person(progress, id)
    person.missed("2026-01-14", 5)
    attending(progress, neighbour_of(id))

    assert parked(progress, f"{id}-heard") == [(id, "unreadable")]
    assert person.http.get("/v1/caseload").status_code == 200


def test_what_another_network_says_about_a_person_changes_and_shows_nothing(progress: Stack) -> None:
    person = attending(progress, "ep-north")
    before = person.view()
    subject, headers, body = agreed(progress, "ep-north")
    foreign = json.dumps({**json.loads(body), "network_id": "south"}).encode()
    publish(progress, subject.replace(".north.", ".south."), headers, foreign)
    person.missed("2026-01-14", 1)

    after = person.until(consecutive_missed=1)

    assert after["weekly_minutes"] == before["weekly_minutes"]
    assert after["planned_minutes"] == before["planned_minutes"] != 900
    ((behind, reason),) = parked(progress, "ep-north-heard")
    assert (behind.startswith("seq-"), reason) == (True, "foreign_network")
    told = pages(person.http, "/v1/episodes/ep-north/timeline", limit=2)
    assert "ep-north-heard" not in {entry["id"] for entry in told}
    assert told[-1]["type"] == "scheduling.session_missed.v1"


NOT_TO_BE_READ: dict[str, Callable[[bytes], bytes]] = {
    "deep": lambda _: b"[" * 20_000,
    "deep inside": lambda body: body[:-1] + b', "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "half": lambda body: body[:-9],
    "surrogate": lambda body: body[:-1] + b', "x": "\\ud800"}',
    "surrogate as name": lambda body: body[:-1] + b', "\\udfff": 1}',
    "digits": lambda body: body[:-1] + b', "x": ' + b"9" * 5_000 + b"}",
    "no number": lambda body: body[:-1] + b', "x": NaN, "y": 1e999}',
    "a list": lambda _: b"[1]",
}


@pytest.mark.parametrize("type", ["scheduling.weekly_schedule_agreed.v1", "scheduling.something_new.v3"])
@pytest.mark.parametrize("name", NOT_TO_BE_READ)
def test_a_timeline_is_shown_whatever_an_event_in_it_holds(progress: Stack, name: str, type: str) -> None:
    id = f"ep-read-{list(NOT_TO_BE_READ).index(name)}-{type[-2:]}"
    person = attending(progress, id)
    subject, headers, body = agreed(progress, id)
    publish(progress, subject, {**headers, "ce-type": type}, NOT_TO_BE_READ[name](body))
    attending(progress, neighbour_of(id))

    told = pages(person.http, f"/v1/episodes/{id}/timeline", limit=1)

    assert f"{id}-heard" in {entry["id"] for entry in told}


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "1950-05-05T05:05:05Z", "9999-12-31T23:59:59.999999Z"]
)
def test_a_timeline_can_be_turned_at_every_instant(progress: Stack, at: str) -> None:
    id = f"ep-at-{at[:4]}"
    person = attending(progress, id)
    subject, headers, body = agreed(progress, id)
    for number in range(2):
        named = {"ce-id": f"{id}-new-{number}", "Nats-Msg-Id": f"{id}-new-{number}", "ce-time": at}
        publish(progress, subject, {**headers, **named, "ce-type": "scheduling.something_new.v3"}, body)
    attending(progress, neighbour_of(id))

    told = pages(person.http, f"/v1/episodes/{id}/timeline", limit=1)

    assert {f"{id}-new-0", f"{id}-new-1"} <= {entry["id"] for entry in told}
    assert len({entry["id"] for entry in told}) == len(told)
    assert [e["at"] for e in told] == sorted(e["at"] for e in told)


def test_an_id_that_could_not_be_asked_for_parks_under_one_that_can(progress: Stack) -> None:
    subject, headers, body = agreed(progress, "ep-slash")
    publish(progress, subject, {**headers, "ce-partitionkey": "a/b c", "ce-type": "scheduling.new.v1"}, body)
    person = attending(progress, neighbour_of("ep-slash"))

    ((behind, _),) = parked(progress, "ep-slash-heard")
    answer = person.client("operator").post(f"/v1/parked/{behind}/drop", json={"reason": "noise"})

    assert answer.status_code == 202, answer.text


def unsent(stack: Stack, episode_id: str) -> list[str]:
    sql = "SELECT event_id FROM progress.outbox WHERE aggregate_id = $1 AND stream_seq IS NULL ORDER BY id"
    return [row["event_id"] for row in rows(stack, sql, episode_id)]


def test_pages_of_a_timeline_skip_nothing_that_is_sent_while_they_are_turned(progress: Stack) -> None:
    for number in range(4):
        person = attending(progress, f"ep-turned-{number}")
        while unsent(progress, person.episode_id):
            time.sleep(0.01)
        progress.pause("nats")
        try:
            answer = person.post("death")
            assert answer.status_code == 201, answer.text
            said = unsent(progress, person.episode_id)
            path = f"/v1/episodes/{person.episode_id}/timeline"
            told = [entry["id"] for entry in pages(person.http, path)]
            first = person.http.get(path, params={"limit": told.index(said[0]) + 1}).json()
        finally:
            progress.resume("nats")
        while unsent(progress, person.episode_id):
            time.sleep(0.01)

        rest = person.http.get(path, params={"cursor": first["cursor"]}).json()

        assert len(said) == 3
        assert [e["id"] for e in (*first["items"], *rest["items"])] == told
        assert [id for id in told if id in said] == said


def test_an_episode_that_older_code_wrote_is_shown(progress: Stack) -> None:
    person = attending(progress, "ep-older")

    async def forget() -> None:
        db = await asyncpg.connect(**progress.pg_dsn_kwargs("progress_owner"))
        try:
            await db.execute(
                "UPDATE progress.episodes SET state = state - 'outward' - 'reassessments' WHERE id = $1",
                "ep-older",
            )
        finally:
            await db.close()

    asyncio.run(forget())

    assert person.view()["outward"] == []
    assert person.http.get("/v1/episodes").status_code == 200


def test_an_alert_that_is_due_when_time_ends_is_not_heard(progress: Stack) -> None:
    alert = OpenAlert(
        alert_id="a-1", kind="suicide_risk", severity=Risk.HIGH, due_ack_at=AT, acknowledged=False
    )
    subject, headers, body = admitted(progress, "ep-infinite", open_alerts=(alert,))
    for number, end in enumerate(("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z")):
        late = {**json.loads(alert.model_dump_json()), "due_ack_at": end}
        told = {**json.loads(body), "open_alerts": [late]}
        named = {"ce-id": f"ep-infinite-{number}", "Nats-Msg-Id": f"ep-infinite-{number}"}
        publish(progress, subject, {**headers, **named}, json.dumps(told).encode())
    attending(progress, neighbour_of("ep-infinite"))

    assert parked(progress, "ep-infinite-0") == [("ep-infinite", "unreadable")]
    assert parked(progress, "ep-infinite-1") == [("ep-infinite", "unreadable")]
    assert rows(progress, "SELECT 1 FROM progress.wakes WHERE at IN ('infinity', '-infinity')") == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 401),
        (b"[]", 401),
        (b"{", 401),
        (b"\xff", 401),
        (b"[" * 60_000, 401),
        ({"command": "RequestExtension", "data": {"reasons": ["clinical_need"], "days": 10**12}}, 422),
        ({"command": "LogOutreach", "data": {"channel": "a b", "reached": False}}, 422),
        ({"command": "LogOutreach", "idempotency_key": "a\x00"}, 422),
        ({"command": "LogOutreach", "idempotency_key": "a" * 5_000}, 422),
        ({"command": "LogOutreach"}, 409),
    ],
)
def test_whoever_asks_over_the_bus_gets_an_answer(progress: Stack, raw: Any, status: int) -> None:
    person = attending(progress, f"ep-asked-{time.monotonic_ns()}")

    async def ask() -> Any:
        client = await nats.connect(**progress.nats_kwargs("operator"))
        try:
            answer = await client.request("handrail-command.progress.take", asked, timeout=5)
            return json.loads(answer.data)
        finally:
            await client.close()

    named = {"authorization": person.http.headers["authorization"], "on": person.episode_id}
    outreach = {"channel": "sms", "reached": False}
    asked = raw if isinstance(raw, bytes) else json.dumps({**named, "data": outreach, **raw}).encode()

    assert asyncio.run(ask()).get("status", 201) == status
