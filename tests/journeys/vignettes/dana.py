"""Dana's first days (1): from the call of her doctor to a signed plan."""

from tests.journeys.vignettes.clinic import ASSESSED, PACK, Clinic, answers, goal, present, screening
from tests.journeys.vignettes.weeks import COMMERCIAL, FRI, THU, TUE, WED, authorized, live, wish

OUTPATIENT = {"edition": "3", "code": "1"}
INTENSIVE = {"edition": "3", "code": "2.1"}
SOBER = goal("sobriety")
CALMER = goal("mental_health", kind="instrument", instrument="phq9", comparator="<=", target=9, window_days=7)
PREPARED = goal("relapse_prevention", required=False)
MEETINGS = goal(
    "support_network", kind="count", instrument="meeting_12step", comparator=">=", target=6, window_days=28
)
TREATMENT, TPO, CONTACT = PACK
ANALYTICS = {"id": "analytics", "kind": "analytics"}
CONSENTS = (
    TREATMENT,
    TPO | {"recipients": [*TPO["recipients"], ANALYTICS], "purposes": [*TPO["purposes"], "HOPERAT"]},
    CONTACT,
)
"""The standard consents; hers name the analytics too."""


async def opens(albany: Clinic) -> None:
    """By day four times a week, and for those at level 1 on two evenings."""
    day = {"group_id": "day", "dow": [TUE, WED, THU, FRI], "start_local": "09:00", "end_local": "12:00"}
    await albany.opens("albany", group=day)
    evening = {"group_id": "evening", "dow": [TUE], "start_local": "17:00", "end_local": "19:00"}
    shorter = {"group_id": "shorter", "dow": [THU], "start_local": "17:00", "end_local": "18:00"}
    for group in (evening, shorter):
        more = {"site_id": "albany", "kind": "relapse_prevention", "levels": ["1"], "capacity": 12}
        await albany.does("/v1/groups", more | group, service="scheduling", role="operator")


