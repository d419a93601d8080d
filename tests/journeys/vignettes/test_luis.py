"""Luis (2): below 540 minutes is another level, whatever it is called."""

from typing import Any

import pytest

from tests.journeys.vignettes.clinic import Clinic, criteria, edition_4, goal, present
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import (
    COMMERCIAL,
    FRI,
    MON,
    THU,
    TUE,
    WED,
    authorized,
    closed_day,
    closed_day_after,
    closed_weeks,
    codes,
    live,
    slots,
    visits,
    wish,
)

pytestmark = pytest.mark.slow
FOURTH = {"edition": "4", "code": "2.1"}
LOWER_FOURTH = {"edition": "4", "code": "1.5"}
THREE_DAYS = dict.fromkeys((MON, WED, FRI), 0)


def down(kind: str, minutes: int, **more: Any) -> dict[str, Any]:
    return {"direction": "step_down", "kind": kind, "to_weekly_minutes": minutes} | more


async def test_luis_2_below_540_minutes_is_another_level(own_story: OPEN) -> None:
    buffalo = await own_story("buffalo", "2026-02-02T08:00")
    hours = {"start_local": "09:00", "end_local": "12:00"}
    early = {"group_id": "morning", "dow": [MON, TUE, WED, THU], "levels": ["2.1", "1.5"]}
    await buffalo.opens("buffalo", group=early | hours)
    late = {"group_id": "friday", "dow": [FRI], "levels": ["2.1"], "capacity": 12}
    site = {"site_id": "buffalo", "kind": "relapse_prevention"}
    await buffalo.does("/v1/groups", site | late | hours, service="scheduling", role="operator")

    # S1: 39 days of level 2.1 are authorized, for 90 days.
    luis = await buffalo.admits(
        "buffalo",
        coverage=COMMERCIAL,
        authorization=authorized(39, "2026-02-02", "2026-05-03", level=FOURTH),
        wish=wish("2026-02-02", 540, 3, "co_occurring"),
        program_id="iop-adult",
        assessment=edition_4(),
    )
    (admitted,) = await buffalo.said(luis, "patient_admitted")
    about = ("admitted_on", "planned_end_on", "prescribed_weekly_minutes", "level")
    assert [admitted[k] for k in about] == ["2026-02-02", "2026-05-03", 540, FOURTH]
    (a1,) = await buffalo.said(luis, "authorization_recorded")
    assert (a1["units_approved"], a1["valid_to"]) == (39, "2026-05-03")
    await buffalo.agrees(luis, *slots("morning", MON, WED), *slots("friday", FRI))
    goals = await buffalo.signs_plan(luis, goal("sobriety"), goal("mental_health"))
    await the_weeks_until_march(buffalo, luis)
    await less_is_recommended(buffalo, luis, goals)
    await two_days_are_another_level(buffalo, luis)
    await the_level_changes(buffalo, luis)
    await the_third_day(buffalo, luis)
    await the_weeks_add_up(buffalo, luis)


async def the_weeks_until_march(buffalo: Clinic, luis: str) -> None:
    # The site is closed on Monday 16 February: that is no fault of his.
    closed = {"from_on": "2026-02-16", "to_on": "2026-02-16", "cause": "holiday"}
    await buffalo.does("/v1/sites/buffalo/closures", closed, service="scheduling", role="director")
    for monday in ("2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02"):
        first = [] if monday == "2026-02-16" else [MON]
        await live(buffalo, luis, monday, dict.fromkeys((*first, WED, FRI), 0))
    found = await buffalo.get("/v1/sessions?on=2026-02-16", role="clinician", service="scheduling")
    assert [s["cancelled"] for s in found["items"]] == ["holiday"]
    (cancelled,) = await buffalo.said(luis, "session_missed")
    assert (cancelled["local_date"], cancelled["kind"]) == ("2026-02-16", "site_cancelled")
    assert cancelled["consecutive_missed"] == 0

    # S2: one missed Wednesday breaks the floor; Thursday could still make up for it.
    await live(buffalo, luis, "2026-03-09", {MON: 0, WED: None})
    risk = (await buffalo.said(luis, "week_at_risk"))[-1]
    minutes = [risk[f"{k}_minutes"] for k in ("credited", "booked", "reachable", "level_min", "slack")]
    assert minutes == [180, 180, 540, 540, 0]
    assert (risk["cause"], risk["lost"], len(risk["options"])) == ("no_show", False, 1)
    assert ("week_at_risk", "care_team") in await buffalo.told(luis, "2026-03-11T13:30")
    missed = (await buffalo.said(luis, "session_missed"))[-1]
    assert (missed["at"].isoformat(), missed["consecutive_missed"]) == ("2026-03-11T13:30:00+00:00", 1)
    week = await buffalo.get(f"{luis}/week?start=2026-03-11", role="clinician", service="scheduling")
    assert [s["status"] for s in week["sessions"]] == ["attended", "no_show", "booked"]
    assert (week["credited_minutes"], week["booked_minutes"], week["level_min_minutes"]) == (180, 180, 540)
    await live(buffalo, luis, "2026-03-09", {FRI: 0})


