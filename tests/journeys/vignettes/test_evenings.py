"""Ivy and Ike (7): PHQ-9 item 9 while everything else improves."""

from datetime import date, timedelta

from tests.journeys.vignettes.clinic import Clinic, answers, criteria, goal, present
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import COMMERCIAL, MON, THU, WED, authorized, closed_weeks, wish

EVENING = {"group_id": "evening", "dow": [MON, WED, THU], "start_local": "18:00", "end_local": "21:00"}
INTENSIVE, OUTPATIENT = {"edition": "3", "code": "2.1"}, {"edition": "3", "code": "1"}
LOW = [1, 0, None, None, None, 0]
HIGH = [1, 1, 1, 0, 0, 1]


async def admitted(albany: Clinic, name: str) -> str:
    episode = await albany.admits(
        "albany",
        coverage=COMMERCIAL,
        authorization=authorized(60, "2026-04-06", "2026-07-31"),
        wish=wish("2026-04-06", 540, 3),
        program_id="adult_sud_evening",
        screened=answers(phq9=[2, 2, 2, 3, 2, 2, 2, 1, 0]),
        given=name,
    )
    await albany.agrees(episode)
    return episode


async def test_ivy_and_ike_7_one_item_while_everything_else_improves(own_story: OPEN) -> None:
    albany = await own_story("albany-evening", "2026-04-06T09:00")
    await albany.opens("albany", group=EVENING)
    ivy, ike = await admitted(albany, "Ivy"), await admitted(albany, "Ike")

    # S1: 90 days; both are there every evening, and nothing stands between Thursday and Monday.
    (begun,) = await albany.said(ivy, "patient_admitted")
    assert (begun["admitted_on"], begun["planned_end_on"]) == ("2026-04-06", "2026-07-05")
    phq9 = next(r for r in begun["baseline"] if r["instrument"] == "phq9")
    assert (phq9["total"], phq9["band"]) == (16, "moderately_severe")
    (agreed,) = await albany.said(ivy, "weekly_schedule_agreed")
    assert (agreed["planned_weekly_minutes"], agreed["max_gap_days"]) == (540, 3)
    (safe,) = await albany.signs_plan(ivy, goal("coping_skills"))
    for monday in ("2026-04-06", "2026-04-13", "2026-04-20", "2026-04-27"):
        for dow in (MON, WED, THU):
            on = str(date.fromisoformat(monday) + timedelta(days=dow - 1))
            await albany.meets(on, present(ivy), present(ike))
            if on == "2026-04-29":
                measured = await albany.measures(ivy, "phq9", [1, 1, 1, 2, 1, 1, 1, 1, 0])
                assert (measured["total"], measured["baseline_total"], measured["change"]) == (9, 16, -7)

    # S2: the last required goal is met: level 1 is recommended.
    await albany.clock("2026-05-04T17:00")
    assert (await closed_weeks(albany, ivy))["2026-04-27"] == (540, 540, 1000, False)
    await albany.attests(ivy, safe)
    met = (await albany.said(ivy, "goal_met"))[-1]
    assert [met[k] for k in ("goal_id", "met_by", "remaining_required")] == [safe, "clinician", 0]
    (first,) = await albany.said(ivy, "step_down_recommended")
    assert (first["kind"], first["from_level"], first["to_level"]) == ("level_change", INTENSIVE, OUTPATIENT)
    assert (first["from_weekly_minutes"], first["to_weekly_minutes"]) == (540, 180)
    assert first["expires_at"] == "2026-05-18T21:00:00Z"
    found = criteria(first)
    assert [found[k] for k in ("attendance_week_1", "attendance_week_2", "days_since_last_step")] == [
        1000,
        1000,
        28,
    ]
    await albany.meets("2026-05-04", present(ivy), present(ike))
    await one_evening(albany, ivy, ike)
    await a_person_closes_the_alert(albany, ivy)


