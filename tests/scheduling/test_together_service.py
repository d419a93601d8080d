"""What was built apart, together: plans, holds, single bookings, agreed weeks, times with a clinician."""

from datetime import datetime, timedelta
from typing import Any

from tests.scheduling.house import House

ANYTIME = [{"dow": d, "block": b} for d in (1, 3, 5) for b in ("morning", "evening")]
YES = {"agreed_by_patient": True, "agreed_by_clinician": True}


def settled(house: House, site: str, episode: str, **wish: Any) -> None:
    """Somebody with an agreed week at a site."""
    house.ask(site, episode, **wish)
    house.admit(site, episode)
    assert house.agree(episode).status_code == 201


def weeks_pass(house: House, weeks: int) -> None:
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(weeks=weeks))


def today(house: House, days: int = 0) -> str:
    now = datetime.fromisoformat(house.standing()["now"])
    return (now + timedelta(days=days)).date().isoformat()


def proposed(house: House, site: str, mover: str, waits: str) -> tuple[str, str, str]:
    """A move that is waiting for an answer: its plan, the group of now and the other one."""
    days = {"dow": [1, 3, 5], "capacity": 1}
    groups = {house.open(site, **days), house.open(site, start_local="18:00", end_local="21:00", **days)}
    settled(house, site, mover, availability=ANYTIME)
    (sits,) = groups_of(house, mover)
    listed = house.get("/v1/groups", site_id=site)["items"]
    start = next(g["start_local"] for g in listed if g["group_id"] == sits)
    block = "morning" if start == "09:00" else "evening"
    weeks_pass(house, 3)
    house.ask(site, waits, availability=[{"dow": d, "block": block} for d in (1, 3, 5)])
    plan = house.wait_for(mover, "move_proposed")["move_id"]
    (other,) = groups - {sits}
    return plan, sits, other


def groups_of(house: House, episode: str) -> set[str]:
    return {s["group_id"] for s in house.get(f"/v1/episodes/{episode}/schedule")["seats"]}


def say_yes(house: House, plan: str, episode: str) -> None:
    answer = house.post(f"/v1/week-plans/{plan}/moves/{episode}", YES, "clinician")
    assert answer.status_code == 201, answer.text


def test_nobody_on_hold_is_moved(house: House) -> None:
    plan, sits, _ = proposed(house, "elm", "ep-away", "ep-away-waits")
    about = {"site_id": "elm", "episode_id": "ep-away", "held_from": today(house)}
    house.hear(("progress.episode_held.v1", about | {"expected_return_on": today(house, 20)}))
    house.quiet()
    missed = [kind for kind, _ in house.said("ep-away")].count("session_missed")
    say_yes(house, plan, "ep-away")
    weeks_pass(house, 1)

    assert house.wait_for(plan, "week_plan_dropped")["cause"] == "outdated"
    assert groups_of(house, "ep-away") == {sits}
    assert [kind for kind, _ in house.said("ep-away")].count("session_missed") == missed


def test_a_week_agreed_meanwhile_stands(house: House) -> None:
    plan, sits, _ = proposed(house, "oak", "ep-fewer", "ep-fewer-waits")
    week = house.get("/v1/episodes/ep-fewer/schedule")
    slots = [{k: s[k] for k in ("dow", "start_local", "end_local", "group_id")} for s in week["seats"]]
    later = house.agree("ep-fewer", slots=slots, effective_from=today(house, 10))
    assert later.status_code == 201, later.text
    say_yes(house, plan, "ep-fewer")

    assert house.wait_for(plan, "week_plan_dropped")["cause"] == "outdated"
    assert groups_of(house, "ep-fewer") == {sits}


def test_nobody_is_moved_into_a_group_that_will_close(house: House) -> None:
    plan, sits, other = proposed(house, "ash", "ep-stays", "ep-stays-waits")
    closing = house.post(f"/v1/groups/{other}/close", {"effective_on": today(house, 14), "cause": "too_few"})
    assert closing.status_code == 201, closing.text
    say_yes(house, plan, "ep-stays")

    assert house.wait_for(plan, "week_plan_dropped")["cause"] == "outdated"
    assert groups_of(house, "ep-stays") == {sits}


def test_who_is_moved_keeps_their_seat_of_today(house: House) -> None:
    plan, sits, other = proposed(house, "fir", "ep-moves", "ep-moves-waits")
    say_yes(house, plan, "ep-moves")
    free = {g["group_id"]: g["free"] for g in house.get("/v1/groups", site_id="fir")["items"]}
    assert set(free[sits].values()) == {0}

    weeks_pass(house, 1)
    free = {g["group_id"]: g["free"] for g in house.get("/v1/groups", site_id="fir")["items"]}
    assert set(free[sits].values()) == {1}
    assert groups_of(house, "ep-moves") == {other}


def test_who_ended_before_anything_was_scheduled_has_no_calendar(house: House) -> None:
    about = {"episode_id": "ep-never", "site_id": "bay"}
    house.hear(("intake.coverage_verified.v1", about))
    house.quiet()
    house.hear(("progress.patient_discharged.v1", about))
    house.quiet()
    with house.client("clinician") as client:
        for page in ("schedule", f"week?start={today(house)}", "proposals"):
            assert client.get(f"/v1/episodes/ep-never/{page}").status_code == 404


def test_a_site_with_nobody_has_nothing_to_plan(house: House) -> None:
    house.open("bay")
    answer = house.post("/v1/sites/bay/week-plans", {})
    assert answer.status_code == 201, answer.text
    assert answer.json()["plan"] is None
