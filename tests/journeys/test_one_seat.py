"""One seat comes free, fifty wait, twenty people work at once: it is booked once."""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deploy.local.processes import Stack
from tests.journeys.vignettes.clinic import ASSESSED, form, screening

WAITING = 50
WORKERS = 20
NETWORK, SITE = "one-seat", "one-seat-site"
START = datetime(2026, 6, 1, 14, 0, tzinfo=UTC)
WISH = {
    "earliest_start": "2026-06-08",
    "weekly_minutes": 540,
    "days_per_week": 3,
    "program_kind": "sud",
}
ADMISSION = {"program_id": "adult_sud_evening", "primary_clinician_id": "c", "program_kind": "sud"}
_OFFERS = """SELECT type, aggregate_id FROM intake.outbox
  WHERE type LIKE 'intake.waitlist_offer%' ORDER BY stream_seq"""
_TAKEN = "SELECT dow, count(*) AS n FROM scheduling.seats WHERE episode_id IS NOT NULL GROUP BY 1"
ENDS = ("waitlist_offer_accepted", "waitlist_offer_declined", "waitlist_offer_expired")


@pytest.fixture
def desk() -> Iterator["Desk"]:
    env = {"HANDRAIL_CLOCK_START": START.isoformat()}
    with (
        Stack.temporary(services=("intake", "scheduling", "progress"), clock="manual", env=env) as house,
        httpx.Client(timeout=30, limits=httpx.Limits(max_connections=WORKERS)) as http,
    ):
        yield Desk(house, http)


class Desk:
    """Everybody who works at the site, over kept connections."""

    def __init__(self, house: Stack, http: httpx.Client) -> None:
        self.house = house
        self.http = http

    def post(self, path: str, body: Any, service: str = "intake", role: str = "admissions") -> httpx.Response:
        token = self.house.token(role, NETWORK, [SITE])
        return self.http.post(
            f"{self.house.url(service)}{path}", json=body, headers={"authorization": f"Bearer {token}"}
        )

    def does(self, path: str, body: Any, **how: str) -> dict[str, Any]:
        answer = self.post(path, body, **how)
        assert answer.status_code == 201, answer.text
        done: dict[str, Any] = answer.json()
        return done

    def stage(self, path: str) -> dict[str, Any]:
        token = self.house.token("admissions", NETWORK, [SITE])
        found: dict[str, Any] = self.http.get(
            f"{self.house.url('intake')}{path}", headers={"authorization": f"Bearer {token}"}
        ).json()
        return found

    def comes(self, number: int) -> str:
        """Somebody is referred, screened, assessed and asks for a seat."""
        phone = f"518 555 {number:04d}"
        answer = self.does("/v1/referrals", form(SITE, family=f"Waiting{number}", phone=phone))
        path = f"/v1/referrals/{answer['referral_id']}"
        self.does(f"{path}/consents", {"kind": "treatment"})
        self.does(f"{path}/screening", screening())
        self.does(f"{path}/assessment", ASSESSED)
        covered = {"payer_id": "p", "plan_kind": "self_pay", "status": "active", "auth_required": False}
        self.does(f"{path}/coverage", covered)
        self.does(f"{path}/seat-request", WISH)
        return path


def eventually(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came to be")


def offers(house: Stack) -> list[tuple[str, str]]:
    """Every offer and how it ended, as (event, episode), in the order of the stream."""
    rows = _rows(house, _OFFERS)
    return [(row["type"].split(".")[1], row["aggregate_id"]) for row in rows]


def _rows(house: Stack, sql: str) -> list[Any]:
    import asyncio

    from deploy.local.story import connect

    async def ask() -> list[Any]:
        db = await connect(house)
        try:
            return list(await db.fetch(sql))
        finally:
            await db.close()

    return asyncio.run(ask())


@pytest.mark.slow
def test_one_freed_seat_is_never_booked_twice(desk: Desk) -> None:
    house = desk.house
    body = {"site_id": SITE, "tz": "America/New_York", "part2": True}
    hours = {"opens_local": "08:00", "closes_local": "22:00"}
    desk.does("/v1/sites", body | hours, service="scheduling", role="operator")
    group = {"kind": "relapse_prevention", "levels": ["2.1"], "capacity": 1, "dow": [1, 3, 4]}
    times = {"start_local": "18:00", "end_local": "21:00", "site_id": SITE}
    desk.does("/v1/groups", group | times, service="scheduling", role="operator")
    eventually(lambda: desk.post("/v1/referrals", form(SITE)).status_code == 201)

    inside = desk.comes(0)
    eventually(lambda: desk.stage(inside)["hold"])
    desk.does(f"{inside}/admission", ADMISSION)
    with ThreadPoolExecutor(WORKERS) as workers:
        waiting = list(workers.map(desk.comes, range(1, WAITING + 1)))
    eventually(lambda: all(desk.stage(path)["stage"] == "WAITLISTED" for path in waiting))

    # The seat comes free, and everybody works at once: some ask out of turn, some take, most decline.
    episode = inside.replace("referrals", "episodes")
    taken: list[str] = []

    def work(worker: int) -> None:
        luck = random.Random(worker)
        while not taken:
            path = luck.choice(waiting)
            if luck.random() < 0.3:
                desk.post(f"{path}/seat-request/out-of-turn", {"reason": "worker"})
            accepts = luck.random() < 0.1
            if desk.post(f"{path}/offer", {"accept": accepts}).status_code == 201 and accepts:
                taken.append(path)

    left = {"reason": "moved"}
    eventually(
        lambda: (
            desk.post(f"{episode}/discharge", left, service="progress", role="director").status_code == 201
        )
    )
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS)))
        # Whatever still runs, nobody else can take it.
        accepted = list(workers.map(lambda p: desk.post(f"{p}/offer", {"accept": True}).status_code, waiting))
    assert taken
    assert 201 not in accepted
    (winner,) = set(taken)
    desk.does(f"{winner}/admission", ADMISSION)

    open_offers: set[str] = set()
    for event, who in offers(house):
        if event == "waitlist_offer_made":
            open_offers.add(who)
        elif event in ENDS:
            open_offers.discard(who)
        assert len(open_offers) <= 1, json.dumps(sorted(open_offers))
    booked = [who for event, who in offers(house) if event == "waitlist_offer_accepted"]
    assert booked == [winner.rpartition("/")[2]]
    stages = [desk.stage(path) for path in waiting]
    assert sum(s["stage"] == "ADMITTED" for s in stages) == 1
    assert [s["id"] for s in stages if s["hold"] and s["stage"] != "ADMITTED"] == []
    held = _rows(house, _TAKEN)
    assert {row["n"] for row in held} == {1}
