"""Dana (1): one whole way, from the call of her doctor to the alumni: fewer hours, then a lower level."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.journeys.vignettes.clinic import Clinic, criteria, present
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.dana import (
    CALMER,
    INTENSIVE,
    MEETINGS,
    OUTPATIENT,
    PREPARED,
    SOBER,
    agrees_on_a_week_and_a_plan,
    comes_in,
    opens,
)
from tests.journeys.vignettes.weeks import FRI, THU, TUE, WED, closed_day, closed_weeks, codes, live, visits

pytestmark = pytest.mark.slow
NINE = [1, 1, 1, 2, 1, 1, 1, 1, 0]


async def test_dana_1_one_whole_way_through_treatment(own_story: OPEN) -> None:
    albany = await own_story("albany", "2026-01-06T10:12")
    await opens(albany)
    dana = await comes_in(albany)
    goals = await agrees_on_a_week_and_a_plan(albany, dana)
    await five_weeks_of_four_days(albany, dana, goals)
    await fewer_hours(albany, dana)
    await a_lower_level(albany, dana)
    await evenings(albany, dana, goals)
    await the_weeks_add_up(albany, dana)
    await afterwards(albany, dana)


async def phq9_on_tuesday(albany: Clinic, dana: str, on: str, *answered: int) -> dict[str, Any]:
    """The weekly form, ten minutes into the group."""
    await albany.meets(on, present(dana), group="day", until="09:10")
    measured: dict[str, Any] = await albany.measures(dana, "phq9", answered)
    return measured


async def five_weeks_of_four_days(albany: Clinic, dana: str, goals: list[str]) -> None:
    sober, calmer, _ = goals
    # On Thursday of the second week nobody comes.
    measured = await phq9_on_tuesday(albany, dana, "2026-01-20", 2, 1, 1, 2, 1, 2, 1, 1, 0)
    assert (measured["total"], measured["change"], measured["reliable_change"]) == (11, -1, "none")
    await live(albany, dana, "2026-01-19", {WED: 0, THU: None, FRI: 0}, "day")
    (missed,) = await albany.said(dana, "session_missed")
    assert missed["local_date"] == "2026-01-22"
    assert [missed[k] for k in ("kind", "consecutive_missed", "scheduled_minutes")] == ["no_show", 1, 180]
    assert missed["at"].isoformat() == "2026-01-22T14:30:00+00:00"
    assert await albany.said(dana, "week_at_risk") == []

    # S11: PHQ-9 of 9 meets the second goal; the first is left, and nothing is recommended.
    measured = await phq9_on_tuesday(albany, dana, "2026-01-27", *NINE)
    told = [measured[k] for k in ("total", "band", "baseline_total", "change", "reliable_change")]
    assert told == [9, "mild", 12, -3, "none"]
    (met,) = await albany.said(dana, "goal_met")
    told = [met[k] for k in ("goal_id", "met_by", "met_on", "remaining_required")]
    assert told == [calmer, "rule", "2026-01-27", 1]
    assert met["evidence_event_ids"] == [measured["measure_id"]]
    assert await albany.on_the_table(dana) == []

    # On Wednesday of the third week she is 15 minutes late: no whole day, and no unit.
    await live(albany, dana, "2026-01-26", {WED: 15, THU: 0, FRI: 0}, "day")
    short = await closed_day(albany, dana, "2026-01-28")
    counted = [short[k] for k in ("total_creditable_minutes", "meets_180_min", "units_used_today")]
    assert (counted, codes(short)) == ([165, False, 0], set())
    await phq9_on_tuesday(albany, dana, "2026-02-03", *NINE)
    await live(albany, dana, "2026-02-02", {WED: 0, THU: 0, FRI: 0}, "day")

    # S12: with the first goal nothing required is left: less is recommended at once, to a clinician only.
    await albany.meets("2026-02-10", present(dana), group="day", until="11:30")
    assert await albany.said(dana, "step_down_recommended") == []
    await albany.attests(dana, sober)
    met = (await albany.said(dana, "goal_met"))[-1]
    assert [met[k] for k in ("goal_id", "met_by", "remaining_required")] == [sober, "clinician", 0]
    (less,) = await albany.said(dana, "step_down_recommended")
    assert (less["kind"], less["generated_by"]) == ("intensity_reduction", "rule")
    assert (less["from_level"], less["to_level"]) == (INTENSIVE, INTENSIVE)
    assert (less["from_weekly_minutes"], less["to_weekly_minutes"]) == (720, 540)
    assert less["expires_at"] == "2026-02-24T16:30:00Z"
    assert all(c["met"] for c in less["criteria"])
    assert criteria(less) == {
        "remaining_required": 0,
        "attendance_week_1": 1000,
        "attendance_week_2": 979,
        "open_safety_alerts": 0,
        "deteriorated_measures": 0,
        "substance_use_reports": 0,
        "days_since_last_step": 28,
    }
    assert (await albany.course(dana))["state"] == "ATTENDING"
    now = [e for e in await albany.said(dana, "notification_sent") if e["at"] == less["at"]]
    assert [e["template_id"] for e in now] == ["review_step_down"]
    assert await albany.on_the_table(dana) == [less["recommendation_id"]]


async def fewer_hours(albany: Clinic, dana: str) -> None:
    await live(albany, dana, "2026-02-09", {WED: 0}, "day")
    # S13: nobody steps down without agreeing; then 540 minutes from Tuesday 17 February on.
    await albany.clock("2026-02-11T15:00")
    (less,) = await albany.said(dana, "step_down_recommended")
    refusal = await albany.may_not_approve(less, "2026-02-17", patient_agreed=False)
    assert refusal.guards == {"patient_agreed"}
    await albany.approves(less, "2026-02-17")
    (approved,) = await albany.said(dana, "step_down_approved")
    assert [approved[k] for k in ("kind", "to_weekly_minutes", "effective_on", "patient_agreed")] == [
        "intensity_reduction",
        540,
        "2026-02-17",
        True,
    ]
    (changed,) = await albany.said(dana, "weekly_schedule_changed")
    assert [s["dow"] for s in changed["slots"]] == [TUE, WED, FRI]
    told = [changed[k] for k in ("version", "planned_weekly_minutes", "reason", "effective_from")]
    assert told == [2, 540, "step_down", "2026-02-17"]
    course = await albany.course(dana)
    assert (course["state"], course["stepped_down"], course["level"]) == ("ATTENDING", True, INTENSIVE)
    assert await albany.said(dana, "level_of_care_changed") == []

    # S14: the review adds a fourth goal, so no closing week recommends anything until it is met.
    await albany.meets("2026-02-12", present(dana), group="day")
    await albany.clock("2026-02-12T12:15")
    goals = await albany.signs_plan(dana, SOBER, CALMER, PREPARED, MEETINGS, review=True)
    (reviewed,) = await albany.said(dana, "treatment_plan_reviewed")
    assert (reviewed["version"], reviewed["next_review_due_on"]) == (2, "2026-03-14")
    assert goals == [g["goal_id"] for g in reviewed["goals"]]
    assert (await albany.course(dana))["remaining_required"] == 1
    await live(albany, dana, "2026-02-09", {FRI: 0}, "day")
    met = ("2026-02-18", "2026-02-22", "2026-02-25", "2026-03-01", "2026-03-04")
    for monday in ("2026-02-16", "2026-02-23", "2026-03-02"):
        tuesday = date.fromisoformat(monday) + timedelta(days=1)
        await phq9_on_tuesday(albany, dana, str(tuesday), *NINE)
        await live(albany, dana, monday, {WED: 0, FRI: 0}, "day")
        today = str(tuesday + timedelta(days=3))
        logged = [a["on"] for a in await albany.said(dana, "recovery_activity_logged")]
        for on in (on for on in met if on <= today and on not in logged):
            await logs_a_meeting(albany, dana, on)
    assert len(await albany.said(dana, "step_down_recommended")) == 1


async def logs_a_meeting(albany: Clinic, dana: str, on: str) -> None:
    meeting = {"kind": "meeting_12step", "on": on, "minutes": 60}
    await albany.cares(dana, "recovery-activities", meeting)


async def a_lower_level(albany: Clinic, dana: str) -> None:
    # S15: the sixth meeting in 28 days. No rung below 540 is at least 540: the level changes.
    await albany.clock("2026-03-07T20:05")
    await logs_a_meeting(albany, dana, "2026-03-07")
    logged = await albany.said(dana, "recovery_activity_logged")
    met = (await albany.said(dana, "goal_met"))[-1]
    assert [met[k] for k in ("category", "met_by", "remaining_required")] == ["support_network", "rule", 0]
    assert set(met["evidence_event_ids"]) == {a["activity_id"] for a in logged}
    _, lower = await albany.said(dana, "step_down_recommended")
    assert (lower["kind"], lower["from_level"], lower["to_level"]) == ("level_change", INTENSIVE, OUTPATIENT)
    assert (lower["from_weekly_minutes"], lower["to_weekly_minutes"]) == (540, 180)
    assert lower["expires_at"] == "2026-03-22T01:05:00Z"
    found = criteria(lower)
    assert (found["days_since_last_step"], found["remaining_required"]) == (18, 0)
    weeks = {w["week_start"]: w["id"] for w in await albany.said(dana, "treatment_week_closed")}
    behind = [c["evidence"][0] for c in lower["criteria"] if c["id"].startswith("attendance_week")]
    assert behind == [weeks["2026-02-23"], weeks["2026-02-16"]]

    # S16: level 1 is not authorized yet.
    await albany.clock("2026-03-09T10:00")
    assert (await albany.may_not_approve(lower, "2026-03-16")).guards == {"authorization"}
    await phq9_on_tuesday(albany, dana, "2026-03-10", *NINE)
    await live(albany, dana, "2026-03-09", {WED: 0}, "day")

    # S17: A-2 is of level 1, by visits, from Monday 16 March on; that level meets in the evening.
    await albany.clock("2026-03-11T13:00")
    a2 = visits(OUTPATIENT, 24, "2026-03-16", "2026-06-30")
    await albany.does(f"{dana.replace('episodes', 'referrals')}/authorization", a2)
    await albany.approves(lower, "2026-03-16")
    given = (await albany.said(dana, "authorization_recorded"))[-1]
    (relevelled,) = await albany.said(dana, "level_of_care_changed")
    told = [relevelled[k] for k in ("from_level", "to_level", "effective_on", "authorization_required")]
    assert told == [INTENSIVE, OUTPATIENT, "2026-03-16", True]
    approved = (await albany.said(dana, "step_down_approved"))[-1]
    assert approved["authorization_id"] == given["authorization_id"]
    changed = (await albany.said(dana, "weekly_schedule_changed"))[-1]
    assert [(s["dow"], s["start_local"], s["end_local"]) for s in changed["slots"]] == [
        (TUE, "17:00", "19:00"),
        (THU, "17:00", "18:00"),
    ]
    assert (changed["version"], changed["planned_weekly_minutes"]) == (3, 180)
    course = await albany.course(dana)
    assert (course["state"], course["stepped_down"]) == ("ATTENDING", True)

    # The plan is reviewed before 14 March.
    await albany.clock("2026-03-12T12:00")
    await albany.signs_plan(dana, SOBER, CALMER, PREPARED, MEETINGS, review=True)
    await live(albany, dana, "2026-03-09", {FRI: 0}, "day")


async def evenings(albany: Clinic, dana: str, goals: list[str]) -> None:
    for monday in ("2026-03-16", "2026-03-23", "2026-03-30"):
        tuesday = date.fromisoformat(monday) + timedelta(days=1)
        await albany.meets(str(tuesday), present(dana), group="evening")
        await albany.meets(str(tuesday + timedelta(days=2)), present(dana), group="shorter")

    # S18: two evenings a week, no H0015 and nothing of A-1 any more.
    evening_day = await closed_day(albany, dana, "2026-03-17")
    given = (await albany.said(dana, "authorization_recorded"))[-1]
    assert (evening_day["level"], codes(evening_day)) == (OUTPATIENT, {"H0005"})
    assert (evening_day["total_creditable_minutes"], evening_day["meets_180_min"]) == (120, False)
    assert evening_day["authorization_id"] == given["authorization_id"]

    # S19: what was measured at the start is measured at the end.
    await albany.clock("2026-04-07T17:05")
    about = ("total", "band", "change", "reliable_change", "response", "remission")
    measured = await albany.measures(dana, "phq9", [1, 0, 1, 1, 0, 1, 0, 0, 0])
    assert [measured[k] for k in about] == [4, "minimal", -8, "improved", True, True]
    measured = await albany.measures(dana, "gad7", [1, 0, 1, 0, 1, 0, 0])
    assert [measured[k] for k in about[:4]] == [3, "minimal", -6, "improved"]
    profile = await albany.measures(dana, "bam", [0] * 17, version="likert")
    assert (profile["subscales"]["use"], profile["baseline"]["use"]) == (0, 4)
    await albany.meets("2026-04-07", present(dana), group="evening")

    # S20: the last session; the third goal is met, and the plan is reviewed in time.
    await albany.meets("2026-04-09", present(dana), group="shorter")
    await albany.attests(dana, goals[2])
    met = (await albany.said(dana, "goal_met"))[-1]
    assert [met[k] for k in ("goal_id", "category", "met_by")] == [
        goals[2],
        "relapse_prevention",
        "clinician",
    ]
    await albany.signs_plan(dana, SOBER, CALMER, PREPARED, MEETINGS, review=True)
    assert not [p for p in await albany.said(dana, "plan_review_due") if p["overdue"]]

    # S21: the week of 6 April is not closed.
    await albany.clock("2026-04-10T11:00")
    assert (await albany.may_not(dana, "aftercare", AFTERCARE)).guards == {"last_week_closed"}


AFTERCARE = {
    "meeting_on": "2026-04-09",
    "components": ["twelve_step", "alumni"],
    "relapse_prevention_plan": True,
}


async def the_weeks_add_up(albany: Clinic, dana: str) -> None:
    """Every week and every day as they were counted, and what A-1 paid for."""
    await albany.clock("2026-04-13T09:00")
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
    first = (await albany.said(dana, "authorization_recorded"))[0]["authorization_id"]
    used = [d for d in days if d["authorization_id"] == first]
    assert sum(d["units_used_today"] for d in used) == 30
    assert sum(d["units_used_today"] for d in days) == 30
    assert max(d["local_date"] for d in used) == "2026-03-13"
    a1 = (await albany.get(dana.replace("episodes", "referrals")))["authorizations"][0]
    assert (a1["units_used"], a1["units_left"]) == (30, 14)


async def afterwards(albany: Clinic, dana: str) -> None:
    # S22: the week has closed; no extension was ever asked for.
    last = (await albany.said(dana, "treatment_week_closed"))[-1]
    assert last["at"].isoformat().startswith("2026-04-13T04:00")
    await albany.cares(dana, "aftercare", AFTERCARE)
    (planned,) = await albany.said(dana, "aftercare_planned")
    told = [planned[k] for k in ("relapse_prevention_plan", "checkin_cadence_days", "until_on")]
    assert told == [True, 14, "2026-07-12"]
    assert (await albany.course(dana))["state"] == "AFTERCARE"
    assert await albany.said(dana, "extension_requested") == []

    # S23: six calls, a fortnight apart.
    calls = ("2026-04-27", "2026-05-11", "2026-05-25", "2026-06-08", "2026-06-22", "2026-07-06")
    for day in calls:
        await albany.clock(f"{day}T10:00")
        await albany.cares(dana, "check-ins", {"reached": True, "status_summary": "stable"})
    completed = await albany.said(dana, "check_in_completed")
    assert [(c["due_on"], c["status_summary"]) for c in completed] == [(day, "stable") for day in calls]
    assert await albany.said(dana, "check_in_missed") == []

    # S24: an alumna, and discharged: 86 days from admission to the last service.
    await albany.clock("2026-07-13T09:30")
    await albany.cares(dana, "alumni", {"consented": True})
    (enrolled,) = await albany.said(dana, "alumni_enrolled")
    assert enrolled["enrolled_on"] == "2026-07-13"
    assert (await albany.course(dana))["state"] == "ALUMNI"
    await albany.cares(dana, "discharge", {"reason": "completed_goals"})
    (discharged,) = await albany.said(dana, "patient_discharged")
    told = [discharged[k] for k in ("reason", "discharged_on", "last_service_on", "los_days", "teds_reason")]
    assert told == ["completed_goals", "2026-07-13", "2026-04-09", 86, "completed"]
    assert discharged["at"].isoformat() == "2026-07-13T13:30:00+00:00"
    told = [discharged[k] for k in ("level_at_discharge", "goals_total", "goals_met")]
    assert told == [OUTPATIENT, 4, 4]
    assert (await albany.course(dana))["state"] == "DISCHARGED"
    assert await albany.transitions(dana) == ["T13", "T14", "T27", "T29", "T30"]