async def less_is_recommended(buffalo: Clinic, luis: str, goals: list[str]) -> None:
    first, last = goals
    await buffalo.attests(luis, first)
    await live(buffalo, luis, "2026-03-16", THREE_DAYS)

    # S3: the last required goal is met, but the week of the 9th was a poor one until two better follow.
    await buffalo.clock("2026-03-20T15:00")
    await buffalo.attests(luis, last)
    assert (await buffalo.course(luis))["remaining_required"] == 0
    for instant in ("2026-03-20T15:00", "2026-03-23T00:01"):
        await buffalo.clock(instant)
        assert await buffalo.said(luis, "step_down_recommended", "step_up_recommended") == []
    await live(buffalo, luis, "2026-03-23", THREE_DAYS)
    await buffalo.clock("2026-03-30T00:01")
    (rule,) = await buffalo.said(luis, "step_down_recommended")
    assert rule["at"].isoformat().startswith("2026-03-30T04:00")
    assert (rule["kind"], rule["from_level"], rule["to_level"]) == ("level_change", FOURTH, LOWER_FOURTH)
    assert (rule["from_weekly_minutes"], rule["to_weekly_minutes"]) == (540, 180)
    found = criteria(rule)
    assert (found["attendance_week_1"], found["attendance_week_2"]) == (1000, 1000)
    await live(buffalo, luis, "2026-03-30", {MON: 0})


async def two_days_are_another_level(buffalo: Clinic, luis: str) -> None:
    # S4: two days a week are no week of level 2.1.
    (rule,) = await buffalo.said(luis, "step_down_recommended")
    for at, minutes, guard in (
        ("10:00", 360, "band"),
        ("10:02", 539, "band"),
        ("10:03", 540, "fewer_minutes"),
    ):
        await buffalo.clock(f"2026-03-31T{at}")
        refusal = await buffalo.may_not(luis, "recommendations", down("intensity_reduction", minutes))
        assert refusal.guards == {guard}
        found = refusal.fact(guard)
        assert [found[f"{k}_minutes"] for k in ("from", "to", "min")] == [540, minutes, 540]
    await buffalo.clock("2026-03-31T10:05")
    refusal = await buffalo.may_not_agree(luis, *slots("morning", MON, WED))
    assert refusal.guards == {"minutes_in_band", "min_days"}
    asked = refusal.fact("minutes_in_band")
    assert (asked["creditable_minutes"], asked["min_minutes"], asked["max_minutes"]) == (360, 540, 1199)

    # 10:10: what the clinician recommends takes the place of what the machine did.
    await buffalo.clock("2026-03-31T10:10")
    await buffalo.cares(luis, "recommendations", down("level_change", 360, to_level=LOWER_FOURTH))
    own = (await buffalo.said(luis, "step_down_recommended"))[-1]
    assert (own["generated_by"], own["to_weekly_minutes"]) == ("clinician", 360)
    (gone,) = await buffalo.said(luis, "recommendation_declined")
    withdrawn = [gone[k] for k in ("recommendation_id", "by", "reason")]
    assert withdrawn == [rule["recommendation_id"], "system", "superseded"]
    assert await buffalo.on_the_table(luis) == [own["recommendation_id"]]
    for at, step, agreed, guards in (
        ("10:12", own, False, {"patient_agreed", "authorization"}),
        ("10:15", own, True, {"authorization"}),
        ("10:20", rule, True, {"open", "authorization"}),
    ):
        await buffalo.clock(f"2026-03-31T{at}")
        refusal = await buffalo.may_not_approve(step, "2026-04-06", patient_agreed=agreed)
        assert refusal.guards == guards
    await live(buffalo, luis, "2026-03-30", {WED: 0})


