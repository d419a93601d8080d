"""Omar, Noor, Pia and Quy (6): a high risk at the first screening, and the other answers."""

from typing import Any

from tests.journeys.vignettes.clinic import Clinic, answers, edition_4, screening
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import FRI, THU, TUE, WED, wish

DAY_GROUP = {"dow": [TUE, WED, THU, FRI], "start_local": "09:00", "end_local": "12:00"}
HIGH = screening(answers(phq9=[3, 3, 2, 3, 2, 2, 2, 1, 2]), suicide=[1, 1, 1, 1, 0, 0])


async def comes(chicago: Clinic, kind: str = "treatment", **more: Any) -> str:
    """Somebody who has agreed to treatment, and to nothing else."""
    who = await chicago.refers(site="chicago", birth_date="2004-01-02")
    await chicago.does(f"{who}/consents", {"kind": kind, **more})
    return who


async def test_omar_noor_pia_and_quy_6_one_friday_afternoon(own_story: OPEN) -> None:
    chicago = await own_story("chicago", "2026-03-20T16:30", "America/Chicago")
    await chicago.opens("chicago", group=DAY_GROUP)
    omar = await comes(chicago, "treatment_verbal", signers=[])
    alert = await a_high_risk(chicago, omar)
    noor = await noor_and_pia(chicago)
    await he_needs_more_than_we_can_give(chicago, omar)
    await low_is_no_alert(chicago)
    await the_alert_outlives_the_referral(chicago, omar, alert)
    await noors_way_goes_on(chicago, noor)


async def a_high_risk(chicago: Clinic, omar: str) -> str:
    """The id of his one alert."""
    # S1: one alert holds both facts, and is said before the screening. Staff hear at once, he does not.
    await chicago.clock("2026-03-20T16:40")
    await chicago.does(f"{omar}/screening", HIGH)
    (raised,) = await chicago.said(omar, "safety_alert_raised")
    about = ("kind", "severity", "due_ack_at")
    assert [raised[k] for k in about] == ["suicide_risk", "high", "2026-03-20T21:55:00Z"]
    (screened,) = await chicago.said(omar, "patient_screened")
    phq9 = next(r for r in screened["results"] if r["instrument"] == "phq9")
    assert (screened["suicide_risk"], phq9["total"], phq9["band"]) == ("high", 20, "severe")
    heard = await chicago.heard(omar)
    assert heard.index("safety_alert_raised") < heard.index("patient_screened")
    (alert,) = (await chicago.get(omar))["alerts"]
    assert set(alert["reasons"]) == {"cssrs:high", "phq9:item9"}
    assert await chicago.stage(omar) == "SCREENED"
    assert await chicago.told(omar, "2026-03-20T21:40") == [("safety_alert", "clinician")]

    # S2: nothing goes on while the alert is open.
    await chicago.clock("2026-03-20T16:42")
    refusal = await chicago.refuses(f"{omar}/seat-request", wish("2026-03-24", 720, 4))
    assert "no_high_alert" in refusal.guards
    assert "alerts_in_hand" in (await chicago.refuses(f"{omar}/assessment", edition_4())).guards

    # S3: nobody acknowledged: at 16:55 it escalates to the director, and the queue shows it first.
    await chicago.clock("2026-03-20T16:54")
    assert await chicago.said(omar, "safety_alert_escalated") == []
    await chicago.clock("2026-03-20T16:55")
    (escalated,) = await chicago.said(omar, "safety_alert_escalated")
    assert (escalated["to_role"], escalated["escalation"]) == ("director", 1)
    assert escalated["at"].isoformat() == "2026-03-20T21:55:00+00:00"
    assert await chicago.told(omar, "2026-03-20T21:55") == [("safety_alert_escalated", "director")]
    first = (await chicago.get("/v1/queue"))["items"][0]
    assert (first["next_action"]["what"], first["overdue"]) == ("acknowledge_alert", True)

    # S4: acknowledged 22 minutes after; what was due does not move, and the lateness stays.
    await chicago.clock("2026-03-20T17:02")
    answer = f"{omar}/alerts/{alert['id']}/acknowledgement"
    assert (await chicago.refuses(answer)).status == 403
    await chicago.does(answer, role="clinician")
    (taken,) = await chicago.said(omar, "safety_alert_acknowledged")
    assert (taken["acknowledged_at"], taken["late"]) == ("2026-03-20T22:02:00Z", True)
    (standing,) = (await chicago.get("/v1/alerts"))["items"]
    assert (standing["due_ack_at"], standing["late"]) == ("2026-03-20T21:55:00Z", True)
    return str(alert["id"])


