"""February and March: Mel and Cal (5), Omar, Noor, Pia and Quy (6)."""

from tests.journeys.vignettes.clinic import ASSESSED, Clinic, answers, edition_4, present, screening
from tests.journeys.vignettes.conftest import OPEN

DAY_GROUP = {"dow": [2, 3, 4, 5], "start_local": "09:00", "end_local": "12:00"}
COVERED = {"payer_id": "payer", "plan_kind": "commercial", "status": "active", "auth_required": True}


async def in_withdrawal(clinic: Clinic, source: str = "hospital") -> str:
    """Screened with COWS 15: the gate opens a decision, and nothing happens by itself."""
    who = await clinic.refers(site=clinic.sites[0], source=source, birth_date="1997-01-09")
    await clinic.signs(who)
    found = answers(
        cows=[2, 2, 1, 2, 2, 1, 2, 1, 1, 1, 0],
        ciwa_ar=[2, 2, 1, 1, 1, 0, 0, 0, 1, 0],
        phq9=[3, 2, 3, 3, 2, 2, 2, 2, 0],
    )
    await clinic.does(f"{who}/screening", screening(found, withdrawal_risk=None))
    return who


async def test_mel_5_detox_first_and_nothing_measured_before_counts(story: OPEN) -> None:
    albany = await story("albany-mel", "2026-02-05T11:00")
    await albany.opens("albany-mel", group=DAY_GROUP)

    # S2: COWS 15 opens a decision; CIWA-Ar 8 alone would not. No machine refers anybody.
    mel = await in_withdrawal(albany)
    (screened,) = await albany.said(mel, "patient_screened")
    totals = {r["instrument"]: r.get("total") for r in screened["results"]}
    assert (totals["cows"], totals["ciwa_ar"], totals["phq9"]) == (15, 8, 19)
    assert screened["withdrawal_risk"] == "high"
    assert "detox_referred" not in await albany.heard(mel)
    assert (await albany.get(mel))["next_action"]["what"] == "decide_on_detox"
    disclosure = {
        "kind": "part2_disclosure",
        "disclosers": ["this-program"],
        "recipients": [{"id": "d-1", "kind": "detox_facility"}],
        "purposes": ["TREAT"],
        "info_categories": ["all"],
        "expires_event": "end_of_treatment",
    }
    await albany.does(f"{mel}/consents", disclosure)

    # S3: an assessment is refused while the withdrawal risk is high.
    await albany.clock("2026-02-05T11:20")
    assert "withdrawal_not_high" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards

    # S4: a nurse refers. What CIWA-Ar says does not carry it, what COWS says does.
    await albany.clock("2026-02-05T11:40")
    detox = {"setting": "detox_facility", "facility_id": "d-1", "expected_return_on": "2026-02-12"}
    assert (await albany.refuses(f"{mel}/detox", {**detox, "trigger": "ciwa"})).guards == {"detox_gate"}
    here = await albany.refuses(f"{mel}/detox", {**detox, "trigger": "cows", "in_house": True})
    assert here.guards == {"detox_offered_here"}
    await albany.does(f"{mel}/detox", {**detox, "trigger": "cows"})
    (referred,) = await albany.said(mel, "detox_referred")
    assert (referred["setting"], referred["trigger"], referred["facility_id"]) == (
        "detox_facility",
        "cows",
        "d-1",
    )
    assert await albany.stage(mel) == "DETOX_REFERRED"

    # S5: no assessment from there.
    await albany.clock("2026-02-06T10:00")
    assert "stage" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards

    # S6: back, cleared.
    await albany.clock("2026-02-12T09:00")
    cleared = {"outcome": "completed", "medically_cleared": True}
    assert (await albany.refuses(f"{mel}/detox-return", cleared)).guards == {"cleared_by"}
    await albany.does(f"{mel}/detox-return", {**cleared, "cleared_by": "physician-d-1"})
    assert await albany.stage(mel) == "SCREENED"

    # S7: what was measured before is void, and the whole set must be new.
    await albany.clock("2026-02-12T09:30")
    assert "screening_current" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards
    only_cows = screening(answers(cows=[0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]), withdrawal_risk=None)
    refusal = await albany.refuses(f"{mel}/screening", only_cows)
    assert refusal.fact("whole_screening")["missing"] == ["ciwa_ar", "phq9"]
    assert "screening_current" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards

    # S8: the whole set.
    await albany.clock("2026-02-12T14:00")
    anew = answers(
        cows=[0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0],
        ciwa_ar=[0, 1, 0, 1, 1, 0, 0, 0, 0, 0],
        phq9=[1, 2, 2, 2, 1, 2, 1, 1, 0],
        gad7=[1, 1, 2, 1, 1, 1, 1],
    )
    await albany.does(f"{mel}/screening", screening(anew, withdrawal_risk=None))
    first, second = await albany.said(mel, "patient_screened")
    assert first["screening_id"] != second["screening_id"]
    assert {r["instrument"]: r.get("total") for r in second["results"]}["phq9"] == 12
    assert await albany.stage(mel) == "SCREENED"

    # S9: assessed, and admitted on 17 February with the new screening as the baseline.
    await albany.clock("2026-02-13T10:00")
    await albany.does(f"{mel}/assessment", ASSESSED)
    await albany.does(f"{mel}/coverage", {**COVERED, "auth_required": False})
    wish = {"earliest_start": "2026-02-17", "weekly_minutes": 720, "days_per_week": 4}
    await albany.does(f"{mel}/seat-request", wish)
    await albany.clock("2026-02-17T08:00")
    admission = {"program_id": "adult_sud_day", "primary_clinician_id": "clinician", "program_kind": "sud"}
    await albany.does(f"{mel}/admission", admission)
    (admitted,) = await albany.said(mel, "patient_admitted")
    assert {r["instrument"]: r.get("total") for r in admitted["baseline"]}["phq9"] == 12

    # S10: the change counts from what was measured after the detox; withdrawal is no start of treatment.
    episode = mel.replace("referrals", "episodes")
    await albany.agrees(episode)
    await albany.meets("2026-02-17", present(episode))
    await albany.meets("2026-02-24", present(episode), until="09:05")
    measured = await albany.measures(episode, "phq9", [1, 2, 1, 2, 1, 2, 1, 1, 0])
    told = [measured[k] for k in ("total", "band", "baseline_total", "change", "reliable_change")]
    assert told == [11, "moderate", 12, -1, "none"]


