"""Scheduling as a process of its own: seats, weeks, sessions and closings, told by what it says."""

import time
from datetime import UTC, datetime, timedelta

import httpx

from tests.scheduling.house import SITES, House


def kinds(house: House, aggregate_id: str) -> list[str]:
    return [kind for kind, _ in house.said(aggregate_id)]


def test_two_hundred_ask_at_once_for_twelve_seats(house: House) -> None:
    group = house.open("oak", dow=[1, 3, 5])
    people = [f"crowd-{n}" for n in range(200)]
    house.ask("oak", *people)
    deadline = time.monotonic() + 60
    answered = "SELECT type, count(*) FROM scheduling.outbox WHERE aggregate_id LIKE 'crowd-%' GROUP BY type"
    counted: dict[str, int] = {}
    while sum(counted.values()) < 200 and time.monotonic() < deadline:
        counted = {row["type"]: row["count"] for row in house.rows(answered)}
        time.sleep(0.1)
    assert counted == {"scheduling.seat_held.v1": 12, "scheduling.seat_unavailable.v1": 188}
    sold = house.rows(
        "SELECT count(episode_id) AS taken, count(DISTINCT episode_id) AS people FROM scheduling.seats "
        "WHERE group_id = $1",
        group,
    )
    assert (sold[0]["taken"], sold[0]["people"]) == (36, 12)


def test_a_patient_attends_misses_and_comes_late_for_a_week(house: House) -> None:
    house.open("elm")
    house.ask("elm", "ep-week")
    held = house.wait_for("ep-week", "seat_held")
    assert ([s["dow"] for s in held["slots"]], held["weekly_minutes"]) == ([1, 3, 5], 540)
    house.admit("elm", "ep-week")

    refused = house.agree("ep-week", agreed_by_patient=False)
    assert (refused.status_code, refused.json()["code"]) == (409, "schedule_refused")
    agreed = house.agree("ep-week").raise_for_status().json()
    assert [said["type"] for said in agreed["said"]] == ["scheduling.weekly_schedule_agreed.v1"]

    house.until(datetime(2026, 10, 5, 13, 5, tzinfo=UTC))
    monday = house.sessions("elm", "2026-10-05")[0]
    assert monday["roster"] == [{"episode_id": "ep-week", "status": "expected"}]
    late = {"episode_id": "ep-week", "status": "present", "late_minutes": 15}
    house.roll_call(monday["session_id"], late).raise_for_status()
    house.until(datetime(2026, 10, 7, 14, 0, tzinfo=UTC))
    assert [kind for kind, _ in house.said("ep-week")][-2:] == ["session_missed", "week_at_risk"]
    wednesday = house.sessions("elm", "2026-10-07")[0]
    assert wednesday["roster"] == [{"episode_id": "ep-week", "status": "no_show"}]
    house.roll_call(wednesday["session_id"], late | {"late_minutes": 60}).raise_for_status()
    house.until(datetime(2026, 10, 9, 13, 0, tzinfo=UTC))
    house.roll_call(house.sessions("elm", "2026-10-09")[0]["session_id"], rest="present").raise_for_status()
    house.until(datetime(2026, 10, 12, 5, 0, tzinfo=UTC))

    said = [(kind, body) for kind, body in house.said("ep-week")[2:] if kind != "week_at_risk"]
    assert [kind for kind, _ in said] == [
        "session_attended",
        "treatment_day_closed",
        "session_missed",
        "attendance_corrected",
        "treatment_day_closed",
        "session_attended",
        "treatment_day_closed",
        "treatment_week_closed",
    ]
    week = said[-1][1]
    assert (week["creditable_minutes"], week["scheduled_minutes"]) == (165 + 120 + 180, 540)
    assert (week["attendance_ratio_permille"], week["below_level_minimum"]) == (861, True)
    assert not week["short_week"]
    completed = dict(house.said(wednesday["session_id"]))["session_completed"]
    assert (completed["present"], completed["absent"], completed["ran"]) == (1, 0, True)


def test_a_week_steps_down_and_the_seats_are_free_when_it_begins(house: House) -> None:
    evening = house.open("ash", levels=["1"], start_local="17:00", end_local="20:00", dow=[2])
    house.open("ash")
    today = datetime.fromisoformat(house.standing()["now"])
    house.ask("ash", "ep-down", weekly_minutes=720, days_per_week=4)
    house.admit("ash", "ep-down", prescribed_weekly_minutes=720)
    house.agree("ep-down").raise_for_status()
    in_two_days = str((today + timedelta(days=2)).date())
    about = {"site_id": "ash", "episode_id": "ep-down", "patient_agreed": True}
    fewer = {"kind": "intensity_reduction", "to_weekly_minutes": 540, "effective_on": in_two_days}
    house.hear(("progress.step_down_approved.v1", about | fewer))
    changed = house.wait_for("ep-down", "weekly_schedule_changed")
    assert (changed["planned_weekly_minutes"], changed["days_per_week"], changed["reason"]) == (
        540,
        3,
        "step_down",
    )
    assert "seat_released" not in kinds(house, "ep-down")
    house.until(today + timedelta(days=2))
    freed = house.wait_for("ep-down", "seat_released")
    assert (freed["seats"], freed["cause"]) == (1, "step_down")

    lower = {"kind": "level_change", "to_level": {"edition": "3", "code": "1"}, "to_weekly_minutes": 180}
    later = {"effective_on": str((today + timedelta(days=7)).date())}
    house.hear(("progress.step_down_approved.v1", about | lower | later))
    changed = house.wait_for("ep-down", "weekly_schedule_changed", 2)
    assert [(s["group_id"], s["dow"]) for s in changed["slots"]] == [(evening, 2)]
    house.until(today + timedelta(days=7))
    assert house.wait_for("ep-down", "seat_released", 2)["seats"] == 3

    house.hear(("progress.patient_discharged.v1", {"site_id": "ash", "episode_id": "ep-down"}))
    assert house.wait_for("ep-down", "seat_released", 3)["cause"] == "discharged"
    left = house.rows("SELECT count(*) AS n FROM scheduling.seats WHERE episode_id = 'ep-down'")
    assert left[0]["n"] == 0