async def the_level_changes(buffalo: Clinic, luis: str) -> None:
    # S5: a payer who has not decided has not said yes; A-2 is of level 1.5, from Monday on.
    own = (await buffalo.said(luis, "step_down_recommended"))[-1]
    payer = f"{luis.replace('episodes', 'referrals')}/authorization"
    asked = visits(LOWER_FOURTH, 16, "2026-04-06", "2026-06-30")
    await buffalo.clock("2026-04-02T09:00")
    await buffalo.does(payer, asked | {"status": "pended"})
    assert (await buffalo.may_not_approve(own, "2026-04-06")).guards == {"authorization"}
    a1, a2 = [a["authorization_id"] for a in await buffalo.said(luis, "authorization_recorded")]
    await live(buffalo, luis, "2026-03-30", {FRI: 0})
    await buffalo.clock("2026-04-03T14:00")
    await buffalo.does(payer, asked | {"authorization_id": a2})
    await buffalo.clock("2026-04-03T14:10")
    await buffalo.approves(own, "2026-04-06")
    (approved,) = await buffalo.said(luis, "step_down_approved")
    told = [approved[k] for k in ("recommendation_id", "effective_on", "authorization_id")]
    assert told == [own["recommendation_id"], "2026-04-06", a2]
    (relevelled,) = await buffalo.said(luis, "level_of_care_changed")
    told = [relevelled[k] for k in ("from_level", "to_level", "effective_on")]
    assert told == [FOURTH, LOWER_FOURTH, "2026-04-06"]
    (changed,) = await buffalo.said(luis, "weekly_schedule_changed")
    about = ("version", "planned_weekly_minutes", "days_per_week", "reason", "effective_from")
    assert [changed[k] for k in about] == [2, 360, 2, "step_down", "2026-04-06"]
    assert [(s["dow"], s["start_local"], s["end_local"]) for s in changed["slots"]] == [
        (MON, "09:00", "12:00"),
        (WED, "09:00", "12:00"),
    ]
    course = await buffalo.course(luis)
    assert (course["state"], course["stepped_down"], course["weekly_minutes"]) == ("ATTENDING", True, 360)

    # That Friday stays at 2.1 and draws A-1.
    friday = await closed_day_after(buffalo, luis, "2026-04-03")
    assert (friday["level"], friday["authorization_id"]) == (FOURTH, a1)
    assert (friday["units_used_today"], codes(friday)) == (1, {"H0015"})

    # S6: a whole Monday at 1.5 is no H0015 and nothing of A-1.
    for monday in ("2026-04-06", "2026-04-13"):
        await live(buffalo, luis, monday, {MON: 0, WED: 0})
    first = await closed_day(buffalo, luis, "2026-04-06")
    counted = [first[k] for k in ("level", "total_creditable_minutes", "meets_180_min")]
    assert counted == [LOWER_FOURTH, 180, True]
    assert (first["authorization_id"], first["units_used_today"], codes(first)) == (a2, 0, {"H0005"})


async def the_third_day(buffalo: Clinic, luis: str) -> None:
    # S7: a third day at 1.5 is refused, however it is asked for: 540 minutes are another level.
    await buffalo.meets("2026-04-20", present(luis), until="10:00")
    refusal = await buffalo.may_not_agree(luis, *slots("morning", MON, WED, THU))
    assert refusal.guards == {"minutes_in_band"}
    assert refusal.fact("minutes_in_band")["max_minutes"] == 539
    more = {"direction": "step_up", "to_weekly_minutes": 540}
    refusal = await buffalo.may_not(luis, "recommendations", more | {"kind": "intensity_increase"})
    assert refusal.guards == {"band"}
    assert refusal.fact("band")["max_minutes"] == 539

    # The right way is the level: A-1 runs until 3 May, and no longer.
    await buffalo.cares(luis, "recommendations", more | {"kind": "level_change", "to_level": FOURTH})
    (up,) = await buffalo.said(luis, "step_up_recommended")
    assert (up["trigger"], up["kind"], up["to_level"]) == ("clinician", "level_change", FOURTH)
    assert (await buffalo.may_not_approve(up, "2026-05-04")).guards == {"authorization"}
    await buffalo.approves(up, "2026-04-27")
    (raised,) = await buffalo.said(luis, "step_up_approved")
    told = [raised[k] for k in ("recommendation_id", "kind", "to_level", "to_weekly_minutes")]
    assert told == [up["recommendation_id"], "level_change", FOURTH, 540]
    relevelled = (await buffalo.said(luis, "level_of_care_changed"))[-1]
    told = [relevelled[k] for k in ("from_level", "to_level", "effective_on")]
    assert told == [LOWER_FOURTH, FOURTH, "2026-04-27"]
    changed = (await buffalo.said(luis, "weekly_schedule_changed"))[-1]
    told = [changed[k] for k in ("planned_weekly_minutes", "days_per_week", "reason", "effective_from")]
    assert told == [540, 3, "step_up", "2026-04-27"]
    course = await buffalo.course(luis)
    assert (course["state"], course["stepped_down"], course["level"]) == ("ATTENDING", False, FOURTH)


async def the_weeks_add_up(buffalo: Clinic, luis: str) -> None:
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
    first = (await buffalo.said(luis, "authorization_recorded"))[0]["authorization_id"]
    assert sum(d["units_used_today"] for d in days if d["authorization_id"] == first) == 25
    a1 = (await buffalo.get(luis.replace("episodes", "referrals")))["authorizations"][0]
    assert (a1["units_used"], a1["units_left"]) == (25, 14)
    # Nobody was chased for a holiday or one missed day; he heard of his times, and of nothing else.
    assert "outreach" not in [template for template, _ in await buffalo.told(luis)]
    assert {template for template, _ in await buffalo.told(luis, role="patient")} == {
        "appointment_times",
        "appointment_changed",
        "appointment_cancelled",
        "appointment_missed",
        "form_waiting",
    }
