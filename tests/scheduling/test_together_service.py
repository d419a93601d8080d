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
    assert answer.json()["shifts"] == []


def with_a_clinician(house: House, site: str, episode: str) -> str:
    """Somebody whose agreed week has a time with a clinician in it."""
    house.open(site)
    hours = [{"dow": d, "start_local": "08:00", "end_local": "20:00"} for d in range(1, 6)]
    who = {"clinician_id": f"cl-{episode}", "credential": "LCSW", "caseload_max": 9, "hours": hours}
    house.post("/v1/clinicians", who | {"site_id": site}).raise_for_status()
    time = {"dow": 1, "start_local": "13:00", "end_local": "14:00"}
    about = {"site_id": site, "service_kind": "individual", "levels": ["2.1"]} | time
    opened = house.post(f"/v1/clinicians/cl-{episode}/appointments", about).raise_for_status()
    own = str(opened.json()["group_id"])
    settled(house, site, episode)
    seats = house.get(f"/v1/episodes/{episode}/schedule")["seats"]
    slots = [{k: s[k] for k in ("dow", "start_local", "end_local", "group_id")} for s in seats]
    assert house.agree(episode, slots=[*slots, time | {"group_id": own}]).status_code == 201
    return own


def test_a_step_keeps_the_time_with_the_clinician(house: House) -> None:
    own = with_a_clinician(house, "yew", "ep-own")
    about = {"episode_id": "ep-own", "site_id": "yew", "to_level": {"code": "2.1"}}
    up = {"kind": "intensity_increase", "effective_on": today(house, 1), "to_weekly_minutes": 780}
    house.hear(("progress.step_up_approved.v1", about | up))
    changed = house.wait_for("ep-own", "weekly_schedule_changed", 2)
    assert (changed["reason"], changed["planned_weekly_minutes"]) == ("step_up", 780)
    assert own in {s["group_id"] for s in changed["slots"]}

    down = {"kind": "intensity_reduction", "effective_on": today(house, 8), "to_weekly_minutes": 600}
    house.hear(("progress.step_down_approved.v1", about | down))
    changed = house.wait_for("ep-own", "weekly_schedule_changed", 3)
    assert (changed["reason"], changed["planned_weekly_minutes"]) == ("step_down", 600)
    assert own in {s["group_id"] for s in changed["slots"]}


def booked(house: House, site: str, group: str, episode: str, on: str) -> str:
    """A make-up session of a person in a group on a day."""
    (session,) = [s for s in house.sessions(site, on) if s["group_id"] == group]
    body = {"episode_id": episode, "cause": "make_up"}
    answer = house.post(f"/v1/sessions/{session['session_id']}/bookings", body)
    assert answer.status_code == 201, answer.text
    return str(session["session_id"])


def next_day(house: House, dow: int) -> str:
    return next(
        day for n in range(1, 8) if datetime.fromisoformat(day := today(house, n)).isoweekday() == dow
    )


def test_a_new_week_takes_the_place_of_a_single_booking_at_the_same_time(house: House) -> None:
    evening = {"start_local": "18:00", "end_local": "21:00"}
    once = house.open("oak", dow=[2], **evening)
    weekly = house.open("oak", dow=[1, 2, 4], **evening)
    mornings = [{"dow": d, "block": "morning"} for d in (1, 3, 5)]
    settled(house, "oak", "ep-twice", availability=mornings)
    tuesday = next_day(house, 2)
    booked(house, "oak", once, "ep-twice", tuesday)
    slots: list[dict[str, Any]] = [{"dow": d, "group_id": weekly, **evening} for d in (1, 2, 4)]
    assert house.agree("ep-twice", slots=slots).status_code == 201

    groups = {
        s["group_id"]
        for s in house.sessions("oak", tuesday)
        if "ep-twice" in [r["episode_id"] for r in s["roster"]]
    }
    assert groups == {weekly}
    assert house.wait_for("ep-twice", "booking_cancelled")["cancelled_by"] == "clinic"


def test_a_week_does_not_begin_where_a_single_booking_has_the_last_seat(house: House) -> None:
    small = house.open("bay", dow=[1, 3, 5], capacity=1, start_local="18:00", end_local="21:00")
    house.open("bay", dow=[2, 4, 6], capacity=3, start_local="18:00", end_local="21:00")
    settled(house, "bay", "ep-single", availability=[{"dow": d, "block": "evening"} for d in (2, 4, 6)])
    monday = next_day(house, 1)
    session = booked(house, "bay", small, "ep-single", monday)
    house.ask("bay", "ep-late", availability=[{"dow": d, "block": "evening"} for d in (1, 3, 5)])
    house.admit("bay", "ep-late")
    refused = house.agree("ep-late")
    assert (refused.status_code, refused.json()["code"]) == (409, "day_full")
    assert refused.json()["facts"]["sessions"] == [session]

    later = (datetime.fromisoformat(monday) + timedelta(days=1)).date().isoformat()
    assert house.agree("ep-late", effective_from=later).status_code == 201
