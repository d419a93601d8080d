"""Kai (4): seventeen, then eighteen, in a program of six hours a week."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, PACK, Clinic, goal, screening
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
    closed_weeks,
    live,
    slots,
    wish,
)

MEDICAID = COMMERCIAL | {"plan_kind": "medicaid"}
CERTIFIED_BY_NOBODY = {"primary_clinician_id": "clinician", "program_kind": "sud"}
INTENSIVE, OUTPATIENT = {"edition": "3", "code": "2.1"}, {"edition": "3", "code": "1"}
AFTER_SCHOOL = (MON, TUE, WED, FRI)
FOUR_DAYS = dict.fromkeys(AFTER_SCHOOL, 0)
DOWN = {"direction": "step_down"}
TRIED: dict[str, tuple[tuple[int, ...], str, str]] = {
    "school": (AFTER_SCHOOL, "16:00", "18:00"),
    "shorter": ((FRI,), "16:00", "17:59"),
    "longer": ((TUE, THU), "16:00", "19:00"),
    "half": ((MON, TUE, WED, THU, FRI), "16:00", "20:00"),
    "almost": ((FRI,), "16:00", "19:59"),
}
"""The groups of the adolescents, with their days and hours."""


async def test_kai_4_seventeen_and_then_eighteen(own_story: OPEN) -> None:
    phoenix = await own_story("phoenix", "2026-04-13T14:00", "America/Phoenix")
    await opens(phoenix)
    kai = await both_sign(phoenix)
    await calendars_are_tried(phoenix, kai)
    first, last = await he_is_admitted(phoenix, kai)
    episode = kai.replace("referrals", "episodes")
    await an_adult_does_not_belong_there(phoenix)
    await he_comes_and_stays_away(phoenix, episode)
    await he_is_of_age(phoenix, kai)
    await phoenix.attests(episode, first)
    await less_of_the_same_level(phoenix, episode, last)
    await the_level_below(phoenix, episode)

    # Whoever was ever told anything: the staff, and who had consented; never the school that had sent him.
    assert {role for _, role in await phoenix.told(kai)} == {
        "admissions",
        "scheduler",
        "clinician",
        "care_team",
        "patient",
    }


async def opens(phoenix: Clinic) -> None:
    """Groups for adolescents after school, and one for adults."""
    await phoenix.opens("phoenix")
    young = {"attributes": {"age_band": "adolescent"}}
    groups = dict.fromkeys(TRIED, young) | {"adults": {"attributes": {"age_band": "adult"}}}
    hours = TRIED | {"adults": ((MON, WED, FRI), "09:00", "12:00")}
    for name, whom in groups.items():
        dow, start, end = hours[name]
        about = {"group_id": name, "dow": dow, "start_local": start, "end_local": end}
        site = {"site_id": "phoenix", "kind": "relapse_prevention", "levels": ["2.1"], "capacity": 12}
        await phoenix.does("/v1/groups", site | about | whom, service="scheduling", role="operator")


async def both_sign(phoenix: Clinic) -> str:
    """The school refers; the mother signs, and Kai the day after; the path to his referral."""
    kai = await phoenix.refers(site="phoenix", source="school", birth_date="2008-05-20")

    # S1: the mother signs. Without Kai's signature there is no consent, and no screening.
    await phoenix.clock("2026-04-13T15:00")
    await phoenix.signs(kai, *({**c, "signers": ["parent_or_guardian"]} for c in PACK))
    assert {e["kind"] for e in await phoenix.said(kai, "consent_granted")} == {"contact_preferences"}
    for at in ("2026-04-13T15:00", "2026-04-14T15:20"):
        await phoenix.clock(at)
        refusal = await phoenix.refuses(f"{kai}/screening", screening())
        assert refusal.guards == {"treatment_consent"}
        assert refusal.fact("treatment_consent")["signature_missing"] == ["patient"]
    drafts = [c for c in (await phoenix.get(kai))["consents"] if c["missing"]]
    for draft in drafts:
        await phoenix.does(f"{kai}/consents/{draft['id']}/signatures", {"signer": "patient"})
    granted = {e["kind"]: e for e in await phoenix.said(kai, "consent_granted")}
    assert granted.keys() == {"contact_preferences", "treatment", "part2_tpo"}
    for kind in ("treatment", "part2_tpo"):
        assert granted[kind]["signers"] == ["parent_or_guardian", "patient"]
    await phoenix.does(f"{kai}/screening", screening())
    assert await phoenix.stage(kai) == "SCREENED"
    return kai


async def calendars_are_tried(phoenix: Clinic, kai: str) -> None:
    # A minor is rated by the third edition.
    await phoenix.clock("2026-04-17T15:00")
    fourth = {**ASSESSED, "recommended_level": {"edition": "4", "code": "2.1"}}
    assert "edition" in (await phoenix.refuses(f"{kai}/assessment", fourth)).guards
    await phoenix.does(f"{kai}/assessment", ASSESSED)
    await phoenix.does(f"{kai}/coverage", MEDICAID)
    await phoenix.does(f"{kai}/authorization", authorized(60, "2026-04-20", "2026-07-31"))
    for minutes in (359, 1200):
        refusal = await phoenix.refuses(f"{kai}/seat-request", wish("2026-04-20", minutes, 4))
        assert refusal.guards == {"minutes_in_band"}
        assert "360" in refusal.body["detail"]
        assert "540" not in refusal.body["detail"]
    await phoenix.does(f"{kai}/seat-request", wish("2026-04-20", 480, 4))
    (held,) = await phoenix.said(kai, "seat_held")
    assert [(s["dow"], s["group_id"]) for s in held["slots"]] == [(d, "school") for d in AFTER_SCHOOL]
    assert held["weekly_minutes"] == 480

    # S2: what is tried on Friday lacks nothing but the admission where it is a week of this level.
    for minutes, week, against in (
        (359, of("school", MON, WED) + of("shorter", FRI), {"minutes_in_band"}),
        (360, of("school", MON, WED, FRI), set()),
        (360, of("longer", TUE, THU), {"min_days"}),
        (1199, of("half", MON, TUE, WED, THU) + of("almost", FRI), set()),
        (1200, of("half", MON, TUE, WED, THU, FRI), {"minutes_in_band"}),
    ):
        refusal = await phoenix.may_not_agree(kai.replace("referrals", "episodes"), *week)
        assert refusal.guards == {"admitted"} | against, minutes
        if "minutes_in_band" in against:
            band = refusal.fact("minutes_in_band")
            assert [band[f"{k}_minutes"] for k in ("creditable", "min", "max")] == [minutes, 360, 1199]
        if "min_days" in against:
            asked = refusal.fact("min_days")
            assert (asked["days_per_week"], asked["min_days"]) == (2, 3)
            assert "at least 3 days a week" in asked["cite"]


def of(group: str, *days: int) -> list[dict[str, Any]]:
    _, start, end = TRIED[group]
    return slots(group, *days, start=start, end=end)


async def he_is_admitted(phoenix: Clinic, kai: str) -> list[str]:
    """The ids of the goals of his plan."""
    # S3: ninety days from Monday 20 April, four afternoons a week.
    await phoenix.clock("2026-04-20T15:30")
    adults = {"program_id": "adult_sud_day", **CERTIFIED_BY_NOBODY}
    assert (await phoenix.refuses(f"{kai}/admission", adults)).guards == {"program_age"}
    await phoenix.does(f"{kai}/admission", {"program_id": "adolescent_6h", **CERTIFIED_BY_NOBODY})
    (admitted,) = await phoenix.said(kai, "patient_admitted")
    assert admitted["at"].isoformat() == "2026-04-20T22:30:00+00:00"
    about = ("age_band", "admitted_on", "planned_end_on", "prescribed_weekly_minutes", "days_per_week")
    assert [admitted[k] for k in about] == ["adolescent", "2026-04-20", "2026-07-19", 480, 4]
    episode = kai.replace("referrals", "episodes")
    refusal = await phoenix.may_not_agree(episode, *of("longer", TUE, THU))
    assert refusal.guards == {"min_days"}
    await phoenix.agrees(episode)
    (agreed,) = await phoenix.said(episode, "weekly_schedule_agreed")
    assert (agreed["planned_weekly_minutes"], agreed["days_per_week"]) == (480, 4)
    assert [(s["dow"], s["start_local"], s["end_local"]) for s in agreed["slots"]] == [
        (d, "16:00", "18:00") for d in AFTER_SCHOOL
    ]
    return await phoenix.signs_plan(episode, goal("sobriety"), goal("education"))


async def an_adult_does_not_belong_there(phoenix: Clinic) -> None:
    """S3: no adult comes into the adolescents' group: not for good, not for a day, not by the machine."""
    ada = await phoenix.admits(
        "phoenix",
        coverage=COMMERCIAL,
        authorization=authorized(60, "2026-04-20", "2026-07-31"),
        wish=wish("2026-04-20", 540, 3),
        birth_date="1990-01-15",
    )
    (held,) = await phoenix.said(ada, "seat_held")
    assert {s["group_id"] for s in held["slots"]} == {"adults"}
    refusal = await phoenix.may_not_agree(ada, *of("half", MON, WED, FRI))
    assert refusal.guards == {"suits_the_group"}
    assert refusal.fact("suits_the_group")["asks_for"] == {"age_band": "adolescent"}
    assert (
        await phoenix.may_not_agree(ada, *of("half", MON, WED, FRI), override_reason="wants_it")
    ).guards == {"suits_the_group"}
    await phoenix.agrees(ada)
    found = await phoenix.get("/v1/sessions?on=2026-04-21", role="clinician", service="scheduling")
    (tuesday,) = [s["session_id"] for s in found["items"] if s["group_id"] == "school"]
    booking = {"episode_id": ada.rpartition("/")[2], "cause": "make_up"}
    refusal = await phoenix.refuses(
        f"/v1/sessions/{tuesday}/bookings", booking, service="scheduling", role="clinician"
    )
    assert refusal.guards == {"suits_the_group"}
    proposed = await phoenix.get(f"{ada}/proposals", role="clinician", service="scheduling")
    assert {s["group_id"] for w in proposed["weeks"] for s in w["slots"]} == {"adults"}


