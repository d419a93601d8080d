"""Scheduling as a process of its own: it hears events, takes commands, and its clock moves by hand."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import nats

from contracts import catalogue
from contracts.event import Envelope
from contracts.subjects import lane_of, subject_of
from deploy.local.contract_examples import example_of
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN

MONDAY = datetime(2026, 10, 5, 12, tzinfo=UTC)
"""08:00 in New York."""
NETWORK = "north"
SITES = ("elm", "oak", "ash", "fir", "yew", "bay")
IDS = itertools.count(1)


@dataclass(slots=True)
class House:
    """Scheduling alone, its clock, and what it has said."""

    stack: Stack
    operator: httpx.Client = field(init=False)
    told: dict[str, int] = field(default_factory=dict)
    """The newest message of each lane that a test put on the bus."""

    def __post_init__(self) -> None:
        self.operator = self.client("operator")

    def client(self, role: str = "operator") -> httpx.Client:
        token = self.stack.token(role, NETWORK, SITES)
        return httpx.Client(
            base_url=self.stack.url("scheduling"), headers={"authorization": f"Bearer {token}"}, timeout=10
        )

    def post(self, path: str, body: dict[str, Any], role: str = "director") -> httpx.Response:
        with self.client(role) as client:
            return client.post(path, json=body)

    def get(self, path: str, **params: str) -> Any:
        with self.client("clinician") as client:
            return client.get(path, params=params).raise_for_status().json()

    def standing(self) -> dict[str, Any]:
        standing: dict[str, Any] = self.operator.get("/v1/clock").raise_for_status().json()
        return standing

    def quiet(self) -> dict[str, Any]:
        """Wait until nothing is due, nothing is unsaid, and all that was told is read."""
        deadline = time.monotonic() + 20
        while True:
            standing = self.standing()
            assert standing["parked"] == 0, self.rows("SELECT * FROM scheduling.parked")
            read = all(standing["positions"].get(lane, 0) >= seq for lane, seq in self.told.items())
            if read and standing["due"] == 0 and standing["unsent"] == 0:
                return standing
            assert time.monotonic() < deadline, standing
            time.sleep(0.01)

    def until(self, at: datetime) -> None:
        """Let time pass, stopping at every instant at which something is due."""
        now = datetime.fromisoformat(self.quiet()["now"])
        while now < at:
            due = self.quiet()["next_wake_at"]
            now = min(at, datetime.fromisoformat(due)) if due else at
            self.operator.post("/v1/clock", json={"now": now.isoformat()}).raise_for_status()
        self.quiet()

    def hear(self, *heard: tuple[str, dict[str, Any]]) -> None:
        """Put events on the bus as if the other services had said them."""

        async def publish() -> None:
            client = await nats.connect(**self.stack.nats_kwargs("operator"))
            for name, changes in heard:
                kind = catalogue.all_events()[name]
                event = kind.model_validate_json(
                    json.dumps(example_of(kind) | {"network_id": NETWORK} | changes)
                )
                number = next(IDS)
                now = datetime.fromisoformat(self.standing()["now"])
                envelope = Envelope(f"test-{number}", event, now, now, number, event.aggregate_id, "test")
                stored = await client.jetstream().publish(
                    subject_of(event), envelope.body(), headers=envelope.headers()
                )
                self.told[str(lane_of(event.aggregate_id))] = stored.seq
            await client.close()

        asyncio.run(publish())

    def said(self, aggregate_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Everything said about one aggregate, in order, without the service's name and version."""
        rows = self.rows(
            "SELECT type, body FROM scheduling.outbox WHERE aggregate_id = $1 ORDER BY sequence", aggregate_id
        )
        return [(row["type"].split(".")[1], json.loads(row["body"])) for row in rows]

    def wait_for(self, aggregate_id: str, name: str, times: int = 1) -> dict[str, Any]:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            found = [body for kind, body in self.said(aggregate_id) if kind == name]
            if len(found) >= times:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError((name, [kind for kind, _ in self.said(aggregate_id)]))

    def rows(self, query: str, *args: Any) -> list[Any]:
        async def fetch() -> list[Any]:
            db = await asyncpg.connect(**self.stack.pg_dsn_kwargs(ADMIN))
            try:
                return list(await db.fetch(query, *args))
            finally:
                await db.close()

        return asyncio.run(fetch())

    def open(self, site: str, **group: Any) -> str:
        """A site with one group, Monday to Friday from nine to twelve unless told otherwise."""
        hours = {"tz": "America/New_York", "opens_local": "08:00", "closes_local": "24:00", "part2": True}
        with self.client("director") as client:
            if client.get("/v1/groups", params={"site_id": site}).json()["items"] == []:
                client.post("/v1/sites", json={"site_id": site} | hours)
        default = {"kind": "cbt", "levels": ["2.1"], "capacity": 12, "dow": [1, 2, 3, 4, 5]}
        times = {"start_local": "09:00", "end_local": "12:00"}
        answer = (
            self.post("/v1/groups", {"site_id": site} | default | times | group).raise_for_status().json()
        )
        return str(answer["group_id"])

    def ask(self, site: str, *episodes: str, **changes: Any) -> None:
        about = {"site_id": site, "weekly_minutes": 540, "days_per_week": 3, "availability": []}
        about |= {"earliest_start": self.standing()["now"][:10]} | changes
        self.hear(
            *(
                ("intake.seat_requested.v1", about | {"episode_id": e, "request_id": f"r-{e}"})
                for e in episodes
            )
        )

    def admit(self, site: str, episode: str, **changes: Any) -> None:
        held = self.wait_for(episode, "seat_held")
        about = {"site_id": site, "episode_id": episode, "seat_hold_id": held["seat_hold_id"]}
        about |= {"admitted_on": self.standing()["now"][:10], "prescribed_weekly_minutes": 540} | changes
        self.hear(("intake.patient_admitted.v1", about))
        deadline = time.monotonic() + 15
        while self.get(f"/v1/episodes/{episode}/schedule")["stage"] != "admitted":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def agree(self, episode: str, **changes: Any) -> httpx.Response:
        body = {"agreed_by_patient": True, "agreed_by_clinician": True} | changes
        return self.post(f"/v1/episodes/{episode}/schedule", body, "clinician")

    def sessions(self, site: str, on: str) -> list[dict[str, Any]]:
        return list(self.get("/v1/sessions", site_id=site, on=on)["items"])

    def roll_call(self, session_id: str, *entries: dict[str, Any], rest: str | None = None) -> httpx.Response:
        body = {"entries": entries, "rest": rest}
        return self.post(f"/v1/sessions/{session_id}/roll-call", body, "clinician")
