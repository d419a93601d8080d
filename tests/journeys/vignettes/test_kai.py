"""Kai (4): seventeen, then eighteen, in a program of six hours a week."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, PACK, Clinic, goal, screening
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import (
    COMMERCIAL,
    FRI,
    MON,
    TUE,
    WED,
    authorized,
    closed_day,
    closed_weeks,
    live,
)

MEDICAID = COMMERCIAL | {"plan_kind": "medicaid"}
CERTIFIED_BY_NOBODY = {"primary_clinician_id": "clinician", "program_kind": "sud"}
INTENSIVE, OUTPATIENT = {"edition": "3", "code": "2.1"}, {"edition": "3", "code": "1"}
FOUR_DAYS = dict.fromkeys((MON, TUE, WED, FRI), 0)
DOWN = {"direction": "step_down"}


async def test_kai_4_seventeen_and_then_eighteen(own_story: OPEN) -> None:
    phoenix = await own_story("phoenix", "2026-04-13T14:00", "America/Phoenix")
    after_school = {"dow": [1, 2, 3, 5], "start_local": "16:00", "end_local": "18:00"}
    await phoenix.opens("phoenix", group=after_school)
    kai = await phoenix.refers(site="phoenix", source="school", birth_date="2008-05-20")

    # S1: the mother signs. Without Kai's signature there is no consent, and no screening.
    await phoenix.clock("2026-04-13T15:00")
    await phoenix.signs(kai, *({**c, "signers": ["parent_or_guardian"]} for c in PACK))
    assert {e["kind"] for e in await phoenix.said(kai, "consent_granted")} == {"contact_preferences"}
    refusal = await phoenix.refuses(f"{kai}/screening", screening())
    assert refusal.fact("treatment_consent")["signature_missing"] == ["patient"]
    await phoenix.clock("2026-04-14T15:20")
    drafts = [c for c in (await phoenix.get(kai))["consents"] if c["missing"]]
    for draft in drafts:
        await phoenix.does(f"{kai}/consents/{draft['id']}/signatures", {"signer": "patient"})
    granted = {e["kind"]: e for e in await phoenix.said(kai, "consent_granted")}
    assert granted["treatment"]["signers"] == ["parent_or_guardian", "patient"]
    await phoenix.does(f"{kai}/screening", screening())

    # A minor is rated by the third edition, and admitted to a program for adolescents.
    await phoenix.clock("2026-04-17T15:00")
    fourth = {**ASSESSED, "recommended_level": {"edition": "4", "code": "2.1"}}
    assert "edition" in (await phoenix.refuses(f"{kai}/assessment", fourth)).guards
    await phoenix.does(f"{kai}/assessment", ASSESSED)
    await phoenix.does(f"{kai}/coverage", MEDICAID)
    await phoenix.does(f"{kai}/authorization", authorized(60, "2026-04-20", "2026-07-31"))

    # S2: below 360 minutes is not this level, and 480 on four days is. 540 is never asked for.
    wish = {"earliest_start": "2026-04-20", "days_per_week": 4, "program_kind": "sud"}
    for minutes in (359, 1200):
        refusal = await phoenix.refuses(f"{kai}/seat-request", {**wish, "weekly_minutes": minutes})
        assert refusal.guards == {"minutes_in_band"}
        assert "360" in refusal.body["detail"]
    await phoenix.does(f"{kai}/seat-request", {**wish, "weekly_minutes": 480})

    # S3
    await phoenix.clock("2026-04-20T15:30")
    adults = {"program_id": "adult_sud_day", **CERTIFIED_BY_NOBODY}
    assert (await phoenix.refuses(f"{kai}/admission", adults)).guards == {"program_age"}
    await phoenix.does(f"{kai}/admission", {"program_id": "adolescent_6h", **CERTIFIED_BY_NOBODY})
    (admitted,) = await phoenix.said(kai, "patient_admitted")
    assert (admitted["age_band"], admitted["planned_end_on"]) == ("adolescent", "2026-07-19")
    episode = kai.replace("referrals", "episodes")
    await phoenix.agrees(episode)
    first, last = await phoenix.signs_plan(episode, goal("sobriety"), goal("education"))
    await he_comes_and_stays_away(phoenix, episode)
    await he_is_of_age(phoenix, kai)
    await phoenix.attests(episode, first)
    await less_of_the_same_level(phoenix, episode, last)
    await the_level_below(phoenix, episode)


async def he_comes_and_stays_away(phoenix: Clinic, kai: str) -> None:
    await live(phoenix, kai, "2026-04-20", FOUR_DAYS)
    await live(phoenix, kai, "2026-04-27", {MON: 0, TUE: 0, WED: None, FRI: 0})
    await live(phoenix, kai, "2026-05-04", {MON: None})

    # S4: the second session in a row; whoever does the outreach is told.
    await phoenix.clock("2026-05-05T16:30")
    missed = (await phoenix.said(kai, "session_missed"))[-1]
    assert (missed["at"].isoformat(), missed["consecutive_missed"]) == ("2026-05-05T23:30:00+00:00", 2)
    told = [m for m in await phoenix.said(kai, "notification_sent") if m["template_id"] == "outreach"]
    assert [m["at"] for m in told] == [missed["at"]]
    assert (await phoenix.course(kai))["consecutive_missed"] == 2

    # A whole day is two hours: enough for the day rule of his payer, though not 180 minutes.
    monday = await closed_day(phoenix, kai, "2026-04-20")
    counted = [monday[k] for k in ("total_creditable_minutes", "meets_180_min", "meets_day_rule")]
    assert (counted, monday["units_used_today"]) == ([120, False, True], 1)
    await live(phoenix, kai, "2026-05-04", {WED: 0, FRI: 0})
    await live(phoenix, kai, "2026-05-11", FOUR_DAYS)
    await live(phoenix, kai, "2026-05-18", {MON: 0, TUE: 0})


async def he_is_of_age(phoenix: Clinic, kai: str) -> None:
    # S5: of age at local midnight: what the mother alone signed is over, what Kai signed too goes on.
    await phoenix.clock("2026-05-19T23:59")
    assert await phoenix.said(kai, "consent_expired") == []
    await phoenix.clock("2026-05-20T00:01")
    (expired,) = await phoenix.said(kai, "consent_expired")
    assert (expired["kind"], expired["expired_at"]) == ("contact_preferences", "2026-05-20T07:00:00Z")
    assert {c["kind"] for c in (await phoenix.get(kai))["consents"]} == {"treatment", "part2_tpo"}


async def less_of_the_same_level(phoenix: Clinic, kai: str, last: str) -> None:
    await live(phoenix, kai, "2026-05-18", {WED: 0})
    # S6: the last goal is met while the poor week of 4 May is one of the last two.
    await phoenix.clock("2026-05-22T15:00")
    await phoenix.attests(kai, last)
    await live(phoenix, kai, "2026-05-18", {FRI: 0})
    assert await phoenix.said(kai, "step_down_recommended") == []
    await phoenix.clock("2026-05-25T00:01")
    (less,) = await phoenix.said(kai, "step_down_recommended")
    assert less["at"].isoformat().startswith("2026-05-25T07:00")
    assert (less["kind"], less["from_level"], less["to_level"]) == (
        "intensity_reduction",
        INTENSIVE,
        INTENSIVE,
    )
    assert (less["from_weekly_minutes"], less["to_weekly_minutes"]) == (480, 360)

    # 400 minutes are not also a week of level 1: for adolescents that level ends at 359.
    level_1 = {"kind": "level_change", "to_level": OUTPATIENT, "to_weekly_minutes": 400}
    refusal = await phoenix.may_not(kai, "recommendations", DOWN | level_1)
    assert (refusal.guards, refusal.fact("band")["max_minutes"]) == ({"band"}, 359)
    await phoenix.approves(less, "2026-06-01")
    course = await phoenix.course(kai)
    assert (course["state"], course["stepped_down"], course["age_band"]) == ("ATTENDING", True, "adolescent")
    assert await phoenix.said(kai, "level_of_care_changed") == []
    (changed,) = await phoenix.said(kai, "weekly_schedule_changed")
    assert (changed["planned_weekly_minutes"], changed["days_per_week"]) == (360, 3)


async def the_level_below(phoenix: Clinic, kai: str) -> None:
    await live(phoenix, kai, "2026-05-25", FOUR_DAYS)
    (changed,) = await phoenix.said(kai, "weekly_schedule_changed")
    days = {s["dow"]: 0 for s in changed["slots"]}
    for monday in ("2026-06-01", "2026-06-08"):
        await live(phoenix, kai, monday, days)

    # S7: 240 minutes are another level.
    await phoenix.clock("2026-06-15T10:00")
    fewer = {"kind": "intensity_reduction", "to_weekly_minutes": 240}
    refusal = await phoenix.may_not(kai, "recommendations", DOWN | fewer)
    assert (refusal.guards, refusal.fact("band")["min_minutes"]) == ({"band"}, 360)
    lower: dict[str, Any] = {"kind": "level_change", "to_level": OUTPATIENT, "to_weekly_minutes": 240}
    await phoenix.cares(kai, "recommendations", DOWN | lower)
    stepped = (await phoenix.said(kai, "step_down_recommended"))[-1]
    assert (stepped["kind"], stepped["from_weekly_minutes"], stepped["to_level"]) == (
        "level_change",
        360,
        OUTPATIENT,
    )

    whole = (480, 480, 1000, False)
    weeks = await closed_weeks(phoenix, kai)
    assert weeks == {
        "2026-04-20": whole,
        "2026-04-27": (360, 480, 750, False),
        "2026-05-04": (240, 480, 500, True),
        **dict.fromkeys(("2026-05-11", "2026-05-18", "2026-05-25"), whole),
        **dict.fromkeys(("2026-06-01", "2026-06-08"), (360, 360, 1000, False)),
    }
    minimums = [w["level_min_minutes"] for w in await phoenix.said(kai, "treatment_week_closed")]
    assert set(minimums) == {360}, "of age or not, the band is that of the admission"
