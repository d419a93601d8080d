"""The agreed week as a process lives it: payers, holds, make-ups, risk dates, people who must not meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.scheduling.house import SITES, House

APPROVED = {"status": "approved", "authorization_id": "auth-1", "service_codes": ["H0015"]}
WHOLE_YEAR = {"valid_from": "2026-01-01", "valid_to": "2027-12-31", "days_per_week": None}


def today(house: House) -> date:
    return datetime.fromisoformat(house.standing()["now"]).date()


def next_monday(house: House) -> date:
    day = today(house)
    return day + timedelta(days=8 - day.isoweekday())


def settle_in(house: House, site: str, *episodes: str, **wish: Any) -> None:
    """People come in from next Monday on, three mornings a week."""
    for episode in episodes:
        house.ask(site, episode, **wish)
        house.admit(site, episode)
        house.agree(episode, effective_from=str(next_monday(house))).raise_for_status()


def slots(group: str, *days: int) -> list[dict[str, Any]]:
    return [{"group_id": group, "dow": d, "start_local": "09:00", "end_local": "12:00"} for d in days]


def roster(house: House, site: str, on: date) -> set[str]:
    return {r["episode_id"] for s in house.sessions(site, str(on)) for r in s["roster"]}


def to(house: House, day: date, hour: int = 12) -> None:
    house.until(datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00"))


def test_what_a_payer_said_before_anybody_asked_for_a_seat_is_remembered(house: House) -> None:
    house.open("elm")
    about = {"site_id": "elm", "episode_id": "ep-terms"}
    coverage = {"auth_required": True, "status": "active", "valid_from": None}
    house.hear(("intake.coverage_verified.v1", about | coverage))
    house.quiet()
    with house.client("clinician") as client:
        assert client.get("/v1/episodes/ep-terms/schedule").status_code == 404
        assert client.get("/v1/episodes/ep-terms/week", params={"start": "2026-10-05"}).status_code == 404
    assert house.agree("ep-terms").status_code == 404
    house.ask("elm", "ep-terms")
    house.admit("elm", "ep-terms")
    first = next_monday(house)
    warned = house.agree("ep-terms", effective_from=str(first)).raise_for_status().json()
    assert [w["code"] for w in warned["warnings"]] == ["no_authorization"]

    house.hear(("intake.authorization_recorded.v1", about | APPROVED | WHOLE_YEAR))
    house.quiet()
    to(house, first, 13)
    session = house.sessions("elm", str(first))[0]["session_id"]
    house.roll_call(session, rest="present").raise_for_status()
    to(house, first + timedelta(days=1))
    closed = house.wait_for("ep-terms", "treatment_day_closed")
    assert (closed["authorization_id"], closed["units_used_today"]) == ("auth-1", 1)
    assert closed["services"][0]["service_codes"] == [{"code": "H0015", "modifiers": []}]


def test_nobody_expects_a_person_on_hold_and_their_seats_wait(house: House) -> None:
    group = house.open("oak", dow=[1, 3, 5])
    settle_in(house, "oak", "ep-away")
    first = next_monday(house)
    to(house, first - timedelta(days=1))
    back = first + timedelta(days=9)
    about = {"site_id": "oak", "episode_id": "ep-away"}
    held = {"held_from": str(first), "expected_return_on": str(back)}
    house.hear(("progress.episode_held.v1", about | held))
    house.quiet()
    assert roster(house, "oak", first) == set()
    to(house, first + timedelta(days=7))
    week = house.wait_for("ep-away", "treatment_week_closed")
    assert (week["scheduled_minutes"], week["short_week"]) == (0, True)
    assert "attendance_ratio_permille" not in week
    assert "session_missed" not in {kind for kind, _ in house.said("ep-away")}
    seats = "SELECT count(*) AS n FROM scheduling.seats WHERE episode_id = 'ep-away' AND group_id = $1"
    assert house.rows(seats, group)[0]["n"] == 3

    resumed = {"resumed_on": str(first + timedelta(days=8))}
    house.hear(("progress.episode_resumed.v1", about | resumed))
    house.quiet()
    assert roster(house, "oak", first + timedelta(days=7)) == set()
    assert roster(house, "oak", first + timedelta(days=9)) == {"ep-away"}
    to(house, back + timedelta(days=3))
    assert house.rows(seats, group)[0]["n"] == 3


def test_seats_wait_no_longer_than_the_expected_return(house: House) -> None:
    group = house.open("ash", dow=[1, 3, 5], capacity=1)
    settle_in(house, "ash", "ep-late")
    start = today(house)
    about = {"site_id": "ash", "episode_id": "ep-late"}
    held = {"held_from": str(start), "expected_return_on": str(start + timedelta(days=4))}
    house.hear(("progress.episode_held.v1", about | held))
    house.quiet()
    to(house, start + timedelta(days=6))
    freed = house.wait_for("ep-late", "seat_released")
    assert (freed["cause"], freed["seats"]) == ("hold_overdue", 3)
    house.ask("ash", "ep-instead")
    assert {s["group_id"] for s in house.wait_for("ep-instead", "seat_held")["slots"]} == {group}
    house.hear(("progress.episode_resumed.v1", about | {"resumed_on": str(today(house))}))
    assert house.wait_for("ep-late", "schedule_infeasible")["cause"] == "no_free_seat"


def test_a_return_on_the_last_day_of_the_calendar_is_a_mistake_that_stops_nothing(house: House) -> None:
    group = house.open("bay", dow=[1, 3, 5])
    settle_in(house, "bay", "ep-far")
    about = {"site_id": "bay", "episode_id": "ep-far"}
    for held_from in ("0002-01-01", "9998-12-31"):
        held = {"held_from": held_from, "expected_return_on": "9998-12-31"}
        house.hear(("progress.episode_held.v1", about | held))
    house.quiet()
    assert roster(house, "bay", next_monday(house)) == set()
    house.hear(("progress.episode_resumed.v1", about | {"resumed_on": str(today(house))}))
    house.quiet()
    assert roster(house, "bay", next_monday(house)) == {"ep-far"}
    assert house.rows("SELECT 1 FROM scheduling.seats WHERE group_id = $1", group)


def test_a_missed_morning_puts_the_week_at_risk_while_it_can_be_saved(house: House) -> None:
    group = house.open("fir")
    settle_in(house, "fir", "ep-risk")
    monday = next_monday(house)
    to(house, monday, 15)
    risk = house.wait_for("ep-risk", "week_at_risk")
    figures = [risk[f"{k}_minutes"] for k in ("credited", "booked", "reachable", "level_min", "slack")]
    assert figures == [0, 360, 720, 540, 0]
    assert (risk["cause"], risk["lost"], risk["week_start"]) == ("no_show", False, str(monday))
    assert {o["group_id"] for o in risk["options"]} == {group}
    assert [datetime.fromisoformat(o["start_at"]).isoweekday() for o in risk["options"]] == [2, 4]

    week = house.get("/v1/episodes/ep-risk/week", start=str(monday + timedelta(days=3)))
    assert [s["status"] for s in week["sessions"]] == ["no_show", "booked", "booked"]
    assert (week["week_start"], week["at_risk"], week["lost"]) == (str(monday), True, False)
    assert [week[f"{k}_minutes"] for k in ("planned", "credited", "booked", "reachable")] == [
        540,
        0,
        360,
        720,
    ]

    to(house, monday + timedelta(days=2), 15)
    assert house.wait_for("ep-risk", "week_at_risk", 2)["lost"] is True
    with house.client("clinician") as client:
        assert client.get("/v1/episodes/ep-risk/week", params={"start": "0001-01-01"}).status_code == 422
        assert client.get("/v1/episodes/nobody/week", params={"start": str(monday)}).status_code == 404


def test_sessions_around_a_risk_date_are_proposed_two_weeks_before(house: House) -> None:
    house.open("yew")
    settle_in(house, "yew", "ep-date")
    wedding = next_monday(house) + timedelta(days=29)
    dates = "/v1/episodes/ep-date/risk-dates"
    house.post(dates, {"on": str(wedding), "kind": "wedding"}, "clinician").raise_for_status()
    house.post(dates, {"on": str(wedding), "kind": "anniversary"}, "clinician").raise_for_status()
    items = house.get(dates)["items"]
    assert {(r["kind"], r["proposed"]) for r in items} == {("wedding", False), ("anniversary", False)}
    gone = next(r["risk_date_id"] for r in items if r["kind"] == "anniversary")
    house.post(f"{dates}/{gone}/clear", {}, "clinician").raise_for_status()
    assert house.post(f"{dates}/{gone}/clear", {}, "clinician").status_code == 404
    assert house.post(dates, {"on": "2020-01-01", "kind": "holiday"}, "clinician").status_code == 409

    to(house, wedding - timedelta(days=15))
    assert "booster_proposed" not in {kind for kind, _ in house.said("ep-date")}
    to(house, wedding - timedelta(days=6))
    proposed = [body for kind, body in house.said("ep-date") if kind == "booster_proposed"]
    assert [p["on"] for p in proposed] == [str(wedding)]
    near = {datetime.fromisoformat(o["start_at"]).date() for o in proposed[0]["options"]}
    assert near
    assert all(abs((day - wedding).days) <= 3 for day in near)
    assert [r["proposed"] for r in house.get(dates)["items"]] == [True]


def test_people_who_must_not_meet_never_share_a_group(house: House) -> None:
    group = house.open("bay")
    other = house.open("bay", start_local="13:30", end_local="16:30")
    settle_in(house, "bay", "ep-one")
    path, pair = "/v1/sites/bay/keep-apart", {"episodes": ["ep-one", "ep-two"]}
    assert house.post(path, pair).status_code == 404
    house.ask("bay", "ep-two")
    held = house.wait_for("ep-two", "seat_held")
    first_seats = house.get("/v1/episodes/ep-one/schedule")["seats"]
    shared = {(s["group_id"], s["dow"]) for s in first_seats} & {
        (s["group_id"], s["dow"]) for s in held["slots"]
    }
    told = house.post(path, pair).raise_for_status().json()
    assert {(s["group_id"], s["dow"]) for s in told["shared"]} == shared

    house.admit("bay", "ep-two")
    mine = first_seats[0]["group_id"]
    days = [s["dow"] for s in first_seats]
    start = {"effective_from": str(next_monday(house))}
    if mine == group:
        house.agree("ep-two", slots=_afternoon(other, *days), **start).raise_for_status()
        refused = house.agree("ep-two", slots=slots(group, *days), **start)
    else:
        house.agree("ep-two", slots=slots(group, *days), **start).raise_for_status()
        refused = house.agree("ep-two", slots=_afternoon(other, *days), **start)
    assert refused.status_code == 409
    assert [f["guard"] for f in refused.json()["facts"]["failed"]] == ["keep_apart"]
    assert "ep-one" not in refused.text
    assert mine not in refused.text

    first_day = next_monday(house) + timedelta(days=days[0] - 1)
    meeting = next(s for s in house.sessions("bay", str(first_day)) if s["group_id"] == mine)
    make_up = {"episode_id": "ep-two", "cause": "make_up"}
    unbooked = house.post(f"/v1/sessions/{meeting['session_id']}/bookings", make_up, "clinician")
    assert [f["guard"] for f in unbooked.json()["facts"]["failed"]] == ["keep_apart"]

    assert house.post(f"{path}/lift", pair).raise_for_status().json()["lifted"] is True
    assert house.post(f"{path}/lift", pair).raise_for_status().json()["lifted"] is False
    again = slots(group, *days) if mine == group else _afternoon(other, *days)
    house.agree("ep-two", slots=again, **start).raise_for_status()


def _afternoon(group: str, *days: int) -> list[dict[str, Any]]:
    return [{**slot, "start_local": "13:30", "end_local": "16:30"} for slot in slots(group, *days)]


def test_two_who_must_not_meet_cannot_both_take_the_same_group_at_once(house: House) -> None:
    settled = {}
    for n in range(4):
        site, pair = "bay", (f"ep-a{n}", f"ep-b{n}")
        group = house.open(site, start_local=f"{17 + n}:00", end_local=f"{20 + n}:00")
        # Held in the morning: who sits in the group already when they are kept apart may stay there.
        house.ask(site, *pair, availability=[{"dow": d, "block": "morning"} for d in range(1, 6)])
        for episode in pair:
            house.admit(site, episode)
        house.post(f"/v1/sites/{site}/keep-apart", {"episodes": list(pair)}).raise_for_status()
        hours = {"start_local": f"{17 + n}:00", "end_local": f"{20 + n}:00"}
        wanted = [slot | hours for slot in slots(group, 1, 3, 5)]
        start = str(next_monday(house))
        with ThreadPoolExecutor(2) as both:
            answers = list(
                both.map(lambda e, w=wanted, s=start: house.agree(e, slots=w, effective_from=s), pair)
            )
        settled[n] = sorted(a.status_code for a in answers)
    assert all(statuses == [201, 409] for statuses in settled.values())


@pytest.mark.parametrize("role", ["admissions", "scheduler"])
def test_only_who_treats_or_leads_may_keep_people_apart(house: House, role: str) -> None:
    assert house.post("/v1/sites/bay/keep-apart", {"episodes": ["a", "b"]}, role).status_code == 403
    assert house.post("/v1/sites/bay/keep-apart", {"episodes": ["a", "a"]}).status_code == 422
    token = house.stack.token("director", "south", SITES)
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=house.stack.url("scheduling"), headers=headers, timeout=10) as south:
        there = south.post("/v1/sites/bay/keep-apart", json={"episodes": ["ep-one", "ep-two"]})
        assert there.status_code == 404
        assert south.get("/v1/episodes/ep-one/risk-dates").status_code == 404
        risk = south.post("/v1/episodes/ep-one/risk-dates", json={"on": "2027-01-01", "kind": "holiday"})
        assert risk.status_code == 404
