"""Progress as a process: heard from the bus, asked over HTTP, woken by the clock."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import nats
import pytest

from contracts.event import Envelope, Event
from contracts.intake import OpenAlert
from contracts.subjects import subject_of
from contracts.vocabulary import Actor, Risk
from deploy.local.processes import Stack
from tests.progress.story import ADMITTED_ON, SOBER, SYSTEM, Story, local

NETWORK = "north"


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    """Only progress, on real servers: the others are played by the test."""
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


@dataclass(frozen=True)
class Caller:
    """Somebody with a token; every call closes what it opened."""

    url: str
    headers: dict[str, str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, headers=self.headers, timeout=20, **options)

    def post(self, path: str, json: Any) -> httpx.Response:
        return httpx.post(self.url + path, headers=self.headers, json=json, timeout=20)


class Person(Story):
    """A story whose events go over the bus and whose commands go over HTTP."""

    def __init__(self, stack: Stack, episode_id: str) -> None:
        super().__init__()
        self.stack, self.episode_id = stack, episode_id
        self.told = 0
        self.now = local(ADMITTED_ON, "12:00")
        self.http = self.client()
        self.state = _Zone()

    def common(self, actor: Actor = SYSTEM) -> dict[str, Any]:
        return {**super().common(actor), "episode_id": self.episode_id}

    def hear(self, event: Event) -> list[Any]:
        self.told += 1
        asyncio.run(_publish(self.stack, event, self.now, f"{self.episode_id}-{self.told}"))
        return []

    def on(self, day: date | str, at: str = "12:00") -> "Person":
        self.now = local(date.fromisoformat(day) if isinstance(day, str) else day, at)
        return self

    def client(self, role: str = "clinician", **claims: Any) -> "Caller":
        token = self.stack.token(role, **{"network": NETWORK, "sites": ("albany",), **claims})
        return Caller(self.stack.url("progress"), {"authorization": f"Bearer {token}"})

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/episodes/{self.episode_id}/{path}", json=body)

    def view(self) -> dict[str, Any]:
        answer = self.http.get(f"/v1/episodes/{self.episode_id}")
        return dict(answer.json()) if answer.status_code == 200 else {}

    def until(self, **wanted: Any) -> dict[str, Any]:
        """Wait until the episode shows this: what is told over the bus arrives a little later."""
        for _ in range(200):
            view = self.view()
            if wanted.items() <= view.items():
                return view
            time.sleep(0.05)
        raise AssertionError({key: view.get(key) for key in wanted})


class _Zone:
    def day(self, at: datetime) -> date:
        return at.date()

    level = Story().admitted().state.level


async def _publish(stack: Stack, event: Event, at: datetime, id: str) -> None:
    envelope = Envelope(id, event, at, at, 1, event.aggregate_id, "test")
    client = await nats.connect(**stack.nats_kwargs(event.service()))
    try:
        await client.jetstream().publish(subject_of(event), envelope.body(), headers=envelope.headers())
    finally:
        await client.close()


def advance(person: Person, to: datetime) -> None:
    operator = person.client("operator")
    answer = operator.post("/v1/clock", json={"now": to.isoformat()})
    assert answer.status_code < 300, answer.text


def attending(stack: Stack, episode_id: str) -> Person:
    person = Person(stack, episode_id)
    person.admitted()
    person.agreed()
    person.attended(ADMITTED_ON)
    person.until(state="ATTENDING")
    return person


def signed(person: Person) -> dict[str, Any]:
    goal = {
        "category": SOBER.category,
        "measure": {"kind": "boolean", "comparator": ">=", "target": 1, "window_days": 0},
        "required_for_step_down": True,
    }
    answer = person.post("plan", goals=[goal], signed_by_patient=True, signed_by_clinician=True)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_from_admission_to_an_approved_step_down(progress: Stack) -> None:
    person = attending(progress, "ep-down")
    advance(person, local(date(2026, 2, 3), "12:00"))
    plan = signed(person)
    for start in ("2026-01-19", "2026-01-26"):
        person.on(date.fromisoformat(start) + timedelta(days=7), "00:00").week(start, 720)
    assert person.post(f"goals/{plan['goals'][0]['goal_id']}/attest").status_code == 201
    person.until(step_down_open=True, remaining_required=0)

    (standing,) = [
        r for r in person.http.get("/v1/recommendations").json()["items"] if r["episode_id"] == "ep-down"
    ]
    assert (standing["to_minutes"], standing["kind"]) == (540, "intensity_reduction")
    assert all(c["met"] for c in standing["criteria"])
    approve = f"/v1/recommendations/{standing['recommendation_id']}/approve"
    body = {"effective_on": "2026-02-10", "patient_agreed": True}
    assert person.client("scheduler").post(approve, json=body).status_code == 403
    assert person.client(sites=("utica",)).post(approve, json=body).status_code == 404

    for far, status in (("2199-01-01", 409), ("2600-01-01", 422), ("9999-12-31", 422)):
        assert person.http.post(approve, json={**body, "effective_on": far}).status_code == status

    answer = person.http.post(approve, json=body)
    assert answer.status_code == 201, answer.text
    assert [e["type"] for e in answer.json()["said"]] == ["progress.step_down_approved.v1"]
    assert person.http.post(approve, json=body).json()["code"] == "step_down_refused"
    assert person.view()["weekly_minutes"] == 540
    assert all(r["episode_id"] != "ep-down" for r in person.http.get("/v1/recommendations").json()["items"])


def test_an_alert_that_came_with_the_person_is_late_shown_and_closed_under_its_own_id(
    progress: Stack,
) -> None:
    person = Person(progress, "ep-alert")
    due = local(ADMITTED_ON, "07:00")
    handed = OpenAlert(
        alert_id="a-1", kind="suicide_risk", severity=Risk.MODERATE, due_ack_at=due, acknowledged=False
    )
    person.admitted(open_alerts=(handed,))
    person.until(safety_alert_open=True)

    now = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])
    advance(person, max(now, due))
    for _ in range(200):
        (alert,) = person.view()["alerts"]
        if alert["lapsed"]:
            break
        time.sleep(0.05)
    assert (alert["id"], alert["lapsed"], alert["acknowledged"]) == ("a-1", True, False)
    assert person.post("measures", instrument="phq9", answers=[0] * 8 + [1]).status_code == 201
    assert [a["id"] for a in person.view()["alerts"]] == ["a-1"]
    early = person.post("safety-alerts/a-1/resolve")
    assert (early.status_code, early.json()["code"]) == (409, "alert_not_resolved")
    assert person.post("safety-alerts/a-1/acknowledge").status_code == 201
    assert person.post("safety-alerts/a-1/resolve").status_code == 201
    assert person.view()["alerts"] == []


def test_what_another_network_or_site_may_not_see_is_not_there(progress: Stack) -> None:
    person = attending(progress, "ep-closed")

    for claims in ({"network": "south"}, {"sites": ("utica",)}):
        other = person.client(**claims)
        assert other.get("/v1/episodes/ep-closed").status_code == 404
        assert other.get("/v1/episodes").json()["items"] == []
        body = {"channel": "sms", "reached": False}
        assert other.post("/v1/episodes/ep-closed/outreach", json=body).status_code == 404


def test_lists_go_page_by_page_by_state_and_by_sessions_missed(progress: Stack) -> None:
    people = [attending(progress, f"ep-list-{n}") for n in range(3)]
    people[1].missed("2026-01-14", 2)
    people[1].until(consecutive_missed=2)
    http = people[0].http

    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = http.get("/v1/episodes", params={"state": "ATTENDING", "limit": 2, "cursor": cursor}).json()
        found += [e["id"] for e in page["items"]]
        cursor = page["cursor"]
    assert found == sorted(set(found))
    assert {p.episode_id for p in people} <= set(found)
    missing = http.get("/v1/episodes", params={"missed": 2}).json()["items"]
    assert [e["id"] for e in missing] == ["ep-list-1"]
    assert http.get("/v1/episodes", params={"state": "asleep"}).status_code == 422


def test_a_check_in_comes_due_by_itself_and_the_end_is_an_end(progress: Stack) -> None:
    person = attending(progress, "ep-end")
    person.on("2026-01-19", "00:00").week("2026-01-12", 180, short=True)
    for _ in range(200):
        if person.view()["weeks"]:
            break
        time.sleep(0.05)
    assert person.post("measures", instrument="phq9", answers=[0] * 9).status_code == 201
    today = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"]).date()
    meeting = {
        "meeting_on": str(today - timedelta(days=1)),
        "components": ["alumni"],
        "relapse_prevention_plan": True,
    }
    assert person.post("aftercare", **meeting).json()["code"] == "aftercare_refused"
    assert person.post("aftercare", **meeting, override_reason="moving away").status_code == 201
    assert person.post("check-ins", reached=True, status_summary="stable").status_code == 409

    now = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])
    advance(person, now + timedelta(days=14))
    for _ in range(200):
        if (person.view()["aftercare"] or {}).get("due_on"):
            break
        time.sleep(0.05)
    assert person.post("check-ins", reached=True, status_summary="stable").status_code == 201
    assert person.post("discharge", reason="left_against_advice").status_code == 409
    leaving = {"risks_discussed": True, "signed": False, "aftercare_offered": True}
    answer = person.post("discharge", reason="left_against_advice", **leaving)
    assert answer.status_code == 201, answer.text
    assert person.view()["state"] == "DISCHARGED"
    assert person.post("outreach", channel="sms", reached=False).json()["code"] == "episode_over"


def _plan(measure: dict[str, Any], **more: Any) -> dict[str, Any]:
    goal = {"category": SOBER.category, "measure": measure, **more}
    return {"goals": [goal], "signed_by_patient": True, "signed_by_clinician": True}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("measures", {"instrument": "phq9", "answers": [1, 2]}),
        ("measures", {"instrument": "phq9", "answers": ["x"] * 9}),
        ("plan", {"goals": [], "signed_by_patient": True, "signed_by_clinician": True}),
        ("discharge", {"reason": "bored"}),
        ("outreach", {"channel": "sms", "reached": False, "note": "left a word"}),
        ("outreach", {"channel": "a b", "reached": False}),
        ("substance-use", {"source": "self", "used_on": "0001-01-01", "classification": "lapse"}),
        ("plan", _plan({"kind": "count", "target": 6, "window_days": 1_000_000})),
        ("plan", _plan({"kind": "count", "target": 6, "window_days": 28}, target_on="9999-12-31")),
    ],
)
def test_what_has_the_wrong_form_is_refused_with_422(
    progress: Stack, path: str, body: dict[str, Any]
) -> None:
    person = attending(progress, f"ep-form-{datetime.now(UTC).timestamp():.6f}".replace(".", "-"))

    assert person.post(path, **body).status_code == 422
