"""Room for somebody, and better weeks for a site: nobody moves without their own yes."""

from datetime import datetime, timedelta
from typing import Any

from tests.scheduling.house import House

ANYTIME = [{"dow": d, "block": b} for d in (1, 3, 5) for b in ("morning", "evening")]
YES = {"agreed_by_patient": True, "agreed_by_clinician": True}
NO = {"agreed_by_patient": False, "agreed_by_clinician": True}


def settled(house: House, site: str, episode: str, **wish: Any) -> None:
    """Somebody with an agreed week at a site."""
    house.ask(site, episode, **wish)
    house.admit(site, episode)
    assert house.agree(episode).status_code == 201


def weeks_pass(house: House, weeks: int) -> None:
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(weeks=weeks))


def two_groups(house: House, site: str, seats: int = 1) -> tuple[str, str]:
    """One group in the morning, one in the evening."""
    days = {"dow": [1, 3, 5], "capacity": seats}
    morning = house.open(site, **days)
    return morning, house.open(site, start_local="18:00", end_local="21:00", **days)


def answer(house: House, plan: str, episode: str, body: dict[str, bool]) -> Any:
    return house.post(f"/v1/week-plans/{plan}/moves/{episode}", body, "clinician")


def groups_of(house: House, episode: str) -> set[str]:
    return {s["group_id"] for s in house.get(f"/v1/episodes/{episode}/schedule")["seats"]}


def names(house: House, aggregate_id: str) -> list[str]:
    return [kind for kind, _ in house.said(aggregate_id)]


def test_one_person_is_asked_to_make_room_and_does(house: House) -> None:
    morning, evening = two_groups(house, "yew")
    settled(house, "yew", "ep-early", availability=ANYTIME)
    (sits,) = groups_of(house, "ep-early")
    other = {morning: evening, evening: morning}[sits]
    wish = [{"dow": d, "block": "morning" if sits == morning else "evening"} for d in (1, 3, 5)]
    weeks_pass(house, 3)

    house.ask("yew", "ep-late", availability=wish)
    refused = house.wait_for("ep-late", "seat_unavailable")
    assert refused["cause"] == "no_free_seat"
    proposed = house.wait_for("ep-early", "move_proposed")
    assert {s["group_id"] for s in proposed["to_slots"]} == {other}
    assert groups_of(house, "ep-early") == {sits}

    plan = house.get(f"/v1/week-plans/{proposed['move_id']}")
    assert [(s["episode_id"], s["agreed"]) for s in plan["shifts"]] == [("ep-early", False)]
    assert answer(house, plan["plan_id"], "ep-early", YES).status_code == 201
    house.quiet()
    assert names(house, "ep-early")[-2:] == ["move_answered", "weekly_schedule_changed"]
    assert groups_of(house, "ep-early") == {sits, other}
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(days=1))
    assert house.wait_for("ep-early", "seat_released")["seats"] == 3
    assert groups_of(house, "ep-early") == {other}
    assert house.wait_for(plan["plan_id"], "week_plan_published")["moved"] == 1
    house.hear(
        (
            "intake.seat_requested.v1",
            {
                "site_id": "yew",
                "weekly_minutes": 540,
                "days_per_week": 3,
                "availability": wish,
                "episode_id": "ep-late",
                "request_id": "r-again",
                "earliest_start": house.standing()["now"][:10],
            },
        )
    )
    assert {s["group_id"] for s in house.wait_for("ep-late", "seat_held")["slots"]} == {sits}


def test_whoever_is_new_or_was_just_asked_is_left_alone(house: House) -> None:
    two_groups(house, "bay")
    settled(house, "bay", "ep-fresh", availability=ANYTIME)
    (sits,) = groups_of(house, "ep-fresh")
    half = house.get("/v1/groups", site_id="bay")["items"]
    start = next(g["start_local"] for g in half if g["group_id"] == sits)
    wish = [{"dow": d, "block": "morning" if start == "09:00" else "evening"} for d in (1, 3, 5)]

    house.ask("bay", "ep-first", availability=wish)
    house.wait_for("ep-first", "seat_unavailable")
    house.quiet()
    assert "move_proposed" not in names(house, "ep-fresh")

    weeks_pass(house, 3)
    house.ask("bay", "ep-second", availability=wish)
    move = house.wait_for("ep-fresh", "move_proposed")["move_id"]
    assert answer(house, move, "ep-fresh", NO).status_code == 201
    assert house.wait_for("ep-fresh", "move_answered")["answer"] == "declined"
    assert house.wait_for(move, "week_plan_dropped")["cause"] == "declined"
    again = answer(house, move, "ep-fresh", YES)
    assert (again.status_code, again.json()["code"]) == (409, "move_over")

    house.ask("bay", "ep-third", availability=wish)
    house.wait_for("ep-third", "seat_unavailable")
    house.quiet()
    assert names(house, "ep-fresh").count("move_proposed") == 1


