"""What the engine proposes to one person, and what it says where it has nothing."""

from tests.scheduling.house import House


def test_a_week_with_an_hour_of_ones_own_clinician_is_proposed_and_agreed(house: House) -> None:
    group = house.open("ash")
    house.ask("ash", "ep-own")
    house.admit("ash", "ep-own", primary_clinician_id="staff-own")
    hours = [{"dow": d, "start_local": "08:00", "end_local": "18:00"} for d in range(1, 6)]
    listed = {"site_id": "ash", "credential": "LCSW", "caseload_max": 16, "hours": hours}
    for clinician in ("staff-own", "staff-other"):
        answer = house.post("/v1/clinicians", {"clinician_id": clinician, **listed})
        assert answer.status_code == 201, answer.text
        hour = {"site_id": "ash", "service_kind": "individual", "levels": ["2.1"]}
        for dow, start, end in ((2, "13:00", "14:00"), (3, "13:00", "14:00"), (3, "09:00", "10:00")):
            body = hour | {"dow": dow, "start_local": start, "end_local": end}
            answer = house.post(f"/v1/clinicians/{clinician}/appointments", body)
            assert answer.status_code == 201, answer.text

    plain = house.get("/v1/episodes/ep-own/proposals")["weeks"][0]
    assert ({s["group_id"] for s in plain["slots"]}, plain["weekly_minutes"]) == ({group}, 540)

    best = house.get("/v1/episodes/ep-own/proposals", individual="true", weekly_minutes="600")["weeks"][0]
    own = [s for s in best["slots"] if s["service_kind"] == "individual"]
    assert best["weekly_minutes"] == 600
    assert [(s["dow"], s["start_local"]) for s in own] == [(3, "13:00")], "on a day with a group, beside it"
    slots = [{k: s[k] for k in ("dow", "start_local", "end_local", "group_id")} for s in best["slots"]]
    assert house.agree("ep-own", slots=slots).status_code == 201
    agreed = house.get("/v1/episodes/ep-own/schedule")["weeks"][-1]
    assert agreed["planned_weekly_minutes"] == 600

    taken = house.get("/v1/episodes/ep-own/proposals", family="true")
    assert taken["weeks"] == []
    assert "no_family_time" in [b["cause"] for b in taken["barriers"]]


def test_what_stands_in_the_way_is_said_with_the_place(house: House) -> None:
    morning = house.open("oak", capacity=1, dow=[1, 3, 5])
    house.ask("oak", "ep-in")
    house.admit("oak", "ep-in")
    house.agree("ep-in")
    house.ask("oak", "ep-out", availability=[{"dow": d, "block": "morning"} for d in (1, 3, 5)])
    house.wait_for("ep-out", "seat_unavailable")
    evening = house.open("oak", dow=[1, 3, 5], start_local="18:00", end_local="21:00")

    told = house.get("/v1/episodes/ep-out/proposals")

    assert told["weeks"] == []
    where = {b["cause"]: b["where"] for b in told["barriers"]}
    assert where["no_free_seat"] == [f"{morning}/{d}" for d in (1, 3, 5)]
    assert where["not_available"] == [f"{evening}/{d}" for d in (1, 3, 5)]
    with house.client("director") as client:
        assert client.get("/v1/episodes/nobody/proposals").status_code == 404


def test_the_next_opening_is_when_somebody_is_planned_to_leave(house: House) -> None:
    house.open("fir", capacity=1, dow=[1, 3, 5])
    house.ask("fir", "ep-stays")
    house.admit("fir", "ep-stays", planned_end_on="2026-12-04")
    house.agree("ep-stays")
    house.ask("fir", "ep-next")

    assert house.wait_for("ep-next", "seat_unavailable")["next_available_on"] == "2026-12-05"
