"""Changes of the agreed week that overlap, as the rosters of a running service show them."""

from datetime import date, datetime, timedelta

from tests.scheduling.house import House


def days_on_roster(house: House, site: str, episode: str, first: date, days: int) -> list[date]:
    """The days on which somebody is expected."""
    span = (first + timedelta(days=n) for n in range(days))
    return [
        day
        for day in span
        if any(r["episode_id"] == episode for s in house.sessions(site, str(day)) for r in s["roster"])
    ]


def test_an_approved_step_stands_when_the_week_before_it_changes(house: House) -> None:
    group = house.open("elm")
    monday = datetime.fromisoformat(house.standing()["now"]).date()
    house.ask("elm", "ep-both", weekly_minutes=720, days_per_week=4)
    house.admit("elm", "ep-both", prescribed_weekly_minutes=720)
    house.agree("ep-both").raise_for_status()
    next_monday, tomorrow = monday + timedelta(days=7), monday + timedelta(days=1)
    about = {"site_id": "elm", "episode_id": "ep-both", "patient_agreed": True}
    fewer = {"kind": "intensity_reduction", "to_weekly_minutes": 540, "effective_on": str(next_monday)}
    house.hear(("progress.step_down_approved.v1", about | fewer))
    stepped = house.wait_for("ep-both", "weekly_schedule_changed")["slots"]

    times = {"start_local": "09:00", "end_local": "12:00", "group_id": group}
    slots = [{"dow": dow, **times} for dow in (2, 3, 4, 5)]
    house.agree("ep-both", slots=slots, effective_from=str(tomorrow)).raise_for_status()

    agreed = [monday, *(monday + timedelta(days=n) for n in (1, 2, 3, 4))]
    after = [next_monday + timedelta(days=s["dow"] - 1) for s in stepped]
    assert len(stepped) == 3
    assert days_on_roster(house, "elm", "ep-both", monday, 14) == agreed + after
    house.until(datetime.fromisoformat(house.standing()["now"]) + timedelta(days=8))
    seats = house.rows("SELECT dow FROM scheduling.seats WHERE episode_id = 'ep-both' ORDER BY dow")
    assert [row["dow"] for row in seats] == [s["dow"] for s in stepped]
    reasons = [w["reason"] for w in house.get("/v1/episodes/ep-both/schedule")["weeks"]]
    assert reasons == ["agreed", "patient_request", "step_down"]
