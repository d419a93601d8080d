"""Uma, Vic and Wes (10): three offers and no answer."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, Clinic, form, screening
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import COMMERCIAL, MON, THU, WED

COVERED = COMMERCIAL | {"auth_required": False}
CAPACITY = 12
EVENING = {"group_id": "evening", "dow": [MON, WED, THU], "start_local": "18:00", "end_local": "21:00"}
WISH = {"weekly_minutes": 540, "days_per_week": 3, "program_kind": "sud"}
ADMISSION = {
    "program_id": "adult_sud_evening",
    "primary_clinician_id": "clinician",
    "program_kind": "sud",
}
INSIDE = {"slots", "group_id", "program_id", "program_kind", "kind"}
"""What an offer must not carry: group, kind of site, program."""


async def ready(clinic: Clinic, urgency: str = "routine", *, screened: str, assessed: str) -> str:
    """Somebody screened and assessed on given days, covered, with consents."""
    who = await clinic.refers(site="albany", urgency=urgency, birth_date="1985-06-07")
    await clinic.signs(who)
    await clinic.does(f"{who}/coverage", COVERED)
    await clinic.clock(screened)
    await clinic.does(f"{who}/screening", screening())
    await clinic.clock(assessed)
    await clinic.does(f"{who}/assessment", ASSESSED)
    return who


async def free_a_seat(clinic: Clinic, full: list[str]) -> None:
    """One of those in the group moves away."""
    gone = full.pop().replace("referrals", "episodes")
    await clinic.cares(gone, "discharge", {"reason": "moved", "risks_discussed": True}, role="director")


async def entry(clinic: Clinic, who: str) -> dict[str, Any]:
    found: dict[str, Any] = (await clinic.get(who))["entry"]
    return found


async def offers(clinic: Clinic, who: str) -> list[tuple[str, str]]:
    """When offers were made to somebody, and until when they stood."""
    made = await clinic.said(who, "waitlist_offer_made")
    return [(o["offered_at"], o["offer_expires_at"]) for o in made]


async def texts_of_offers(clinic: Clinic, who: str) -> list[tuple[str, str]]:
    """When somebody was told of an offer, and how."""
    sent = await clinic.said(who, "notification_sent")
    return [(m["sent_at"], m["channel"]) for m in sent if m["template_id"] == "time_offered"]


async def test_uma_vic_and_wes_10_three_offers_no_answer(own_story: OPEN) -> None:
    albany = await own_story("albany-uma", "2026-03-16T09:00")
    full = await the_group_is_full(albany)
    uma, vic, wes = await three_wait(albany)
    await the_first_offer(albany, full, uma, vic, wes)
    await vic_takes_his(albany, vic)
    await the_second_offer(albany, full, uma, wes)
    await the_third_offer(albany, full, uma)
    await wes_is_asked_out_of_turn(albany, wes)
    await she_calls_again(albany, uma)


async def the_group_is_full(albany: Clinic) -> list[str]:
    """Twelve people have the twelve seats; the first of them is to leave on Sunday 14 June."""
    group = EVENING | {"capacity": CAPACITY}
    await albany.opens("albany", group=group)
    full = []
    for day in ("2026-03-16", *(["2026-05-18"] * (CAPACITY - 1))):
        who = await ready(albany, screened=f"{day}T09:00", assessed=f"{day}T09:00")
        await albany.does(f"{who}/seat-request", {**WISH, "earliest_start": day})
        await albany.does(f"{who}/admission", ADMISSION)
        full.append(who)
    (admitted,) = await albany.said(full[0], "patient_admitted")
    assert admitted["planned_end_on"] == "2026-06-14"
    await albany.agrees(full[0].replace("referrals", "episodes"), effective_from="2026-06-08")
    return full


async def three_wait(albany: Clinic) -> tuple[str, str, str]:
    # S4: Wes has waited since Wednesday 27 May.
    wes = await ready(albany, screened="2026-05-20T10:00", assessed="2026-05-20T11:00")
    await albany.clock("2026-05-27T10:00")
    await albany.does(f"{wes}/seat-request", {**WISH, "earliest_start": "2026-06-01"})
    assert await albany.stage(wes) == "WAITLISTED"
    assert (await entry(albany, wes))["expires_at"] == "2026-06-26T14:00:00Z"

    # S1: no seat for Uma, who is more urgent: a place in the queue for thirty days.
    uma = await ready(albany, "urgent", screened="2026-05-29T10:00", assessed="2026-06-01T13:30")
    vic = await ready(albany, "urgent", screened="2026-06-01T13:40", assessed="2026-06-01T13:50")
    await albany.clock("2026-06-01T14:00")
    await albany.does(f"{uma}/seat-request", {**WISH, "earliest_start": "2026-06-08"})
    assert await albany.heard(uma) == [
        *(["referral_received"] + ["consent_granted"] * 3 + ["coverage_verified"]),
        *("patient_screened", "patient_assessed", "seat_requested", "seat_unavailable", "patient_waitlisted"),
    ]
    (none,) = await albany.said(uma, "seat_unavailable")
    assert (none["cause"], none["next_available_on"]) == ("no_free_seat", "2026-06-15")
    (waitlisted,) = await albany.said(uma, "patient_waitlisted")
    about = ("priority", "entered_at", "expires_at")
    assert [waitlisted[k] for k in about] == [2, "2026-06-01T18:00:00Z", "2026-07-01T18:00:00Z"]
    assert await albany.stage(uma) == "WAITLISTED"
    await albany.clock("2026-06-01T14:05")
    await albany.does(f"{vic}/seat-request", {**WISH, "earliest_start": "2026-06-08"})
    queue = {row["referral_id"]: row["position"] for row in (await albany.get("/v1/waitlist"))["items"]}
    assert [queue[w.rpartition("/")[2]] for w in (uma, vic, wes)] == [1, 2, 3]
    return uma, vic, wes


async def the_first_offer(albany: Clinic, full: list[str], uma: str, vic: str, wes: str) -> None:
    # Offer 1: a freed seat is offered at once, with what must be made anew, and ends after 48 hours.
    await albany.clock("2026-06-10T14:20")
    await free_a_seat(albany, full)
    assert await offers(albany, uma) == [("2026-06-10T18:20:00Z", "2026-06-12T18:20:00Z")]
    assert await texts_of_offers(albany, uma) == [("2026-06-10T18:20:00Z", "sms")]
    (offer,) = await albany.said(uma, "waitlist_offer_made")
    assert offer["needs"] == ["suicide_screen"]
    assert not INSIDE & offer.keys()
    assert ("offer_open_renew", "admissions") in await albany.told(uma, "2026-06-10T18:20")
    assert (await albany.get(uma))["next_action"]["what"] == "new_suicide_screen"
    assert await offers(albany, vic) == []
    await albany.clock("2026-06-12T14:19")
    assert await albany.said(uma, "waitlist_offer_expired") == []
    await albany.clock("2026-06-12T14:20")
    (expired,) = await albany.said(uma, "waitlist_offer_expired")
    (released,) = await albany.said(uma, "seat_released")
    assert {e["at"].isoformat() for e in (expired, released)} == {"2026-06-12T18:20:00+00:00"}
    assert (expired["misses"], await albany.stage(uma)) == (1, "WAITLISTED")

    # In the same moment it is Vic's, and nobody else's.
    assert await offers(albany, vic) == [("2026-06-12T18:20:00Z", "2026-06-14T18:20:00Z")]
    assert await offers(albany, wes) == []
    await albany.clock("2026-06-12T14:40")
    refusal = await albany.refuses(f"{uma}/offer", {"accept": True})
    assert "offer_open" in refusal.guards
    assert (await entry(albany, uma))["misses"] == 1


async def vic_takes_his(albany: Clinic, vic: str) -> None:
    # S3: Vic accepts, but his suicide screen is eleven days old; the seat stays held for him.
    await albany.clock("2026-06-12T16:00")
    refusal = await albany.refuses(f"{vic}/offer", {"accept": True})
    assert refusal.guards == {"suicide_screen_current"}
    assert refusal.fact("suicide_screen_current")["days"] == 11
    assert await albany.said(vic, "seat_released") == []
    await albany.clock("2026-06-12T16:25")
    await albany.does(f"{vic}/screening", screening())
    await albany.clock("2026-06-12T16:30")
    await albany.does(f"{vic}/offer", {"accept": True})
    (accepted,) = await albany.said(vic, "waitlist_offer_accepted")
    assert accepted["accepted_at"] == "2026-06-12T20:30:00Z"
    assert await albany.stage(vic) == "ASSESSED"
    assert (await albany.get(vic))["past_entry"]["status"] == "BOOKED"
    await albany.does(f"{vic}/admission", ADMISSION)


async def the_second_offer(albany: Clinic, full: list[str], uma: str, wes: str) -> None:
    # Somebody as urgent as Uma waits too, so that the seat which she lets go is taken by others.
    xen = await ready(albany, screened="2026-06-15T12:00", assessed="2026-06-15T12:10")
    await albany.does(f"{xen}/seat-request", {**WISH, "earliest_start": "2026-06-16"})
    await albany.does(f"{xen}/priority", {"priority": 2, "reason": "pregnant"})

    # Offer 2: made in quiet hours: the text waits for the morning, the end of the offer does not move.
    await albany.clock("2026-06-16T21:30")
    await free_a_seat(albany, full)
    assert (await offers(albany, uma))[1:] == [("2026-06-17T01:30:00Z", "2026-06-19T01:30:00Z")]
    assert ("offer_open_renew", "admissions") in await albany.told(uma, "2026-06-17T01:30")
    assert len(await texts_of_offers(albany, uma)) == 1
    await albany.clock("2026-06-17T08:01")
    assert (await texts_of_offers(albany, uma))[1:] == [("2026-06-17T12:00:00Z", "sms")]
    await albany.clock("2026-06-18T21:30")
    assert [e["misses"] for e in await albany.said(uma, "waitlist_offer_expired")] == [1, 2]
    assert (len(await offers(albany, xen)), await offers(albany, wes)) == (1, [])
    await albany.clock("2026-06-19T07:00")
    assert "offer_open" in (await albany.refuses(f"{uma}/offer", {"accept": True})).guards
    assert (await entry(albany, uma))["misses"] == 2
    await albany.does(f"{xen}/offer", {"accept": True})
    await albany.does(f"{xen}/admission", ADMISSION)


async def the_third_offer(albany: Clinic, full: list[str], uma: str) -> None:
    # Offer 3: the third miss ends her wait, a week before her place in the queue would have ended.
    await albany.clock("2026-06-22T10:00")
    await free_a_seat(albany, full)
    assert (await offers(albany, uma))[2:] == [("2026-06-22T14:00:00Z", "2026-06-24T14:00:00Z")]
    assert await albany.said(uma, "referral_declined") == []
    await albany.clock("2026-06-24T10:00")
    (declined,) = await albany.said(uma, "referral_declined")
    assert (declined["reason"], declined["closed_at"]) == ("unreachable", "2026-06-24T14:00:00Z")
    assert await albany.stage(uma) == "DECLINED"
    assert (await albany.get(uma))["past_entry"]["status"] == "EXPIRED"


async def wes_is_asked_out_of_turn(albany: Clinic, wes: str) -> None:
    # S4: Wes was assessed 35 days ago: no seat is offered to him by itself. A person may ask for him.
    assert await offers(albany, wes) == []
    assert (await albany.get(wes))["next_action"]["what"] == "renew_assessment"
    await albany.does(f"{wes}/seat-request/out-of-turn", {"reason": "longest_wait"})
    assert await offers(albany, wes) == [("2026-06-24T14:00:00Z", "2026-06-26T14:00:00Z")]
    (offered,) = await albany.said(wes, "waitlist_offer_made")
    assert set(offered["needs"]) == {"suicide_screen", "assessment"}
    await albany.clock("2026-06-24T10:30")
    refusal = await albany.refuses(f"{wes}/offer", {"accept": True})
    assert refusal.guards == {"assessment_current", "suicide_screen_current"}
    assert refusal.fact("assessment_current")["days"] == 35

    # Both are made anew while he waits, and the offer still stands.
    await albany.clock("2026-06-25T10:00")
    await albany.does(f"{wes}/screening", screening())
    await albany.does(f"{wes}/assessment", ASSESSED)
    assert await albany.stage(wes) == "WAITLISTED"
    await albany.does(f"{wes}/offer", {"accept": True})
    assert await albany.stage(wes) == "ASSESSED"


async def she_calls_again(albany: Clinic, uma: str) -> None:
    # S2: one neutral note closed her way; no offer and no reminder came after it.
    await albany.clock("2026-07-10T10:00")
    assert await albany.told(uma, "2026-06-24T14:00", "patient") == [("goodbye", "patient")]
    assert len(await offers(albany, uma)) == 3

    # She calls: a new way opens.
    hers = (await albany.get(uma))["person"]
    known = {k: hers[k] for k in ("given", "family", "birth_date", "phone")}
    back = await albany.does("/v1/referrals", form("albany", **known))
    assert (back["linked"], back["stage"]) == (False, "REFERRED")
    (received,) = await albany.said(f"/v1/referrals/{back['referral_id']}", "referral_received")
    assert received["prior_episode_id"] == uma.rpartition("/")[2]