async def test_cal_5_left_early_is_given_up_after_fourteen_days_without_contact(story: OPEN) -> None:
    albany = await story("albany-cal", "2026-02-24T11:00")
    await albany.opens("albany-cal")
    cal, dan = await in_withdrawal(albany), await in_withdrawal(albany)
    for who in (cal, dan):
        await albany.does(f"{who}/detox", {"setting": "detox_facility", "trigger": "cows"})

    # S11: left early and not cleared: nothing changes.
    await albany.clock("2026-02-27T03:00")
    for who in (cal, dan):
        await albany.does(f"{who}/detox-return", {"outcome": "left_early", "medically_cleared": False})
        assert await albany.stage(who) == "DETOX_REFERRED"
    for day in ("2026-02-28", "2026-03-04", "2026-03-09"):
        await albany.clock(f"{day}T10:00")
        await albany.does(f"{cal}/contacts", {"channel": "phone", "reached": False})
    await albany.does(f"{dan}/contacts", {"channel": "phone", "reached": True})
    gone = {"reason": "unreachable", "alternatives": ["3.7"]}
    await albany.clock("2026-03-12T10:00")
    refusal = await albany.refuses(f"{cal}/decline", gone)
    assert refusal.fact("contact_days_over")["days"] == 13
    await albany.clock("2026-03-13T10:00")
    await albany.does(f"{cal}/decline", gone)
    (declined,) = await albany.said(cal, "referral_declined")
    assert (declined["reason"], declined["alternatives_offered"][0]["code"]) == ("unreachable", "3.7")

    # S12: who answered is not unreachable, and may be sent to a second detox.
    assert (await albany.refuses(f"{dan}/decline", gone)).guards == {"not_reached"}
    await albany.does(f"{dan}/detox", {"setting": "hospital", "trigger": "clinician"})
    assert await albany.stage(dan) == "DETOX_REFERRED"


