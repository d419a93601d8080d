"""Art and Bea (3): the same room, two payers, and breaks that one of them does not credit."""

from tests.journeys.vignettes.clinic import present
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
    slots,
    wish,
)

BREAKS = [{"offset": offset, "minutes": 10} for offset in (50, 100, 150)]


async def test_art_and_bea_3_one_room_and_two_payers(own_story: OPEN) -> None:
    raleigh = await own_story("raleigh", "2026-02-16T08:00")
    every_day = {"kind": "relapse_prevention", "dow": [MON, TUE, WED, THU, FRI], "breaks": BREAKS}
    await raleigh.opens(
        "raleigh", group={"group_id": "one", "start_local": "09:00", "end_local": "12:00"} | every_day
    )
    two = {"group_id": "two", "start_local": "09:00", "end_local": "12:30"} | every_day
    site = {"site_id": "raleigh", "levels": ["2.1"], "capacity": 12}
    await raleigh.does("/v1/groups", site | two, service="scheduling", role="operator")
    # Abe is like Art, and stays in block one.
    payers = {"art": ("p-1", "commercial"), "bea": ("p-2", "medicaid"), "abe": ("p-1", "commercial")}
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
    art, bea, abe = person.values()
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
    lived = [(210, 30, 0, 0), (185, 30, 25, 0), (155, 25, 0, 55)]
    for who, creditable, units in ((art, [210, 185, 155], [1, 1, 0]), (bea, [180, 155, 130], [1, 0, 0])):
        attended = (await raleigh.said(who, "session_attended"))[-3:]
        about = ("present_minutes", "break_minutes", "late_minutes", "left_early_minutes")
        assert [tuple(a[k] for k in about) for a in attended] == lived
        assert [a["creditable_minutes"] for a in attended] == creditable
        parts = [sum(a[f"{k}_minutes"] for k in ("late", "present", "left_early")) for a in attended]
        assert parts == [210, 210, 210]
        await raleigh.clock("2026-03-09T00:01")
        days = [await closed_day(raleigh, who, f"2026-03-0{n}") for n in (2, 4, 6)]
        assert [d["units_used_today"] for d in days] == units
        assert [d["meets_180_min"] for d in days] == [bool(unit) for unit in units]
        week = (await raleigh.said(who, "treatment_week_closed"))[-1]
        assert week["at"].isoformat().startswith("2026-03-09T04:00")
        assert [d["total_creditable_minutes"] for d in days] == creditable
    assert (await closed_weeks(raleigh, art))["2026-03-02"] == (550, 630, 873, False)
    assert (await closed_weeks(raleigh, bea))["2026-03-02"] == (465, 540, 861, True)
    for on in ("2026-03-09", "2026-03-11"):
        await raleigh.meets(on, present(art), present(bea), group="two")

    # S6: Art's payer is P-2 from Monday the 16th on; no day before it is counted again.
    await raleigh.agrees(abe, *slots("one", MON, WED, FRI), effective_from="2026-03-16")
    await raleigh.clock("2026-03-12T10:00")
    new = COMMERCIAL | {"payer_id": "p-2", "plan_kind": "medicaid", "valid_from": "2026-03-16"}
    await raleigh.does(f"{art.replace('episodes', 'referrals')}/coverage", new)
    verified = (await raleigh.said(art, "coverage_verified"))[-1]
    told_of = ("payer_id", "plan_kind", "valid_from")
    assert [verified[k] for k in told_of] == ["p-2", "medicaid", "2026-03-16"]
    changed = (await raleigh.said(art, "weekly_schedule_changed"))[-1]
    assert [changed[k] for k in ("reason", "effective_from", "planned_weekly_minutes", "version")] == [
        "coverage",
        "2026-03-16",
        540,
        3,
    ]
    assert [s["dow"] for s in changed["slots"]] == [MON, WED, FRI]
    assert await raleigh.said(art, "schedule_infeasible") == []
    # Whoever is still in block one is no silent pass: 450 minutes are no week, and somebody has a task.
    await raleigh.does(f"{abe.replace('episodes', 'referrals')}/coverage", new)
    (infeasible,) = await raleigh.said(abe, "schedule_infeasible")
    assert (infeasible["cause"], infeasible["wanted_weekly_minutes"]) == ("payer_rules", 540)
    assert await raleigh.told(abe, "2026-03-12T14:00") == [("week_infeasible", "scheduler")]
    assert await raleigh.said(abe, "weekly_schedule_changed") == []
    course = await raleigh.course(art)
    assert (course["planned_minutes"], course["weekly_minutes"]) == (540, 540)
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