async def comes_in(albany: Clinic) -> str:
    """From the call to the morning of the admission; the path to her episode."""
    # S1: the family doctor refers by phone. There is no contact consent: nothing goes to Dana.
    dana = await albany.refers(site="albany", source="pcp", birth_date="1991-05-02")
    (received,) = await albany.said(dana, "referral_received")
    assert (received["source"], received["urgency"]) == ("pcp", "routine")
    assert await albany.stage(dana) == "REFERRED"
    assert await albany.told(dana) == [("new_referral", "admissions")]

    # S2: a screening before any consent is refused.
    await albany.clock("2026-01-07T13:30")
    assert (await albany.refuses(f"{dana}/screening", screening())).guards == {"treatment_consent"}

    # S3: consents, then the whole screening. AUDIT 21 asks for a withdrawal scale first.
    await albany.clock("2026-01-07T14:00")
    await albany.signs(dana, *CONSENTS)
    told = answers(
        phq9=[2, 2, 1, 2, 1, 2, 1, 1, 0],
        gad7=[2, 1, 2, 1, 1, 1, 1],
        audit=[4, 2, 3, 2, 2, 1, 2, 1, 2, 2],
    )
    bam = dict.fromkeys(range(1, 18), 0) | {4: 2, 5: 2, 6: 0}
    bam |= dict(zip((1, 2, 3, 8, 11, 15), (2, 2, 3, 2, 2, 1), strict=True))
    bam |= dict(zip((9, 10, 12, 13, 14, 16), (2, 2, 1, 2, 2, 2), strict=True))
    told.append({"instrument": "bam", "version": "likert", "answers": [bam[n] for n in range(1, 18)]})
    without_a_scale = screening(told, withdrawal_risk=None)
    assert "withdrawal_screen" in (await albany.refuses(f"{dana}/screening", without_a_scale)).guards
    told += answers(ciwa_ar=[1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    await albany.does(f"{dana}/screening", screening(told, withdrawal_risk=None))
    granted = {c["kind"]: c for c in await albany.said(dana, "consent_granted")}
    assert granted.keys() == {c["kind"] for c in PACK}
    assert {r["id"] for r in granted["part2_tpo"]["recipients"]} == {"ehr", "biller", "payer", "analytics"}
    (screened,) = await albany.said(dana, "patient_screened")
    found = {r["instrument"]: r for r in screened["results"]}
    assert {name: (found[name]["total"], found[name]["band"]) for name in ("phq9", "gad7", "ciwa_ar")} == {
        "phq9": (12, "moderate"),
        "gad7": (9, "mild"),
        "ciwa_ar": (4, "mild"),
    }
    assert (found["audit"]["total"], found["audit"]["band"]) == (21, "zone_4")
    assert found["cssrs"]["band"] == "none"
    assert found["bam"]["subscales"] == {"use": 4, "risk": 12, "protective": 11}
    assert {"use", "risk", "protective"} <= set(found["bam"]["flags"])
    assert (screened["withdrawal_risk"], screened["suicide_risk"]) == ("low", "none")
    assert (screened["home_safe"], screened["needs_24h_supervision"]) == (True, False)
    assert not {"safety_alert_raised", "detox_referred"} & set(await albany.heard(dana))
    assert await albany.stage(dana) == "SCREENED"

    # S4, S5: edition 3 rates all six dimensions.
    await albany.clock("2026-01-08T15:00")
    short = {**ASSESSED, "dimensions": ASSESSED["dimensions"][:5]}
    refusal = await albany.refuses(f"{dana}/assessment", short)
    assert (refusal.guards, refusal.fact("dimensions_complete")["missing"]) == ({"dimensions_complete"}, [6])
    await albany.clock("2026-01-08T15:05")
    await albany.does(f"{dana}/assessment", ASSESSED)
    await albany.does(f"{dana}/coverage", COMMERCIAL)
    (assessed,) = await albany.said(dana, "patient_assessed")
    assert assessed["recommended_level"] == INTENSIVE
    assert [d["rating"] for d in assessed["dimensions"]] == ["0", "0", "1", "1", "2", "2"]
    assert [d["code"] for d in (await albany.get(dana))["diagnoses"]] == ["F1020"]
    assert await albany.stage(dana) == "ASSESSED"
    (verified,) = await albany.said(dana, "coverage_verified")
    assert [verified[k] for k in ("plan_kind", "status", "auth_required")] == ["commercial", "active", True]

    # S6: the payer approves 44 days, four a week; a seat is held.
    await albany.clock("2026-01-09T11:00")
    a1 = authorized(44, "2026-01-13", "2026-04-30", days_per_week=4)
    await albany.does(f"{dana}/authorization", a1)
    await albany.does(f"{dana}/seat-request", wish("2026-01-13", 720, 4))
    assert {"authorization_recorded", "seat_requested", "seat_held"} <= set(await albany.heard(dana))
    (yes,) = await albany.said(dana, "authorization_recorded")
    about = ("status", "units_approved", "valid_from", "valid_to", "days_per_week", "service_codes")
    assert [yes[k] for k in about] == ["approved", 44, "2026-01-13", "2026-04-30", 4, ["H0015"]]

    # Before the authorization begins, admission is refused and says only that.
    admission = {"program_id": "adult_sud_day", "primary_clinician_id": "clinician", "program_kind": "sud"}
    assert (await albany.refuses(f"{dana}/admission", admission)).guards == {"authorization_approved"}

    # S7: admitted on 13 January for 90 days, 720 minutes on 4 days.
    await albany.clock("2026-01-13T08:15")
    await albany.does(f"{dana}/admission", admission)
    (admitted,) = await albany.said(dana, "patient_admitted")
    assert (admitted["admitted_on"], admitted["planned_end_on"]) == ("2026-01-13", "2026-04-13")
    assert (admitted["prescribed_weekly_minutes"], admitted["days_per_week"]) == (720, 4)
    assert len(await albany.said(dana, "episode_started")) == 1
    assert await albany.stage(dana) == "ADMITTED"
    return dana.replace("referrals", "episodes")


async def agrees_on_a_week_and_a_plan(albany: Clinic, dana: str) -> list[str]:
    """The first two days; the ids of the goals in the plan."""
    # S7: the plan is a draft, and its goals have their ids.
    draft = await albany.cares(dana, "plan/draft", {"goals": [SOBER, CALMER, PREPARED]})
    (drafted,) = await albany.said(dana, "treatment_plan_drafted")
    goals = [goal["goal_id"] for goal in draft["goals"]]
    assert (drafted["version"], [g["goal_id"] for g in drafted["goals"]]) == (1, goals)

    # S8: the clinician alone cannot agree; both can.
    await albany.clock("2026-01-13T08:40")
    assert (await albany.may_not_agree(dana, agreed_by_patient=False)).guards == {"agreed_by_patient"}
    assert (await albany.agrees(dana))["warnings"] == []
    (agreed,) = await albany.said(dana, "weekly_schedule_agreed")
    told = [agreed[k] for k in ("version", "planned_weekly_minutes", "days_per_week", "max_gap_days")]
    assert told == [1, 720, 4, 3]
    assert (await albany.course(dana))["state"] == "SCHEDULED"

    # S9: the first group, the whole time; the draft has a goal that it worked on.
    await albany.meets("2026-01-13", present(dana) | {"goals": goals[:1]}, group="day")
    (attended,) = await albany.said(dana, "session_attended")
    assert attended["goals_addressed"] == goals[:1]
    counted = [attended[f"{k}_minutes"] for k in ("present", "break", "creditable", "late")]
    assert counted == [180, 0, 180, 0]
    assert (await albany.course(dana))["state"] == "ATTENDING"

    # S10: the plan is signed by both half an hour after the second session, on time.
    await live(albany, dana, "2026-01-12", {WED: 0}, "day")
    assert [p["overdue"] for p in await albany.said(dana, "plan_due")] == [False]
    await albany.clock("2026-01-14T12:30")
    await albany.cares(dana, "plan/signatures", {"role": "patient"})
    assert await albany.said(dana, "treatment_plan_approved") == []
    signed = await albany.cares(dana, "plan/signatures", {"role": "clinician"})
    (approved,) = await albany.said(dana, "treatment_plan_approved")
    assert (approved["version"], approved["next_review_due_on"]) == (1, "2026-02-13")
    assert [g["required_for_step_down"] for g in approved["goals"]] == [True, True, False]
    assert [g["goal_id"] for g in signed["goals"]] == goals
    await live(albany, dana, "2026-01-12", {THU: 0, FRI: 0}, "day")
    return goals