async def he_comes_and_stays_away(phoenix: Clinic, kai: str) -> None:
    await live(phoenix, kai, "2026-04-20", FOUR_DAYS, "school")
    await live(phoenix, kai, "2026-04-27", {MON: 0, TUE: 0, WED: None, FRI: 0}, "school")
    await live(phoenix, kai, "2026-05-04", {MON: None}, "school")

    # S4: the second session in a row; whoever does the outreach is told, once the first was no cause for it.
    assert ("outreach", "care_team") not in await phoenix.told(kai)
    await phoenix.clock("2026-05-05T16:30")
    missed = (await phoenix.said(kai, "session_missed"))[-1]
    assert (missed["at"].isoformat(), missed["consecutive_missed"]) == ("2026-05-05T23:30:00+00:00", 2)
    told = [m for m in await phoenix.said(kai, "notification_sent") if m["template_id"] == "outreach"]
    assert [m["at"] for m in told] == [missed["at"]]
    assert (await phoenix.course(kai))["consecutive_missed"] == 2
    # What reaches the family goes the way that was agreed on, and says no more than that somebody was missed.
    (neutral,) = await messages_of(phoenix, kai, "2026-05-05T23:30")
    assert (neutral["template_id"], neutral["channel"]) == ("appointment_missed", "sms")

    # A whole day is two hours: enough for the day rule of his payer, though not 180 minutes.
    monday = await closed_day(phoenix, kai, "2026-04-20")
    counted = [monday[k] for k in ("total_creditable_minutes", "meets_180_min", "meets_day_rule")]
    assert (counted, monday["units_used_today"]) == ([120, False, True], 1)
    await live(phoenix, kai, "2026-05-04", {WED: 0, FRI: 0}, "school")
    await live(phoenix, kai, "2026-05-11", FOUR_DAYS, "school")
    await live(phoenix, kai, "2026-05-18", {MON: 0, TUE: 0}, "school")