def test_a_taper_makes_a_week_below_the_levels_minimum(house: House) -> None:
    house.open("elm")
    house.ask("elm", "ep-taper")
    house.admit("elm", "ep-taper")
    house.agree("ep-taper").raise_for_status()
    today = datetime.fromisoformat(house.standing()["now"])
    about = {"site_id": "elm", "episode_id": "ep-taper", "to_weekly_minutes": 360, "patient_agreed": True}
    days = {"effective_on": str(today.date()), "until_on": str((today + timedelta(days=13)).date())}
    house.hear(("progress.step_down_approved.v1", about | days | {"kind": "transition_taper"}))
    changed = house.wait_for("ep-taper", "weekly_schedule_changed")
    assert (changed["planned_weekly_minutes"], changed["reason"]) == (360, "step_down")


def test_no_lower_group_leaves_the_week_as_it_is(house: House) -> None:
    house.open("fir")
    house.ask("fir", "ep-stuck")
    house.admit("fir", "ep-stuck")
    house.agree("ep-stuck").raise_for_status()
    about = {"site_id": "fir", "episode_id": "ep-stuck", "kind": "level_change", "to_weekly_minutes": 180}
    level = {"to_level": {"edition": "3", "code": "1"}, "effective_on": house.standing()["now"][:10]}
    house.hear(("progress.step_down_approved.v1", about | level))
    assert house.wait_for("ep-stuck", "schedule_infeasible")["cause"] == "no_group"
    assert len(house.get("/v1/episodes/ep-stuck/schedule")["weeks"]) == 1


def test_a_hold_that_nobody_takes_ends_and_another_answer_is_given(house: House) -> None:
    house.open("yew", capacity=1, dow=[1, 3, 5])
    house.ask("yew", "ep-first")
    held = house.wait_for("ep-first", "seat_held")
    house.ask("yew", "ep-second")
    assert house.wait_for("ep-second", "seat_unavailable")["cause"] == "no_free_seat"
    house.until(datetime.fromisoformat(held["hold_expires_at"]) + timedelta(minutes=1))
    released = house.wait_for("ep-first", "seat_released")
    assert (released["cause"], released["seat_hold_id"], released["seats"]) == (
        "hold_expired",
        held["seat_hold_id"],
        3,
    )
    house.hear(
        (
            "intake.seat_requested.v1",
            {"site_id": "yew", "episode_id": "ep-second", "request_id": "again", "availability": []},
        )
    )
    assert house.wait_for("ep-second", "seat_held")["request_id"] == "again"


def test_a_block_that_ends_the_day_is_counted_in_its_day(house: House) -> None:
    house.open("bay", start_local="21:00", end_local="24:00")
    house.ask("bay", "ep-night")
    house.admit("bay", "ep-night")
    house.agree("ep-night").raise_for_status()
    slots = house.get("/v1/episodes/ep-night/schedule")["seats"]
    now = datetime.fromisoformat(house.standing()["now"])
    day = next(d for n in range(1, 8) if (d := now + timedelta(days=n)).isoweekday() == slots[0]["dow"])
    session = house.sessions("bay", str(day.date()))[0]
    ends = datetime.fromisoformat(session["end_at"])
    house.until(ends - timedelta(hours=3))
    house.roll_call(session["session_id"], rest="present").raise_for_status()
    assert (
        house.roll_call(session["session_id"], {"episode_id": "stranger", "status": "present"}).status_code
        == 409
    )
    house.until(ends + timedelta(minutes=2))
    closed = house.wait_for("ep-night", "treatment_day_closed")
    assert (closed["local_date"], closed["total_creditable_minutes"]) == (session["local_date"], 180)


def test_days_beyond_the_calendar_are_refused(house: House) -> None:
    house.open("bay")
    house.ask("bay", "ep-far")
    house.admit("bay", "ep-far")
    assert house.agree("ep-far", effective_from="9999-12-31").status_code == 422
    far = house.agree("ep-far", effective_from="2199-12-31")
    assert (far.status_code, far.json()["code"]) == (409, "schedule_refused")
    with house.client("clinician") as client:
        assert client.get("/v1/sessions", params={"on": "0001-01-01"}).status_code == 422


def test_what_belongs_to_others_does_not_exist(house: House) -> None:
    token = house.stack.token("director", "south", SITES)
    headers = {"authorization": f"Bearer {token}"}
    house.open("elm", group_id="g-north")
    with httpx.Client(base_url=house.stack.url("scheduling"), headers=headers, timeout=10) as south:
        assert south.get("/v1/groups").json()["items"] == []
        assert south.get("/v1/episodes/ep-week/schedule").status_code == 404
        assert (
            south.post(
                "/v1/episodes/ep-week/schedule", json={"agreed_by_patient": True, "agreed_by_clinician": True}
            ).status_code
            == 404
        )
        session = house.sessions("elm", "2026-10-05")[0]["session_id"]
        assert south.post(f"/v1/sessions/{session}/roll-call", json={"rest": "present"}).status_code == 404
        opening = {
            "site_id": "elm",
            "tz": "UTC",
            "opens_local": "08:00",
            "closes_local": "20:00",
            "part2": True,
        }
        assert south.post("/v1/sites", json=opening).status_code == 404
