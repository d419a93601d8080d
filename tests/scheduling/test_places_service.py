"""The calendar's places as a running service: rooms, closures, clinicians, groups and appointments."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import httpx
import pytest

from tests.scheduling.house import SITES, House

DAYTIME = [{"dow": d, "start_local": "08:00", "end_local": "20:00"} for d in (1, 2, 3, 4, 5)]


def opens_site(house: House, site: str, **rooms: int) -> None:
    hours = {"tz": "America/New_York", "opens_local": "08:00", "closes_local": "20:00", "part2": True}
    house.post("/v1/sites", {"site_id": site, "service_days": [1, 2, 3, 4, 5]} | hours).raise_for_status()
    for room, capacity in rooms.items():
        house.post(f"/v1/sites/{site}/rooms", {"room_id": room, "capacity": capacity}).raise_for_status()


def lists(house: House, site: str, *who: str, **changes: Any) -> None:
    for each in who:
        about: dict[str, Any] = {"clinician_id": each, "site_id": site, "credential": "LCSW"}
        about |= {"hours": DAYTIME, "caseload_max": 20} | changes
        house.post("/v1/clinicians", about).raise_for_status()


def body(site: str, group: str, **changes: Any) -> dict[str, Any]:
    about = {"site_id": site, "group_id": group, "kind": "cbt", "levels": ["2.1"], "capacity": 4}
    return about | {"dow": [1, 3, 5], "start_local": "09:00", "end_local": "12:00"} | changes


def rows(house: House, *sites: str) -> list[dict[str, Any]]:
    found = house.rows(
        "SELECT state FROM scheduling.sessions WHERE site_id = ANY($1) ORDER BY state->>'start_at'", sites
    )
    return [json.loads(r["state"]) for r in found]


def led(house: House, group: str, *sites: str) -> list[str | None]:
    return [s["cancelled"] or s["facilitator_id"] for s in rows(house, *sites) if s["group_id"] == group]


def said(house: House, aggregate_id: str) -> list[str]:
    return [kind for kind, _ in house.said(aggregate_id)]


def guards(answer: httpx.Response) -> list[str]:
    return [failed["guard"] for failed in answer.json()["facts"]["failed"]]


def test_a_closed_day_is_cancelled_and_comes_back(house: House) -> None:
    opens_site(house, "elm", blue=12)
    house.post("/v1/groups", body("elm", "e-1", room_id="blue")).raise_for_status()
    snow = {"from_on": "2026-10-07", "to_on": "2026-10-07", "cause": "snow", "closure_id": "c-1"}
    answer = house.post("/v1/sites/elm/closures", snow).raise_for_status().json()
    assert (answer["closure_id"], len(answer["cancelled"]), answer["reassigned"]) == ("c-1", 1, [])
    cancelled = answer["cancelled"][0]
    assert house.said(cancelled)[-1][1]["cause"] == "snow"
    site = house.get("/v1/sites/elm")
    assert site["rooms"] == [{"room_id": "blue", "capacity": 12}]
    assert [c["closure_id"] for c in site["closures"]] == ["c-1"]
    kept = house.get("/v1/sites/elm/holidays", year="2026")["items"]
    assert kept[5] == {"name": "independence_day", "on": "2026-07-04", "observed_on": "2026-07-03"}
    assert house.post("/v1/sites/elm/closures", snow).json()["code"] == "closure_exists"
    lifted = house.post("/v1/sites/elm/closures/c-1/lift", {}).raise_for_status().json()
    assert lifted["restored"] == [cancelled]
    assert said(house, cancelled) == ["session_scheduled", "session_cancelled", "session_restored"]
    assert house.post("/v1/sites/elm/closures/c-1/lift", {}).status_code == 404
    assert said(house, "elm") == ["site_opened", "room_opened", "site_closure_set", "site_closure_lifted"]


def test_who_is_away_is_substituted_and_gets_the_sessions_back(house: House) -> None:
    opens_site(house, "oak")
    lists(house, "oak", "ann", "bob")
    group = body("oak", "o-1", facilitator_id="ann")
    house.post("/v1/groups", group).raise_for_status()
    times = {"service_kind": "individual", "levels": ["2.1"], "dow": 2}
    times |= {"start_local": "13:00", "end_local": "14:00", "group_id": "o-ann"}
    house.post("/v1/clinicians/ann/appointments", times).raise_for_status()
    refused = house.post("/v1/clinicians/ann/appointments", times | {"group_id": "o-too", "dow": 6})
    assert guards(refused) == ["on_service_days", "facilitator_works_then"]
    late = {"dow": [2], "start_local": "13:30", "end_local": "15:00", "facilitator_id": "ann"}
    assert guards(house.post("/v1/groups", body("oak", "o-2", **late))) == ["facilitator_free"]

    leave = {"absence_id": "leave", "from_at": "2026-10-05T00:00:00", "to_at": "2026-10-08T00:00:00"}
    answer = house.post("/v1/clinicians/ann/absences", leave).raise_for_status().json()
    assert [r["facilitator_id"] for r in answer["reassigned"]] == ["bob", "bob"]
    assert len(answer["cancelled"]) == 1
    assert led(house, "o-ann", "oak")[0] == "clinician_unavailable"
    [ann, _] = house.get("/v1/clinicians", site_id="oak")["items"]
    assert ann["absences"][0]["from_at"] == "2026-10-05T04:00:00Z"
    back = house.post("/v1/clinicians/ann/absences/leave/withdraw", {}).raise_for_status().json()
    assert (len(back["reassigned"]), back["restored"]) == (2, answer["cancelled"])
    assert set(led(house, "o-1", "oak")) == {"ann"}
    assert said(house, "ann") == ["clinician_listed", "clinician_unavailable", "clinician_back"]
    assert house.post("/v1/clinicians/ann/absences/leave/withdraw", {}).status_code == 404
    views = {g["group_id"]: g for g in house.get("/v1/groups", site_id="oak")["items"]}
    assert views["o-ann"]["service_kind"] == "individual"
    assert (views["o-ann"]["kind"], views["o-ann"]["free"]) == (None, {"2": 1})
    assert house.said("o-ann")[0][0] == "appointment_opened"


def test_nobody_new_comes_to_a_group_that_closes_or_takes_nobody(house: House) -> None:
    opens_site(house, "ash")
    house.post("/v1/groups", body("ash", "a-1", capacity=12)).raise_for_status()
    house.ask("ash", "ep-early")
    house.wait_for("ep-early", "seat_held")
    change = {"effective_on": "2026-10-06", "open_enrolment": False}
    house.post("/v1/groups/a-1/changes", change).raise_for_status()
    house.ask("ash", "ep-late")
    assert house.wait_for("ep-late", "seat_unavailable")["cause"] == "no_group"
    house.admit("ash", "ep-early")
    house.agree("ep-early").raise_for_status()

    house.post("/v1/groups", body("ash", "a-2", capacity=12)).raise_for_status()
    closing = {"effective_on": "2026-10-12", "cause": "too_few"}
    answer = house.post("/v1/groups/a-2/close", closing).raise_for_status().json()
    assert len(answer["cancelled"]) == 4
    assert led(house, "a-2", "ash") == [None] * 3 + ["too_few"] * 4
    house.ask("ash", "ep-later")
    assert house.wait_for("ep-later", "seat_unavailable")["cause"] == "no_group"
    assert guards(house.post("/v1/groups/a-2/close", closing)) == ["not_closed"]


def test_what_belongs_to_others_does_not_exist(house: House) -> None:
    opens_site(house, "fir", blue=8)
    lists(house, "fir", "fay")
    house.post("/v1/groups", body("fir", "f-1", facilitator_id="fay", room_id="blue")).raise_for_status()
    snow = {"from_on": "2026-12-24", "to_on": "2026-12-26", "cause": "holiday", "closure_id": "f-c"}
    house.post("/v1/sites/fir/closures", snow).raise_for_status()
    away = {"absence_id": "f-a", "from_at": "2026-12-01T00:00:00Z", "to_at": "2026-12-02T00:00:00Z"}
    house.post("/v1/clinicians/fay/absences", away).raise_for_status()
    times = {
        "service_kind": "family",
        "levels": ["2.1"],
        "dow": 2,
        "start_local": "13:00",
        "end_local": "14:00",
    }
    about = {"clinician_id": "fay", "site_id": "fir", "credential": "MD", "hours": [], "caseload_max": 1}
    on = {"effective_on": "2026-10-08"}
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/v1/sites/fir/rooms", {"room_id": "red", "capacity": 3}),
        ("/v1/sites/fir/closures", snow),
        ("/v1/sites/fir/closures/f-c/lift", {}),
        ("/v1/clinicians", about),
        ("/v1/clinicians/fay/absences", away | {"absence_id": "x"}),
        ("/v1/clinicians/fay/absences/f-a/withdraw", {}),
        ("/v1/clinicians/fay/appointments", times),
        ("/v1/groups/f-1/changes", on | {"min_to_run": 1}),
        ("/v1/groups/f-1/close", on | {"cause": "x"}),
        ("/v1/groups", body("fir", "f-9")),
    ]
    before = house.rows("SELECT count(*) AS n FROM scheduling.journal")[0]["n"]
    for network, sites in (("south", SITES), ("north", ("bay",))):
        token = house.stack.token("director", network, sites)
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=house.stack.url("scheduling"), headers=headers, timeout=10) as other:
            assert {path: other.post(path, json=said).status_code for path, said in tries} == {
                path: 404 for path, _ in tries
            }
            assert other.get("/v1/sites/fir").status_code == 404
            assert other.get("/v1/sites/fir/holidays", params={"year": 2026}).status_code == 404
            assert other.get("/v1/clinicians").json()["items"] == []
    assert house.rows("SELECT count(*) AS n FROM scheduling.journal")[0]["n"] == before
    assert house.post("/v1/groups", body("fir", "f-2", facilitator_id="fay"), "clinician").status_code == 403


def at_once(house: House, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[httpx.Response]:
    """Send commands side by side, as many as there are."""

    async def send() -> list[httpx.Response]:
        with house.client("director") as like:
            base, headers = like.base_url, like.headers
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
            return list(await asyncio.gather(*(client.post(path, json=body) for path, body in asked)))

    return asyncio.run(send())


def test_one_room_and_one_leader_are_given_once_to_many_who_ask_at_once(house: House) -> None:
    opens_site(house, "yew", blue=8)
    lists(house, "yew", "yves")
    late = {"start_local": "14:00", "end_local": "15:00", "facilitator_id": "yves"}
    for wanted, guard in (({"room_id": "blue"}, "room_free"), (late, "facilitator_free")):
        bodies = [body("yew", f"{guard}-{n}", **wanted) for n in range(8)]
        answers = at_once(house, [("/v1/groups", each) for each in bodies])
        assert sorted(a.status_code for a in answers) == [201] + [409] * 7
        assert {g for a in answers if a.status_code == 409 for g in guards(a)} == {guard}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_calendar_stays_true_while_many_change_it_at_once(house: House, seed: int) -> None:
    """Whatever is opened, changed, closed, noted and withdrawn at the same time: nobody is in two places."""
    draw = random.Random(seed)
    site = "bay"
    if seed == 1:
        opens_site(house, site, blue=12, red=12)
        lists(house, site, "b-ann", "b-bob", "b-cat", "b-dan")
    staff = ("b-ann", "b-bob", "b-cat", "b-dan")
    day = f"2026-10-{draw.randrange(6, 10):02}"

    def task(n: int) -> tuple[str, dict[str, Any]]:
        who, room = draw.choice(staff), draw.choice((None, "blue", "red"))
        hour = draw.randrange(9, 13)
        times = {"start_local": f"{hour:02}:00", "end_local": f"{hour + 2:02}:00"}
        dow = sorted(draw.sample(range(1, 6), 2))
        first, length = draw.randrange(5, 18), draw.randrange(1, 4)
        name = f"{seed}-{n}"
        kind = draw.choice(("open", "open", "away", "away", "back", "change", "shut", "lift", "close"))
        known = f"b-{seed}-{draw.randrange(max(n, 1))}"
        change = {"effective_on": day, "facilitator_id": who} | ({"room_id": room} if room else {})
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "open": (
                "/v1/groups",
                body(site, f"b-{name}", dow=dow, room_id=room, facilitator_id=who, **times),
            ),
            "away": (
                f"/v1/clinicians/{who}/absences",
                {
                    "absence_id": f"a{draw.randrange(4)}",
                    "from_at": f"2026-10-{first:02}T00:00:00",
                    "to_at": f"2026-10-{first + length:02}T00:00:00",
                },
            ),
            "back": (f"/v1/clinicians/{who}/absences/a{draw.randrange(4)}/withdraw", {}),
            "change": (f"/v1/groups/{known}/changes", change),
            "shut": (
                f"/v1/sites/{site}/closures",
                {
                    "closure_id": f"c{draw.randrange(3)}",
                    "from_on": f"2026-10-{first:02}",
                    "to_on": f"2026-10-{first + length:02}",
                    "cause": "snow",
                },
            ),
            "lift": (f"/v1/sites/{site}/closures/c{draw.randrange(3)}/lift", {}),
            "close": (f"/v1/groups/{known}/close", {"effective_on": day, "cause": "too_few"}),
        }
        return calls[kind]

    asked = [task(n) for n in range(120)]
    answers = [a for n in range(0, 120, 12) for a in at_once(house, asked[n : n + 12])]
    assert {a.status_code for a in answers} <= {201, 404, 409}
    assert sum(a.status_code == 201 for a in answers) > 25
    true_calendar(house, site)
    if seed == 2:
        house.until(datetime(2026, 10, 13, 12, tzinfo=UTC))
        true_calendar(house, site)


def true_calendar(house: House, site: str) -> None:
    now = datetime.fromisoformat(house.quiet()["now"])
    state = json.loads(house.rows("SELECT state FROM scheduling.sites WHERE id = $1", site)[0]["state"])
    staff = {
        r["id"]: json.loads(r["state"])["absences"]
        for r in house.rows("SELECT id, state FROM scheduling.clinicians WHERE site_id = $1", site)
    }
    coming = [s for s in rows(house, site) if when(s["start_at"]) > now]
    assert len(coming) > 10
    held = [s for s in coming if not s["cancelled"]]
    for s in coming:
        closed = any(c["from_on"] <= s["local_date"] <= c["to_on"] for c in state["closures"])
        away = [a for a in staff[s["facilitator_id"]] if crosses(a["from_at"], a["to_at"], s)]
        assert bool(s["cancelled"]) or not (closed or away), s
    for a, b in combinations(held, 2):
        if crosses(a["start_at"], a["end_at"], b):
            assert a["facilitator_id"] != b["facilitator_id"], (a, b)
            assert a["room_id"] is None or a["room_id"] != b["room_id"], (a, b)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def crosses(first: str, last: str, session: dict[str, Any]) -> bool:
    return when(first) < when(session["end_at"]) and when(session["start_at"]) < when(last)


def test_what_is_known_long_before_is_planned_around(house: House) -> None:
    fair = {"from_on": "2026-10-28", "to_on": "2026-10-28", "cause": "fair"}
    answer = house.post("/v1/sites/elm/closures", fair).raise_for_status().json()
    assert answer["cancelled"] == [], "nothing is planned so far ahead yet"
    leave = {"from_at": "2026-10-28T00:00:00", "to_at": "2026-10-29T00:00:00"}
    house.post("/v1/clinicians/ann/absences", leave).raise_for_status()
    change = {"effective_on": "2026-10-30", "facilitator_id": "bob"}
    house.post("/v1/groups/o-1/changes", change).raise_for_status()
    house.until(datetime(2026, 10, 20, 12, tzinfo=UTC))
    planned = {(s["group_id"], s["local_date"]): s for s in rows(house, "elm", "oak")}
    closed = planned["e-1", "2026-10-28"]
    assert (closed["cancelled"], said(house, closed["id"])) == (
        "fair",
        ["session_scheduled", "session_cancelled"],
    )
    leaders = [planned["o-1", f"2026-10-{day}"]["facilitator_id"] for day in (26, 28, 30)]
    assert leaders == ["ann", "bob", "bob"]
