"""Mel and Cal (5): detox first, and nothing measured before it counts."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, PACK, Clinic, answers, present, screening
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import COMMERCIAL, FRI, THU, TUE, WED, wish

DAY_GROUP = {"dow": [TUE, WED, THU, FRI], "start_local": "09:00", "end_local": "12:00"}
TO_D_1 = {
    "kind": "part2_disclosure",
    "disclosers": ["this-program"],
    "recipients": [{"id": "d-1", "kind": "detox_facility"}],
    "purposes": ["TREAT"],
    "info_categories": ["all"],
    "expires_event": "end_of_treatment",
}
CALMER_COWS = [0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]


async def in_withdrawal(clinic: Clinic, who: str) -> dict[str, Any]:
    """Screened with COWS 15: the gate opens a decision, and nothing happens by itself; what was said."""
    await clinic.signs(who, *PACK, TO_D_1)
    found = answers(
        cows=[2, 2, 1, 2, 2, 1, 2, 1, 1, 1, 0],
        ciwa_ar=[2, 2, 1, 1, 1, 0, 0, 0, 1, 0],
        phq9=[3, 2, 3, 3, 2, 2, 2, 2, 0],
    )
    await clinic.does(f"{who}/screening", screening(found, withdrawal_risk=None))
    (screened,) = await clinic.said(who, "patient_screened")
    return screened


def scores(screened: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {r["instrument"]: (r.get("total"), r.get("band")) for r in screened["results"]}


async def test_mel_5_detox_first_and_nothing_measured_before_counts(own_story: OPEN) -> None:
    albany = await own_story("albany-mel", "2026-02-04T16:20")
    await albany.opens("albany-mel", group=DAY_GROUP)

    # S1: the hospital refers.
    mel = await albany.refers(site="albany-mel", source="hospital", birth_date="1996-06-09")
    (received,) = await albany.said(mel, "referral_received")
    assert (received["source"], await albany.stage(mel)) == ("hospital", "REFERRED")
    assert received["at"].isoformat() == "2026-02-04T21:20:00+00:00"
    await she_is_sent_to_detox(albany, mel)
    await she_comes_back(albany, mel)
    await what_was_measured_before_is_no_start(albany, mel)


async def she_is_sent_to_detox(albany: Clinic, mel: str) -> None:
    # S2: COWS 15 opens a decision; CIWA-Ar 8 alone would not. No machine refers anybody.
    await albany.clock("2026-02-05T11:00")
    screened = await in_withdrawal(albany, mel)
    assert scores(screened) == {
        "cows": (15, "moderate"),
        "ciwa_ar": (8, "mild"),
        "phq9": (19, "moderately_severe"),
        "cssrs": (None, "none"),
    }
    assert (screened["withdrawal_risk"], screened["suicide_risk"]) == ("high", "none")
    assert await albany.stage(mel) == "SCREENED"
    assert not {"detox_referred", "safety_alert_raised"} & set(await albany.heard(mel))
    assert (await albany.get(mel))["next_action"]["what"] == "decide_on_detox"

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
    about = ("setting", "trigger", "facility_id", "expected_return_on")
    assert [referred[k] for k in about] == ["detox_facility", "cows", "d-1", "2026-02-12"]
    assert await albany.stage(mel) == "DETOX_REFERRED"

    # S5: no assessment from there, nor a seat.
    await albany.clock("2026-02-06T10:00")
    assert "stage" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards
    assert "stage" in (await albany.refuses(f"{mel}/seat-request", wish("2026-02-17", 720, 4))).guards


async def she_comes_back(albany: Clinic, mel: str) -> None:
    # S6: back, cleared. While she was away nothing reached her, and nothing was asked of anybody.
    await albany.clock("2026-02-12T09:00")
    assert await albany.told(mel, role="patient") == []
    assert await albany.told(mel, "2026-02-05T16:41") == []
    cleared = {"outcome": "completed", "medically_cleared": True}
    assert (await albany.refuses(f"{mel}/detox-return", cleared)).guards == {"cleared_by"}
    await albany.does(f"{mel}/detox-return", {**cleared, "cleared_by": "physician-d-1"})
    (completed,) = await albany.said(mel, "detox_completed")
    about = ("outcome", "medically_cleared", "cleared_by", "completed_at")
    told = ["completed", True, "physician-d-1", "2026-02-12T14:00:00Z"]
    assert [completed[k] for k in about] == told
    assert await albany.stage(mel) == "SCREENED"

    # S7: what was measured before is void, and the whole set must be new.
    await albany.clock("2026-02-12T09:30")
    assert "screening_current" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards
    await albany.clock("2026-02-12T10:00")
    only_cows = screening(answers(cows=CALMER_COWS), withdrawal_risk=None)
    refusal = await albany.refuses(f"{mel}/screening", only_cows)
    assert refusal.fact("whole_screening")["missing"] == ["ciwa_ar", "phq9"]
    assert "screening_current" in (await albany.refuses(f"{mel}/assessment", ASSESSED)).guards

    # S8: the whole set.
    await albany.clock("2026-02-12T14:00")
    anew = answers(
        cows=CALMER_COWS,
        ciwa_ar=[0, 1, 0, 1, 1, 0, 0, 0, 0, 0],
        phq9=[1, 2, 2, 2, 1, 2, 1, 1, 0],
        gad7=[1, 1, 2, 1, 1, 1, 1],
    )
    await albany.does(f"{mel}/screening", screening(anew, withdrawal_risk=None))
    first, second = await albany.said(mel, "patient_screened")
    assert first["screening_id"] != second["screening_id"]
    assert scores(second) == {
        "cows": (3, "none"),
        "ciwa_ar": (3, "mild"),
        "phq9": (12, "moderate"),
        "gad7": (8, "mild"),
        "cssrs": (None, "none"),
    }
    assert second["withdrawal_risk"] != "high"
    assert await albany.stage(mel) == "SCREENED"


async def what_was_measured_before_is_no_start(albany: Clinic, mel: str) -> None:
    # S9: assessed, and admitted on 17 February with the new screening as the baseline.
    await albany.clock("2026-02-13T10:00")
    await albany.does(f"{mel}/assessment", ASSESSED)
    assert (len(await albany.said(mel, "patient_assessed")), await albany.stage(mel)) == (1, "ASSESSED")
    await albany.does(f"{mel}/coverage", {**COMMERCIAL, "auth_required": False})
    await albany.does(f"{mel}/seat-request", wish("2026-02-17", 720, 4))
    await albany.clock("2026-02-17T08:00")
    admission = {"program_id": "adult_sud_day", "primary_clinician_id": "clinician", "program_kind": "sud"}
    await albany.does(f"{mel}/admission", admission)
    (admitted,) = await albany.said(mel, "patient_admitted")
    assert admitted["admitted_on"] == "2026-02-17"
    assert {r["instrument"]: r.get("total") for r in admitted["baseline"]}["phq9"] == 12

    # S10: the change counts from what was measured after the detox; withdrawal is no start of treatment.
    episode = mel.replace("referrals", "episodes")
    await albany.agrees(episode)
    await albany.meets("2026-02-17", present(episode))
    await albany.meets("2026-02-24", present(episode), until="09:05")
    measured = await albany.measures(episode, "phq9", [1, 2, 1, 2, 1, 2, 1, 1, 0])
    told = [measured[k] for k in ("total", "band", "baseline_total", "change", "reliable_change")]
    assert told == [11, "moderate", 12, -1, "none"]
    assert measured["at"].isoformat() == "2026-02-24T14:05:00+00:00"


async def test_cal_5_left_early_is_given_up_after_fourteen_days_without_contact(own_story: OPEN) -> None:
    albany = await own_story("albany-cal", "2026-02-05T11:00")
    await albany.opens("albany-cal")
    cal, dan = [await albany.refers(site="albany-cal", birth_date="1987-08-21") for _ in range(2)]
    for who in (cal, dan):
        await in_withdrawal(albany, who)
        await albany.does(f"{who}/detox", {"setting": "detox_facility", "trigger": "cows"})

    # S11: left early and not cleared, on a Sunday night: nothing changes.
    await albany.clock("2026-02-08T03:00")
    for who in (cal, dan):
        await albany.does(f"{who}/detox-return", {"outcome": "left_early", "medically_cleared": False})
        (completed,) = await albany.said(who, "detox_completed")
        about = ("outcome", "medically_cleared", "completed_at")
        assert [completed[k] for k in about] == ["left_early", False, "2026-02-08T08:00:00Z"]
        assert await albany.stage(who) == "DETOX_REFERRED"
    for day in ("2026-02-09", "2026-02-13", "2026-02-18"):
        await albany.clock(f"{day}T10:00")
        await albany.does(f"{cal}/contacts", {"channel": "phone", "reached": False})
    await albany.does(f"{dan}/contacts", {"channel": "phone", "reached": True})
    attempts = [(a["attempts"], a["reached"]) for a in await albany.said(cal, "outreach_attempted")]
    assert attempts == [(1, False), (2, False), (3, False)]
    gone = {"reason": "unreachable", "alternatives": ["3.7"]}
    await albany.clock("2026-02-21T10:00")
    refusal = await albany.refuses(f"{cal}/decline", gone)
    assert (refusal.guards, refusal.fact("contact_days_over")["days"]) == ({"contact_days_over"}, 13)
    await albany.clock("2026-02-22T10:00")
    await albany.does(f"{cal}/decline", gone)
    (declined,) = await albany.said(cal, "referral_declined")
    assert (declined["reason"], declined["closed_at"]) == ("unreachable", "2026-02-22T15:00:00Z")
    assert declined["alternatives_offered"] == [{"edition": "3", "code": "3.7"}]
    assert await albany.stage(cal) == "DECLINED"

    # S12: who answered is not unreachable, and may be sent to a second detox.
    assert (await albany.refuses(f"{dan}/decline", gone)).guards == {"not_reached"}
    await albany.does(f"{dan}/detox", {"setting": "hospital", "trigger": "clinician"})
    again = [d["setting"] for d in await albany.said(dan, "detox_referred")]
    assert again == ["detox_facility", "hospital"]
    assert await albany.stage(dan) == "DETOX_REFERRED"