async def one_evening(albany: Clinic, ivy: str, ike: str) -> None:
    (first,) = await albany.said(ivy, "step_down_recommended")
    await albany.meets("2026-05-06", present(ivy), present(ike), until="20:50")

    # S3: a good total and one answer: somebody looks at once, and less is no longer recommended.
    measured = await albany.measures(ivy, "phq9", [1, 1, 1, 1, 0, 1, 1, 0, 1])
    told = [measured[k] for k in ("total", "band", "previous_total", "baseline_total", "change")]
    assert told == [7, "mild", 9, 16, -9]
    told = [measured[k] for k in ("reliable_change", "response", "remission", "flags")]
    assert told == ["improved", True, False, ["item_9"]]
    (alert,) = await albany.said(ivy, "safety_alert_raised")
    told = [alert[k] for k in ("kind", "severity", "due_ack_at")]
    assert told == ["suicide_risk", "moderate", "2026-05-07T04:00:00Z"]
    (gone,) = await albany.said(ivy, "recommendation_declined")
    told = [gone[k] for k in ("recommendation_id", "by", "reason")]
    assert told == [first["recommendation_id"], "system", "criteria_no_longer_met"]
    assert await told_since(albany, ivy, "2026-05-07T00:50") == {("safety_alert", "clinician")}

    # S6: Ike is no better, and says so.
    await albany.clock("2026-05-06T20:55")
    measured = await albany.measures(ike, "phq9", [2, 2, 2, 2, 1, 2, 2, 1, 1])
    assert (measured["total"], measured["band"]) == (15, "moderately_severe")
    (raised,) = await albany.said(ike, "safety_alert_raised")
    assert raised["severity"] == "moderate"

    # S4: taken in hand at 21:02; a screen that says low takes nothing back.
    await albany.clock("2026-05-06T21:02")
    await albany.cares(ivy, f"safety-alerts/{alert['alert_id']}/acknowledge")
    (taken,) = await albany.said(ivy, "safety_alert_acknowledged")
    assert (taken["acknowledged_at"], taken["late"]) == ("2026-05-07T01:02:00Z", False)
    await albany.clock("2026-05-06T21:05")
    assert (await albany.measures(ivy, "cssrs", LOW))["band"] == "low"
    (standing,) = (await albany.course(ivy))["alerts"]
    assert (standing["severity"], standing["acknowledged"]) == ("moderate", True)
    assert await albany.said(ivy, "safety_alert_resolved") == []
    assert len(await albany.said(ivy, "safety_alert_raised")) == 1

    # S6: the same alert of Ike's rises, quiet hours or not; more treatment is recommended, and nothing moves.
    await albany.clock("2026-05-06T21:10")
    await albany.measures(ike, "cssrs", HIGH)
    risen = (await albany.said(ike, "safety_alert_raised"))[-1]
    told = [risen[k] for k in ("alert_id", "severity", "due_ack_at")]
    assert told == [raised["alert_id"], "high", "2026-05-07T01:25:00Z"]
    (more,) = await albany.said(ike, "step_up_recommended")
    assert (more["trigger"], more["urgency"]) == ("safety", "urgent")
    assert more["to_weekly_minutes"] > more["from_weekly_minutes"] == 540
    assert await albany.transitions(ike) == ["T13", "T14"]
    assert await told_since(albany, ike, "2026-05-07T01:10") == {
        ("safety_alert", "clinician"),
        ("review_step_up", "clinician"),
    }
    await albany.clock("2026-05-06T21:18")
    await albany.cares(ike, f"safety-alerts/{risen['alert_id']}/acknowledge")
    (taken,) = await albany.said(ike, "safety_alert_acknowledged")
    assert (taken["acknowledged_at"], taken["late"]) == ("2026-05-07T01:18:00Z", False)
    # Whatever they answered, nobody wrote to either of them.
    for who in (ivy, ike):
        assert await albany.told(who, "2026-05-07T00:50", "patient") == []
    await albany.cares(f"/v1/recommendations/{more['recommendation_id']}", "review")
    assert (await albany.course(ike))["state"] == "STEP_UP_PENDING"
    assert await albany.transitions(ike) == ["T13", "T14", "T23"]


async def told_since(clinic: Clinic, episode: str, instant: str) -> set[tuple[str, str]]:
    """Which messages left the house from an instant on, and to whom."""
    sent = await clinic.said(episode, "notification_sent")
    return {(m["template_id"], m["recipient_role"]) for m in sent if m["sent_at"] >= instant}


async def a_person_closes_the_alert(albany: Clinic, ivy: str) -> None:
    # S5: with the alert closed every criterion holds again: a new recommendation, and the old one stays gone.
    (first,) = await albany.said(ivy, "step_down_recommended")
    (alert,) = (await albany.course(ivy))["alerts"]
    await albany.clock("2026-05-07T10:00")
    await albany.cares(ivy, f"safety-alerts/{alert['id']}/resolve", {"plan_ref": "plan-7"})
    (resolved,) = await albany.said(ivy, "safety_alert_resolved")
    assert (resolved["plan_ref"], resolved["resolved_at"]) == ("plan-7", "2026-05-07T14:00:00Z")
    second = (await albany.said(ivy, "step_down_recommended"))[-1]
    assert second["recommendation_id"] != first["recommendation_id"]
    assert second["expires_at"] == "2026-05-21T14:00:00Z"
    assert await albany.on_the_table(ivy) == [second["recommendation_id"]]
    await albany.clock("2026-05-07T10:05")
    assert "open" in (await albany.may_not_approve(first, "2026-05-11")).guards