def test_a_move_that_nobody_answers_runs_out(house: House) -> None:
    morning, _ = two_groups(house, "elm")
    settled(house, "elm", "ep-silent", availability=ANYTIME)
    (sits,) = groups_of(house, "ep-silent")
    block = "morning" if sits == morning else "evening"
    weeks_pass(house, 3)
    house.ask("elm", "ep-hopes", availability=[{"dow": d, "block": block} for d in (1, 3, 5)])
    move = house.wait_for("ep-silent", "move_proposed")["move_id"]
    weeks_pass(house, 1)

    assert house.wait_for(move, "week_plan_dropped")["cause"] == "expired"
    assert answer(house, move, "ep-silent", YES).json()["code"] == "move_over"
    assert groups_of(house, "ep-silent") == {sits}


def test_a_site_is_planned_anew_and_everybody_moved_has_to_agree(house: House) -> None:
    morning, evening = two_groups(house, "fir", seats=2)
    for episode in ("ep-a", "ep-b"):
        settled(house, "fir", episode, availability=ANYTIME)
    sits = {e: next(iter(groups_of(house, e))) for e in ("ep-a", "ep-b")}
    weeks_pass(house, 3)
    nothing = house.post("/v1/sites/fir/week-plans", {}, "director")
    assert nothing.status_code == 201
    assert (nothing.json()["stage"], nothing.json()["shifts"]) == ("dropped", [])
    assert nothing.json()["levels"]["unplaced"] == 0

    # Two seats are left, one in each half of the day: whoever can come in one half only needs both of it.
    assert set(sits.values()) == {morning, evening}
    blocks = {morning: "morning", evening: "evening"}
    wish = [{"dow": d, "block": blocks[morning]} for d in (1, 3, 5)]
    house.ask("fir", "ep-x", "ep-y", availability=wish)
    house.quiet()
    taken = [e for e in ("ep-x", "ep-y") if "seat_held" in names(house, e)]
    assert len(taken) == 1
    (mover,) = [e for e, g in sits.items() if g == morning]
    asked = house.wait_for(mover, "move_proposed")["move_id"]
    assert answer(house, asked, mover, NO).status_code == 201

    # Asked lately: a plan for the whole site may not ask again, and says that it has nothing better.
    later = house.post("/v1/sites/fir/week-plans", {}, "director").json()
    assert later["shifts"] == []
    assert later["levels"]["unplaced"] == 1

    weeks_pass(house, 6)
    found = house.post("/v1/sites/fir/week-plans", {}, "director").json()
    assert found["levels"]["unplaced"] == 0
    assert found["levels"]["proven"]
    assert [s["episode_id"] for s in found["shifts"]] == [mover]
    plan = found["plan_id"]
    listed = house.get("/v1/week-plans", site_id="fir")["items"]
    assert plan in [p["plan_id"] for p in listed]
    assert answer(house, plan, mover, YES).status_code == 201
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(days=1))
    assert groups_of(house, mover) == {evening}
    said = house.wait_for(plan, "week_plan_proposed")
    assert (said["unplaced"], said["calendars_changed"]) == (0, 1)


def test_a_plan_of_another_site_or_network_does_not_exist(house: House) -> None:
    token = house.stack.token("director", "south", ("fir",))
    with house.client("director") as client:
        client.headers["authorization"] = f"Bearer {token}"
        assert client.post("/v1/sites/fir/week-plans", json={}).status_code == 404
        assert client.get("/v1/week-plans").json()["items"] == []
        assert client.get("/v1/week-plans/none").status_code == 404
        assert client.post("/v1/week-plans/none/moves/ep-a", json=YES).status_code == 404


def test_nobody_is_asked_to_move_for_somebody_who_is_gone(house: House) -> None:
    morning, _ = two_groups(house, "oak")
    settled(house, "oak", "ep-sits", availability=ANYTIME)
    (sits,) = groups_of(house, "ep-sits")
    block = "morning" if sits == morning else "evening"
    house.ask("oak", "ep-gone", availability=[{"dow": d, "block": block} for d in (1, 3, 5)])
    house.wait_for("ep-gone", "seat_unavailable")
    house.hear(("intake.referral_declined.v1", {"site_id": "oak", "episode_id": "ep-gone"}))
    weeks_pass(house, 3)

    told = house.post("/v1/sites/oak/week-plans", {}, "director").json()

    assert (told["levels"]["placed"], told["levels"]["unplaced"], told["shifts"]) == (1, 0, [])
