"""Whoever belongs elsewhere learns nothing, not even whether there is something: on every path."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.processes import Stack
from services.chassis.run import build
from services.chassis.settings import Settings
from services.progress.app import service
from tests.progress.story import ADMITTED_ON, local
from tests.progress.test_service import Person, advance, attending, signed

DOCUMENT = build(service, Settings()).openapi()
ASKED = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "progress" in operation.get("tags", ())
]
ONE = [(m, p, o) for m, p, o in ASKED if "{" in p]
MANY = [(m, p, o) for m, p, o in ASKED if "{" not in p]
ELSEWHERE: tuple[dict[str, Any], ...] = ({"network": "south"}, {"sites": ("utica",)})
DAY = str(ADMITTED_ON)


def plain(schema: dict[str, Any]) -> Any:
    """The least that a schema takes."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return plain(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: plain(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return [plain(schema["items"])] * schema.get("minItems", 0)
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
    return DAY if schema.get("format") == "date" else "1"


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


@pytest.fixture(scope="module")
def known(progress: Stack) -> dict[str, str]:
    """The ids of somebody who has one of everything."""
    person = attending(progress, "ep-known")
    advance(person, local(ADMITTED_ON, "15:00"))
    goals = signed(person)["goals"]
    assert person.post("measures", instrument="phq9", answers=[0] * 8 + [1]).status_code == 201
    homework = person.post("homework", kind="diary", due_on="2026-01-20").json()
    assert person.post("community-referrals", kind="housing", follow_up_on="2026-01-20").status_code == 201
    used = person.post("substance-use", source="self", used_on=DAY, classification="relapse")
    assert used.status_code == 201, used.text
    view = person.view()
    return {
        "episode_id": "ep-known",
        "goal_id": goals[0]["goal_id"],
        "alert_id": view["alerts"][0]["id"],
        "homework_id": homework["homework_id"],
        "referral_id": view["outward"][0]["id"],
        "recommendation_id": view["recommendations"][0]["id"],
        "report_id": used.json()["report_id"],
        "task_id": "any",
    }


def asked(person: Person, method: str, path: str, operation: dict[str, Any], **claims: Any) -> httpx.Response:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    body = plain(content["schema"]) if content else None
    caller = person.client("clinician", **claims)
    return caller.get(path) if method == "get" else caller.post(path, json=body)


@pytest.mark.parametrize(("method", "path", "operation"), ONE, ids=[f"{m} {p}" for m, p, _ in ONE])
def test_what_lies_elsewhere_is_refused_as_what_is_nowhere(
    progress: Stack, known: dict[str, str], method: str, path: str, operation: dict[str, Any]
) -> None:
    person = Person(progress, "ep-known")
    here = path.format(**known)
    nowhere = path.format(**dict.fromkeys(known, "nowhere"))
    assert asked(person, method, here, operation).json().get("code") != "not_found"
    version = person.view()["version"]

    for claims in ELSEWHERE:
        theirs, nobodys = (asked(person, method, each, operation, **claims) for each in (here, nowhere))
        assert (theirs.status_code, theirs.content) == (404, nobodys.content), claims
        assert dict(theirs.headers) | {"date": ""} == dict(nobodys.headers) | {"date": ""}
    own = asked(person, method, nowhere, operation)
    assert (own.status_code, own.content) == (404, theirs.content)
    assert person.view()["version"] == version


@pytest.mark.parametrize(("method", "path", "operation"), MANY, ids=[f"{m} {p}" for m, p, _ in MANY])
def test_no_list_holds_what_lies_elsewhere(
    progress: Stack, known: dict[str, str], method: str, path: str, operation: dict[str, Any]
) -> None:
    person = Person(progress, known["episode_id"])
    period = {"from": "2026-01-01", "to": "2026-12-31"}
    for claims in ELSEWHERE:
        answer = person.client(**claims).get(path, params=period)
        assert (answer.status_code, answer.json()["items"]) == (200, [])
        for site in ("albany", "nowhere"):
            answer = person.client(**claims).get(path, params={**period, "site_id": site})
            assert answer.status_code == 404 or answer.json()["items"] == []


def test_of_two_commands_at_once_neither_is_lost_nor_done_twice(
    progress: Stack, known: dict[str, str]
) -> None:
    person = attending(progress, "ep-both")
    headers, url = person.http.headers, progress.url("progress")

    async def at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            activity = {"kind": "meeting_12step", "minutes": 30}
            path = "/v1/episodes/ep-both/recovery-activities"
            plain = [http.post(path, json=activity, headers=headers) for _ in range(12)]
            key = {**headers, "idempotency-key": "same"}
            keyed = [http.post(path, json=activity, headers=key) for _ in range(6)]
            other = http.post(path, json={**activity, "minutes": 31}, headers=key)
            return list(await asyncio.gather(*plain, *keyed, other))

    before = person.view()["version"]
    answers = asyncio.run(at_once())

    assert all(a.status_code == 201 for a in answers[:12])
    assert {a.status_code for a in answers[12:]} <= {201, 409, 422}
    keyed = {a.text for a in answers[12:] if a.status_code == 201}
    assert len(keyed) == 1
    versions = [a.json()["version"] for a in answers if a.status_code == 201]
    assert len(set(versions)) == 13
    assert person.view()["version"] == max(versions) >= before + 13