async def messages_of(phoenix: Clinic, kai: str, since: str) -> list[dict[str, Any]]:
    sent = await phoenix.said(kai, "notification_sent")
    return [m for m in sent if m["recipient_role"] == "patient" and m["sent_at"] >= since]


async def he_is_of_age(phoenix: Clinic, kai: str) -> None:
    # S5: of age at local midnight: what the mother alone signed is over, what Kai signed too goes on.
    await phoenix.clock("2026-05-19T23:59")
    assert await phoenix.said(kai, "consent_expired") == []
    await phoenix.clock("2026-05-20T00:01")
    (expired,) = await phoenix.said(kai, "consent_expired")
    assert (expired["kind"], expired["expired_at"]) == ("contact_preferences", "2026-05-20T07:00:00Z")
    assert expired["cause"] == "of_age"
    assert {c["kind"] for c in (await phoenix.get(kai))["consents"]} == {"treatment", "part2_tpo"}
    assert await phoenix.told(kai, "2026-05-20T07:00") == [("of_age", "clinician")]
    (grown,) = await phoenix.said(kai, "patient_came_of_age")
    assert grown["ended"] == ["contact_preferences"]
    assert grown["to_renew"] == ["contact_preferences", "part2_tpo", "treatment"]
    assert [t["about"] for t in await phoenix.said(kai, "review_task_raised")] == ["of_age"]


async def less_of_the_same_level(phoenix: Clinic, kai: str, last: str) -> None:
    await live(phoenix, kai, "2026-05-18", {WED: 0}, "school")
    # S6: the last goal is met while the poor week of 4 May is one of the last two.
    await phoenix.clock("2026-05-22T15:00")
    await phoenix.attests(kai, last)
    await live(phoenix, kai, "2026-05-18", {FRI: 0}, "school")
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
    await live(phoenix, kai, "2026-05-25", FOUR_DAYS, "school")
    # His mother hears no more of his hours, and he has not yet said how he wants to hear of them.
    assert await messages_of(phoenix, kai, "2026-05-20T07:00") == []
    kept = await phoenix.said(kai, "notification_suppressed")
    assert ("appointment_changed", "no_consent") in [(m["template_id"], m["reason"]) for m in kept]
    (changed,) = await phoenix.said(kai, "weekly_schedule_changed")
    days = {s["dow"]: 0 for s in changed["slots"]}
    for monday in ("2026-06-01", "2026-06-08"):
        await live(phoenix, kai, monday, days, "school")

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
