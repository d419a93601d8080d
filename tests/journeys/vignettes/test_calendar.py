"""The calendars, minutes and closings of Dana (1), Luis (2), and Art and Bea (3)."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from tests.journeys.vignettes.clinic import Clinic, edition_4, present
from tests.journeys.vignettes.conftest import OPEN

pytestmark = pytest.mark.slow
MON, TUE, WED, THU, FRI = 1, 2, 3, 4, 5
COMMERCIAL = {"payer_id": "payer", "plan_kind": "commercial", "status": "active", "auth_required": True}
FOURTH = {"edition": "4", "code": "2.1"}
LOWER_FOURTH = {"edition": "4", "code": "1.5"}
BREAKS = [{"offset": offset, "minutes": 10} for offset in (50, 100, 150)]
Week = tuple[int, int, int | None, bool]


def authorized(units: int, first: str, last: str, **more: Any) -> dict[str, Any]:
    decision = {"status": "approved", "level": "2.1", "unit_kind": "day", "service_codes": ["H0015"]}
    return decision | {"units_approved": units, "valid_from": first, "valid_to": last} | more


def wish(first: str, minutes: int, days: int, kind: str = "sud") -> dict[str, Any]:
    about = {"earliest_start": first, "weekly_minutes": minutes, "days_per_week": days}
    return about | {"program_kind": kind}


def slots(group: str, *days: int, start: str = "09:00", end: str = "12:00") -> list[dict[str, Any]]:
    return [{"group_id": group, "dow": dow, "start_local": start, "end_local": end} for dow in days]


async def live(
    clinic: Clinic, episode: str, monday: str, days: Mapping[int, int | None], group: str | None = None
) -> None:
    """A week in one group: how many minutes late on each weekday, or not there at all."""
    for dow, late in days.items():
        on = date.fromisoformat(monday) + timedelta(days=dow - 1)
        await clinic.meets(str(on), *([] if late is None else [present(episode, late)]), group=group)


async def closed_weeks(clinic: Clinic, episode: str) -> dict[str, Week]:
    """Each closed week: creditable, scheduled, permille, below the minimum of the level."""
    return {
        w["week_start"]: (
            w["creditable_minutes"],
            w["scheduled_minutes"],
            w["attendance_ratio_permille"],
            w["below_level_minimum"],
        )
        for w in await clinic.said(episode, "treatment_week_closed")
    }


async def closed_day(clinic: Clinic, episode: str, on: str) -> dict[str, Any]:
    return [d for d in await clinic.said(episode, "treatment_day_closed") if d["local_date"] == on][-1]


def codes(day: dict[str, Any]) -> set[str]:
    return {code["code"] for service in day["services"] for code in service["service_codes"]}


async def test_dana_1_fewer_hours_and_then_a_lower_level(own_story: OPEN) -> None:
    albany = await own_story("albany", "2026-01-13T08:15")
    day = {"group_id": "day", "dow": [TUE, WED, THU, FRI], "start_local": "09:00", "end_local": "12:00"}
    await albany.opens("albany", group=day)
    evening = {"group_id": "evening", "dow": [TUE], "start_local": "17:00", "end_local": "19:00"}
    shorter = {"group_id": "shorter", "dow": [THU], "start_local": "17:00", "end_local": "18:00"}
    for group in (evening, shorter):
        more = {"site_id": "albany", "kind": "relapse_prevention", "levels": ["1"], "capacity": 12}
        await albany.does("/v1/groups", more | group, service="scheduling", role="operator")

    # S6, S7: A-1 is of 44 days, four a week; admitted with 720 minutes on 4 days.
    dana = await albany.admits(
        "albany",
        coverage=COMMERCIAL,
        authorization=authorized(44, "2026-01-13", "2026-04-30", days_per_week=4),
        wish=wish("2026-01-13", 720, 4),
    )
    (first_authorization,) = await albany.said(dana, "authorization_recorded")

    # S8: the clinician alone cannot agree; both can.
    await albany.clock("2026-01-13T08:40")
    assert (await albany.may_not_agree(dana, agreed_by_patient=False)).guards == {"agreed_by_patient"}
    assert (await albany.agrees(dana))["warnings"] == []
    (agreed,) = await albany.said(dana, "weekly_schedule_agreed")
    told = [agreed[k] for k in ("version", "planned_weekly_minutes", "days_per_week", "max_gap_days")]
    assert told == [1, 720, 4, 3]

    # S9: the first group, the whole time.
    await live(albany, dana, "2026-01-12", {TUE: 0}, "day")
    (attended,) = await albany.said(dana, "session_attended")
    counted = [attended[f"{k}_minutes"] for k in ("present", "break", "creditable", "late")]
    assert counted == [180, 0, 180, 0]
    await live(albany, dana, "2026-01-12", {WED: 0, THU: 0, FRI: 0}, "day")

    # Thursday of the second week nobody comes; Wednesday of the third she is 15 minutes late.
    await live(albany, dana, "2026-01-19", {TUE: 0, WED: 0, THU: None, FRI: 0}, "day")
    (missed,) = await albany.said(dana, "session_missed")
    assert missed["local_date"] == "2026-01-22"
    assert [missed[k] for k in ("kind", "consecutive_missed", "scheduled_minutes")] == ["no_show", 1, 180]
    assert missed["at"].isoformat() == "2026-01-22T14:30:00+00:00"
    assert await albany.said(dana, "week_at_risk") == []
    await live(albany, dana, "2026-01-26", {TUE: 0, WED: 15, THU: 0, FRI: 0}, "day")
    short = await closed_day(albany, dana, "2026-01-28")
    assert (short["total_creditable_minutes"], short["meets_180_min"], short["units_used_today"]) == (
        165,
        False,
        0,
    )
    assert codes(short) == set()
    for monday in ("2026-02-02", "2026-02-09"):
        await live(albany, dana, monday, {TUE: 0, WED: 0, THU: 0}, "day")
        if monday == "2026-02-09":
            break
        await live(albany, dana, monday, {FRI: 0}, "day")

    # S13: 540 minutes from Tuesday 17 February on; the week of the 9th stays as it is.
    fewer = {"kind": "intensity_reduction", "to_weekly_minutes": 540, "effective_on": "2026-02-17"}
    await albany.hears("progress.step_down_approved.v1", dana, patient_agreed=True, **fewer)
    (changed,) = await albany.said(dana, "weekly_schedule_changed")
    assert [s["dow"] for s in changed["slots"]] == [TUE, WED, FRI]
    told = [changed[k] for k in ("version", "planned_weekly_minutes", "reason", "effective_from")]
    assert told == [2, 540, "step_down", "2026-02-17"]
    await live(albany, dana, "2026-02-09", {FRI: 0}, "day")
    for monday in ("2026-02-16", "2026-02-23", "2026-03-02"):
        await live(albany, dana, monday, {TUE: 0, WED: 0, FRI: 0}, "day")
    await live(albany, dana, "2026-03-09", {TUE: 0, WED: 0}, "day")

    # S17: A-2 is of level 1, by visits, from Monday 16 March on; that level meets in the evening.
    await albany.clock("2026-03-11T13:00")
    lower = {"level": {"edition": "3", "code": "1"}, "unit_kind": "visit", "service_codes": ["H0005"]}
    a2 = {"status": "approved", "authorization_id": "a-2", "units_approved": 24}
    until = {"valid_from": "2026-03-16", "valid_to": "2026-06-30", "days_per_week": None}
    await albany.hears("intake.authorization_recorded.v1", dana, **a2, **lower, **until)
    step = {"kind": "level_change", "to_level": {"edition": "3", "code": "1"}, "to_weekly_minutes": 180}
    more = {"effective_on": "2026-03-16", "patient_agreed": True}
    await albany.hears("progress.step_down_approved.v1", dana, **step, **more)
    changed = (await albany.said(dana, "weekly_schedule_changed"))[-1]
    assert [(s["dow"], s["start_local"], s["end_local"]) for s in changed["slots"]] == [
        (TUE, "17:00", "19:00"),
        (THU, "17:00", "18:00"),
    ]
    assert (changed["version"], changed["planned_weekly_minutes"]) == (3, 180)
    await live(albany, dana, "2026-03-09", {FRI: 0}, "day")

    # S18: two evenings a week, no H0015 and nothing of A-1 any more.
    for monday in ("2026-03-16", "2026-03-23", "2026-03-30", "2026-04-06"):
        tuesday = date.fromisoformat(monday) + timedelta(days=1)
        await albany.meets(str(tuesday), present(dana), group="evening")
        await albany.meets(str(tuesday + timedelta(days=2)), present(dana), group="shorter")
    await albany.clock("2026-04-13T09:00")
    evening_day = await closed_day(albany, dana, "2026-03-17")
    assert evening_day["level"] == {"edition": "3", "code": "1"}
    assert (evening_day["total_creditable_minutes"], evening_day["meets_180_min"]) == (120, False)
    assert (evening_day["authorization_id"], codes(evening_day)) == ("a-2", {"H0005"})

    at_2_1 = {
        "2026-01-12": (720, 720, 1000, False),
        "2026-01-19": (540, 720, 750, False),
        "2026-01-26": (705, 720, 979, False),
        "2026-02-02": (720, 720, 1000, False),
        "2026-02-09": (720, 720, 1000, False),
        **dict.fromkeys(("2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09"), (540, 540, 1000, False)),
    }
    at_1 = dict.fromkeys(("2026-03-16", "2026-03-23", "2026-03-30", "2026-04-06"), (180, 180, 1000, False))
    assert await closed_weeks(albany, dana) == at_2_1 | at_1
    assert sum(minutes for minutes, *_ in at_2_1.values()) == 5565
    weeks = await albany.said(dana, "treatment_week_closed")
    assert [w["level_min_minutes"] for w in weeks] == [540] * 9 + [0] * 4
    assert [w["prescribed_minutes"] for w in weeks] == [720] * 5 + [540] * 4 + [180] * 4

    # Money: 30 of the 44 days of A-1 are used, none after 13 March.
    days = await albany.said(dana, "treatment_day_closed")
    used = [d for d in days if d["authorization_id"] == first_authorization["authorization_id"]]
    assert sum(d["units_used_today"] for d in used) == 30
    assert sum(d["units_used_today"] for d in days) == 30
    assert max(d["local_date"] for d in used) == "2026-03-13"


async def test_luis_2_below_540_minutes_is_another_level(own_story: OPEN) -> None:
    buffalo = await own_story("buffalo", "2026-02-02T08:00")
    day = {"group_id": "morning", "dow": [MON, TUE, WED, THU, FRI], "levels": ["2.1", "1.5"]}
    await buffalo.opens("buffalo", group=day | {"start_local": "09:00", "end_local": "12:00"})

    # S1: 39 days of level 2.1 are authorized.
    luis = await buffalo.admits(
        "buffalo",
        coverage=COMMERCIAL,
        authorization=authorized(39, "2026-02-02", "2026-05-03", level=FOURTH),
        wish=wish("2026-02-02", 540, 3, "co_occurring"),
        program_id="iop-adult",
        assessment=edition_4(),
    )
    (a1,) = await buffalo.said(luis, "authorization_recorded")
    await buffalo.agrees(luis, *slots("morning", MON, WED, FRI))
    # The site is closed on Monday 16 February: that is no fault of his.
    closed = {"from_on": "2026-02-16", "to_on": "2026-02-16", "cause": "holiday"}
    await buffalo.does("/v1/sites/buffalo/closures", closed, service="scheduling", role="director")
    for monday in ("2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02"):
        first = [] if monday == "2026-02-16" else [MON]
        await live(buffalo, luis, monday, dict.fromkeys((*first, WED, FRI), 0))
    (cancelled,) = await buffalo.said(luis, "session_missed")
    assert (cancelled["local_date"], cancelled["kind"]) == ("2026-02-16", "site_cancelled")
    assert cancelled["consecutive_missed"] == 0

    # S2: one missed Wednesday breaks the floor; Thursday could still make up for it.
    await live(buffalo, luis, "2026-03-09", {MON: 0, WED: None})
    risk = (await buffalo.said(luis, "week_at_risk"))[-1]
    assert [risk[f"{k}_minutes"] for k in ("credited", "booked", "reachable", "level_min", "slack")] == [
        180,
        180,
        540,
        540,
        0,
    ]
    assert (risk["cause"], risk["lost"], len(risk["options"])) == ("no_show", False, 1)
    week = await buffalo.get(f"{luis}/week?start=2026-03-11", role="clinician", service="scheduling")
    assert [s["status"] for s in week["sessions"]] == ["attended", "no_show", "booked"]
    assert (week["credited_minutes"], week["booked_minutes"], week["level_min_minutes"]) == (180, 180, 540)
    await live(buffalo, luis, "2026-03-09", {FRI: 0})
    for monday in ("2026-03-16", "2026-03-23"):
        await live(buffalo, luis, monday, {MON: 0, WED: 0, FRI: 0})
    await live(buffalo, luis, "2026-03-30", {MON: 0})

    # S4: two days a week are no week of level 2.1.
    await buffalo.clock("2026-03-31T10:05")
    refusal = await buffalo.may_not_agree(luis, *slots("morning", MON, WED))
    assert refusal.guards == {"minutes_in_band", "min_days"}
    minutes = refusal.fact("minutes_in_band")
    assert (minutes["creditable_minutes"], minutes["min_minutes"], minutes["max_minutes"]) == (360, 540, 1199)
    await live(buffalo, luis, "2026-03-30", {WED: 0})

    # S5: A-2 is of level 1.5; that Friday stays at 2.1 and draws A-1.
    await buffalo.clock("2026-04-03T08:00")
    a2 = {"authorization_id": "a-2", "status": "approved", "unit_kind": "visit", "units_approved": 16}
    until = {"valid_from": "2026-04-06", "valid_to": "2026-06-30", "days_per_week": None}
    await buffalo.hears(
        "intake.authorization_recorded.v1", luis, level=LOWER_FOURTH, service_codes=["H0005"], **a2, **until
    )
    step = {"kind": "level_change", "to_level": LOWER_FOURTH, "to_weekly_minutes": 360}
    about = {"effective_on": "2026-04-06", "patient_agreed": True}
    await buffalo.hears("progress.step_down_approved.v1", luis, **step, **about)
    (changed,) = await buffalo.said(luis, "weekly_schedule_changed")
    assert [changed[k] for k in ("version", "planned_weekly_minutes", "days_per_week", "reason")] == [
        2,
        360,
        2,
        "step_down",
    ]
    await buffalo.agrees(luis, *slots("morning", MON, WED), effective_from="2026-04-06")
    await live(buffalo, luis, "2026-03-30", {FRI: 0})
    friday = await closed_day_after(buffalo, luis, "2026-04-03")
    assert (friday["level"], friday["authorization_id"]) == (FOURTH, a1["authorization_id"])
    assert (friday["units_used_today"], codes(friday)) == (1, {"H0015"})

    # S6: a whole Monday at 1.5 is no H0015 and nothing of A-1.
    await live(buffalo, luis, "2026-04-06", {MON: 0, WED: 0})
    lower_day = await closed_day_after(buffalo, luis, "2026-04-06")
    assert (lower_day["level"], lower_day["total_creditable_minutes"], lower_day["meets_180_min"]) == (
        LOWER_FOURTH,
        180,
        True,
    )
    assert (lower_day["authorization_id"], lower_day["units_used_today"]) == ("a-2", 0)
    assert codes(lower_day) == {"H0005"}

    # S7: a third day at 1.5 is refused: 540 minutes are another level.
    await buffalo.clock("2026-04-20T10:00")
    refusal = await buffalo.may_not_agree(luis, *slots("morning", MON, WED, FRI))
    assert refusal.guards == {"minutes_in_band"}
    assert refusal.fact("minutes_in_band")["max_minutes"] == 539

    whole = (540, 540, 1000, False)
    found = await closed_weeks(buffalo, luis)
    assert {k: v for k, v in found.items() if k < "2026-04-06"} == {
        **dict.fromkeys(("2026-02-02", "2026-02-09", "2026-02-23", "2026-03-02"), whole),
        "2026-02-16": (360, 360, 1000, True),
        "2026-03-09": (360, 540, 666, True),
        **dict.fromkeys(("2026-03-16", "2026-03-23", "2026-03-30"), whole),
    }
    weeks = await buffalo.said(luis, "treatment_week_closed")
    assert [w["week_start"] for w in weeks if w["short_week"]] == ["2026-02-16"]
    days = await buffalo.said(luis, "treatment_day_closed")
    assert sum(d["units_used_today"] for d in days if d["authorization_id"] == a1["authorization_id"]) == 25


async def closed_day_after(clinic: Clinic, episode: str, on: str) -> dict[str, Any]:
    """A day once its midnight has passed."""
    await clinic.clock(f"{date.fromisoformat(on) + timedelta(days=1)}T00:05")
    return await closed_day(clinic, episode, on)


async def test_art_and_bea_3_one_room_and_two_payers(own_story: OPEN) -> None:
    raleigh = await own_story("raleigh", "2026-02-16T08:00")
    every_day = {"kind": "relapse_prevention", "dow": [MON, TUE, WED, THU, FRI], "breaks": BREAKS}
    await raleigh.opens(
        "raleigh", group={"group_id": "one", "start_local": "09:00", "end_local": "12:00"} | every_day
    )
    two = {"group_id": "two", "start_local": "09:00", "end_local": "12:30"} | every_day
    site = {"site_id": "raleigh", "levels": ["2.1"], "capacity": 12}
    await raleigh.does("/v1/groups", site | two, service="scheduling", role="operator")
    payers = {"art": ("p-1", "commercial"), "bea": ("p-2", "medicaid")}
    person = {}
    for name, (payer, plan) in payers.items():
        person[name] = await raleigh.admits(
            "raleigh",
            coverage=COMMERCIAL | {"payer_id": payer, "plan_kind": plan},
            authorization=authorized(60, "2026-02-16", "2026-06-30"),
            wish=wish("2026-02-16", 540, 3),
            given=name.title(),
            birth_date="1988-03-02",
        )
    art, bea = person["art"], person["bea"]
    # The machine held for Bea what her payer pays, without being told of block two.
    (held,) = await raleigh.said(bea, "seat_held")
    assert ({s["group_id"] for s in held["slots"]}, held["weekly_minutes"]) == ({"two"}, 540)

    # S1: block one is 540 minutes for Art and 450 for Bea.
    await raleigh.clock("2026-02-19T14:00")
    start = {"effective_from": "2026-02-23"}
    await raleigh.agrees(art, *slots("one", MON, WED, FRI), **start)
    (agreed,) = await raleigh.said(art, "weekly_schedule_agreed")
    assert agreed["planned_weekly_minutes"] == 540
    refusal = await raleigh.may_not_agree(bea, *slots("one", MON, WED, FRI), **start)
    assert refusal.guards == {"minutes_in_band", "day_min_creditable"}
    told = refusal.fact("minutes_in_band")
    assert [told[f"{k}_minutes"] for k in ("scheduled", "creditable", "min")] == [540, 450, 540]

    # S2: four such days are enough minutes, and none of them would be paid.
    refusal = await raleigh.may_not_agree(bea, *slots("one", MON, TUE, WED, FRI), **start)
    assert refusal.guards == {"day_min_creditable"}
    assert refusal.fact("day_min_creditable")["creditable_minutes"] == dict.fromkeys("1235", 150)

    # S3: three days in a row leave four without service.
    three = slots("two", MON, TUE, WED, end="12:30")
    refusal = await raleigh.may_not_agree(bea, *three, **start)
    assert refusal.guards == {"max_gap"}
    assert (refusal.fact("max_gap")["max_gap_days"], refusal.fact("max_gap")["limit"]) == (4, 2)

    # S4: Monday, Wednesday and Friday in block two.
    longer = slots("two", MON, WED, FRI, end="12:30")
    await raleigh.agrees(bea, *longer, **start)
    (agreed,) = await raleigh.said(bea, "weekly_schedule_agreed")
    assert (agreed["planned_weekly_minutes"], agreed["max_gap_days"]) == (540, 2)
    assert "override_reason" not in agreed
    await raleigh.agrees(art, *longer, **start)
    (changed,) = await raleigh.said(art, "weekly_schedule_changed")
    assert changed["planned_weekly_minutes"] == 630
    for on in ("2026-02-23", "2026-02-25", "2026-02-27"):
        await raleigh.meets(on, present(art), present(bea), group="two")

    # S5: both behave alike.
    await raleigh.meets("2026-03-02", present(art), present(bea), group="two")
    await raleigh.meets("2026-03-04", present(art, late=25), present(bea, late=25), group="two")
    await raleigh.meets("2026-03-06", present(art, left_early=55), present(bea, left_early=55), group="two")
    lived = [(210, 30), (185, 30), (155, 25)]
    for who, creditable, units in ((art, [210, 185, 155], [1, 1, 0]), (bea, [180, 155, 130], [1, 0, 0])):
        attended = (await raleigh.said(who, "session_attended"))[-3:]
        assert [(a["present_minutes"], a["break_minutes"]) for a in attended] == lived
        assert [a["creditable_minutes"] for a in attended] == creditable
        parts = [sum(a[f"{k}_minutes"] for k in ("late", "present", "left_early")) for a in attended]
        assert parts == [210, 210, 210]
        await raleigh.clock("2026-03-09T00:01")
        days = [await closed_day(raleigh, who, f"2026-03-0{n}") for n in (2, 4, 6)]
        assert [d["units_used_today"] for d in days] == units
        assert [d["total_creditable_minutes"] for d in days] == creditable
    assert (await closed_weeks(raleigh, art))["2026-03-02"] == (550, 630, 873, False)
    assert (await closed_weeks(raleigh, bea))["2026-03-02"] == (465, 540, 861, True)
    for on in ("2026-03-09", "2026-03-11"):
        await raleigh.meets(on, present(art), present(bea), group="two")

    # S6: Art's payer is P-2 from Monday the 16th on; no day before it is counted again.
    await raleigh.clock("2026-03-12T10:00")
    new = COMMERCIAL | {"payer_id": "p-2", "plan_kind": "medicaid", "valid_from": "2026-03-16"}
    await raleigh.does(f"{art.replace('episodes', 'referrals')}/coverage", new)
    changed = (await raleigh.said(art, "weekly_schedule_changed"))[-1]
    assert [changed[k] for k in ("reason", "effective_from", "planned_weekly_minutes", "version")] == [
        "coverage",
        "2026-03-16",
        540,
        3,
    ]
    assert [s["dow"] for s in changed["slots"]] == [MON, WED, FRI]
    assert await raleigh.said(art, "schedule_infeasible") == []
    await raleigh.meets("2026-03-13", present(art), present(bea), group="two")
    for on in ("2026-03-16", "2026-03-18", "2026-03-20"):
        await raleigh.meets(on, present(art), present(bea), group="two")
    await raleigh.clock("2026-03-23T00:01")
    weeks = await closed_weeks(raleigh, art)
    assert (weeks["2026-03-09"], weeks["2026-03-16"]) == (
        (630, 630, 1000, False),
        (540, 540, 1000, False),
    )
    assert len(await raleigh.said(art, "treatment_week_closed")) == 4
    assert all(d["reopened_count"] == 0 for d in await raleigh.said(art, "treatment_day_closed"))

    # Bea's payer will credit breaks from 6 April on; what is agreed before that day is told to change on it.
    another = COMMERCIAL | {"payer_id": "p-1", "valid_from": "2026-04-06"}
    await raleigh.does(f"{bea.replace('episodes', 'referrals')}/coverage", another)
    await raleigh.agrees(bea, *longer, effective_from="2026-03-30")
    changes = [
        (c["reason"], c["planned_weekly_minutes"], c["effective_from"])
        for c in await raleigh.said(bea, "weekly_schedule_changed")
    ]
    assert changes == [
        ("coverage", 630, "2026-04-06"),
        ("patient_request", 540, "2026-03-30"),
        ("coverage", 630, "2026-04-06"),
    ]