async def test_omar_6_a_high_risk_at_the_first_screening(story: OPEN) -> None:
    chicago = await story("chicago", "2026-03-20T16:30", "America/Chicago")
    await chicago.opens("chicago", group=DAY_GROUP)
    omar = await chicago.refers(site="chicago", birth_date="2004-01-02")
    await chicago.does(f"{omar}/consents", {"kind": "treatment_verbal", "signers": []})

    # S1: one alert holds both facts, and is said before the screening.
    await chicago.clock("2026-03-20T16:40")
    high = screening(answers(phq9=[3, 3, 2, 3, 2, 2, 2, 1, 2]), suicide=[1, 1, 1, 1, 0, 0])
    await chicago.does(f"{omar}/screening", high)
    (raised,) = await chicago.said(omar, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("high", "2026-03-20T21:55:00Z")
    heard = await chicago.heard(omar)
    assert heard.index("safety_alert_raised") < heard.index("patient_screened")
    (alert,) = (await chicago.get(omar))["alerts"]
    assert set(alert["reasons"]) == {"cssrs:high", "phq9:item9"}
    assert await chicago.stage(omar) == "SCREENED"

    # S2: nothing goes on while the alert is open.
    await chicago.clock("2026-03-20T16:42")
    wish = {"earliest_start": "2026-03-24", "weekly_minutes": 720, "days_per_week": 4, "program_kind": "sud"}
    assert "no_high_alert" in (await chicago.refuses(f"{omar}/seat-request", wish)).guards
    assert "alerts_in_hand" in (await chicago.refuses(f"{omar}/assessment", edition_4())).guards

    # S3: nobody acknowledged: at 16:55 it escalates to the director, and the queue shows it first.
    await chicago.clock("2026-03-20T16:55")
    (escalated,) = await chicago.said(omar, "safety_alert_escalated")
    assert (escalated["to_role"], escalated["escalation"]) == ("director", 1)
    assert escalated["at"].isoformat() == "2026-03-20T21:55:00+00:00"
    first = (await chicago.get("/v1/queue"))["items"][0]
    assert (first["next_action"]["what"], first["overdue"]) == ("acknowledge_alert", True)

    # S4: acknowledged 22 minutes after; what was due does not move, and the lateness stays.
    await chicago.clock("2026-03-20T17:02")
    answer = f"{omar}/alerts/{alert['id']}/acknowledgement"
    assert (await chicago.refuses(answer)).status == 403
    await chicago.does(answer, role="clinician")
    (taken,) = await chicago.said(omar, "safety_alert_acknowledged")
    assert taken["late"] is True

    # S5: round-the-clock care is needed: declined with an alternative, by a person.
    await chicago.clock("2026-03-20T17:20")
    await chicago.does(f"{omar}/screening", {**high, "needs_24h_supervision": True})
    refusal = await chicago.refuses(f"{omar}/decline", {"reason": "needs_higher_level", "alternatives": []})
    assert refusal.guards == {"alternatives_listed"}
    higher = {"reason": "needs_higher_level", "alternatives": [{"edition": "4", "code": "4"}]}
    await chicago.does(f"{omar}/decline", higher)
    assert await chicago.stage(omar) == "DECLINED"

    # S7: the alert outlived the referral; a person closes it. It never escalated again.
    (open_alert,) = (await chicago.get("/v1/alerts"))["items"]
    assert (open_alert["id"], open_alert["stage"], open_alert["late"]) == (alert["id"], "DECLINED", True)
    await chicago.clock("2026-03-20T17:50")
    resolution = f"{omar}/alerts/{alert['id']}/resolution"
    await chicago.does(resolution, {"plan_ref": "arrived"}, role="clinician")
    assert (await chicago.get("/v1/alerts"))["items"] == []
    assert len(await chicago.said(omar, "safety_alert_escalated")) == 1
    assert len(await chicago.said(omar, "safety_alert_raised")) == 1


async def test_noor_pia_and_quy_6_the_other_answers(story: OPEN) -> None:
    chicago = await story("chicago-three", "2026-03-20T18:00", "America/Chicago")
    await chicago.opens("chicago-three")
    people = [await chicago.refers(site="chicago-three") for _ in range(3)]
    for who in people:
        await chicago.does(f"{who}/consents", {"kind": "treatment"})
    noor, pia, quy = people

    # S8: moderate is due at local midnight, and her way goes on.
    await chicago.does(f"{noor}/screening", screening(suicide=[1, 0, None, None, None, 2]))
    (raised,) = await chicago.said(noor, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("moderate", "2026-03-21T05:00:00Z")
    (alert,) = (await chicago.get(noor))["alerts"]
    await chicago.clock("2026-03-20T18:30")
    await chicago.does(f"{noor}/alerts/{alert['id']}/acknowledgement", role="clinician")
    (taken,) = await chicago.said(noor, "safety_alert_acknowledged")
    assert taken["late"] is False

    # S9: behaviour within three months is high although the first two answers are no.
    await chicago.does(f"{pia}/screening", screening(suicide=[0, 0, None, None, None, 1]))
    (raised,) = await chicago.said(pia, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("high", "2026-03-20T23:45:00Z")

    (alert,) = (await chicago.get(pia))["alerts"]
    await chicago.does(f"{pia}/alerts/{alert['id']}/acknowledgement", role="clinician")

    # S10: low raises nothing, and what does not fit together is refused, never guessed.
    await chicago.does(f"{quy}/screening", screening(suicide=[1, 1, 0, 0, 0, 0]))
    assert "safety_alert_raised" not in await chicago.heard(quy)
    assert (await chicago.get(quy))["screening"]["suicide_risk"] == "low"
    odd = await chicago.refuses(f"{quy}/screening", screening(suicide=[1, 0, 1, 0, 0, 0]))
    assert odd.body["code"] == "bad_answers"

    await chicago.clock("2026-03-23T10:00")
    await chicago.does(f"{noor}/assessment", {**ASSESSED, "assessor_credential": "LCSW"})
    assert await chicago.stage(noor) == "ASSESSED"