async def noor_and_pia(chicago: Clinic) -> str:
    # S8: moderate is due at local midnight.
    await chicago.clock("2026-03-20T17:10")
    noor = await comes(chicago)
    await chicago.does(f"{noor}/screening", screening(suicide=[1, 0, None, None, None, 2]))
    (raised,) = await chicago.said(noor, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("moderate", "2026-03-21T05:00:00Z")

    # S9: behaviour within three months is high although the first two answers are no.
    await chicago.clock("2026-03-20T17:15")
    pia = await comes(chicago)
    await chicago.does(f"{pia}/screening", screening(suicide=[0, 0, None, None, None, 1]))
    (raised,) = await chicago.said(pia, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("high", "2026-03-20T22:30:00Z")
    (alert,) = (await chicago.get(pia))["alerts"]
    await chicago.does(f"{pia}/alerts/{alert['id']}/acknowledgement", role="clinician")
    (taken,) = await chicago.said(pia, "safety_alert_acknowledged")
    assert taken["late"] is False
    return noor


async def he_needs_more_than_we_can_give(chicago: Clinic, omar: str) -> None:
    # S5: no machine declined him; round-the-clock care is needed, and a person names where there is some.
    await chicago.clock("2026-03-20T17:20")
    assert await chicago.said(omar, "referral_declined") == []
    await chicago.does(f"{omar}/screening", {**HIGH, "needs_24h_supervision": True})
    needs = [s["needs_24h_supervision"] for s in await chicago.said(omar, "patient_screened")]
    assert needs == [False, True]
    refusal = await chicago.refuses(f"{omar}/decline", {"reason": "needs_higher_level", "alternatives": []})
    assert refusal.guards == {"alternatives_listed"}
    higher = {"reason": "needs_higher_level", "alternatives": [{"edition": "4", "code": "4"}]}
    await chicago.does(f"{omar}/decline", higher)
    (declined,) = await chicago.said(omar, "referral_declined")
    assert declined["reason"] == "needs_higher_level"
    assert declined["alternatives_offered"] == [{"edition": "4", "code": "4"}]
    assert await chicago.stage(omar) == "DECLINED"


async def low_is_no_alert(chicago: Clinic) -> None:
    # S10: low raises nothing, and what does not fit together is refused, never guessed.
    quy = await comes(chicago)
    odd = await chicago.refuses(f"{quy}/screening", screening(suicide=[1, 0, 1, 0, 0, 0]))
    assert odd.body["code"] == "bad_answers"
    await chicago.does(f"{quy}/screening", screening(suicide=[1, 1, 0, 0, 0, 0]))
    assert "safety_alert_raised" not in await chicago.heard(quy)
    assert (await chicago.get(quy))["screening"]["suicide_risk"] == "low"


async def the_alert_outlives_the_referral(chicago: Clinic, omar: str, alert: str) -> None:
    # S7: the alert did not close with the referral; a person closes it. It never escalated again.
    found = {a["id"]: a for a in (await chicago.get("/v1/alerts"))["items"]}
    assert (found[alert]["stage"], found[alert]["late"]) == ("DECLINED", True)
    await chicago.clock("2026-03-20T17:50")
    assert await chicago.said(omar, "safety_alert_resolved") == []
    await chicago.does(f"{omar}/alerts/{alert}/resolution", {"plan_ref": "arrived"}, role="clinician")
    (resolved,) = await chicago.said(omar, "safety_alert_resolved")
    about = ("alert_id", "resolved_at", "plan_ref")
    assert [resolved[k] for k in about] == [alert, "2026-03-20T22:50:00Z", "arrived"]
    assert alert not in {a["id"] for a in (await chicago.get("/v1/alerts"))["items"]}
    assert len(await chicago.said(omar, "safety_alert_escalated")) == 1
    assert len(await chicago.said(omar, "safety_alert_raised")) == 1
    assert await chicago.told(omar, role="patient") == []


async def noors_way_goes_on(chicago: Clinic, noor: str) -> None:
    # S8: taken in hand in time, and assessed on Monday.
    (alert,) = (await chicago.get(noor))["alerts"]
    await chicago.clock("2026-03-20T18:30")
    await chicago.does(f"{noor}/alerts/{alert['id']}/acknowledgement", role="clinician")
    (taken,) = await chicago.said(noor, "safety_alert_acknowledged")
    assert (taken["acknowledged_at"], taken["late"]) == ("2026-03-20T23:30:00Z", False)
    await chicago.clock("2026-03-23T10:00")
    await chicago.does(f"{noor}/assessment", edition_4() | {"assessor_credential": "LCSW"})
    assert await chicago.stage(noor) == "ASSESSED"
