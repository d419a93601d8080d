"""May to August: Rosa and the bundles (9), Uma, Vic and Wes (10)."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, Clinic, answers, form, screening
from tests.journeys.vignettes.conftest import OPEN

SNOMED = "http://snomed.info/sct"
COVERED = {"payer_id": "payer", "plan_kind": "commercial", "status": "active", "auth_required": False}
CERTIFIED_BY_NOBODY = {"primary_clinician_id": "clinician", "program_kind": "sud"}


def person(id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"family": f"Person{id}", "given": ["Some"]}],
        "telecom": [{"system": "phone", "value": f"508 555 01{ord(id):02d}"}],
        **more,
    }


def overdose(id: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{id}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": SNOMED, "code": "55680006"}]},
        "onsetDateTime": "2002-10-06T10:00:00-04:00",
    }


def bundled(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": r} for r in resources]}


async def test_rosa_9_two_doors_lead_to_one_way(story: OPEN) -> None:
    network = await story("two-doors", "2026-05-21T09:05")
    await network.opens("two-boston")
    await network.opens("two-worcester")
    rosa = {"given": "Rosa", "family": "Luz", "birth_date": "1988-02-03", "phone": "617 555 0101"}

    # S1: she phones Boston.
    first = await network.refers(site="two-boston", **rosa)

    # S2, S3: her doctor sends FHIR to Worcester, twice. The answer is word for word that of a new referral.
    await network.clock("2026-05-24T14:20")
    hers = person("r", name=[{"family": "Luz", "given": ["Rosa"]}], birthDate="1988-02-03")
    hers["telecom"] = [{"system": "phone", "value": "+1 (617) 555-0101"}]
    order = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/r"},
        "requester": {"reference": "Practitioner/d1"},
    }
    doctor: dict[str, Any] = {"role": "referrer", "sites": ["two-worcester"], "fhir": True}
    known = await network.does("/v1/referrals", bundled(hers, order), **doctor)
    again = await network.does("/v1/referrals", bundled(hers, order), **doctor)
    stranger = person("s", birthDate="1970-01-01")
    new = await network.does(
        "/v1/referrals", bundled(stranger, {**order, "subject": {"reference": "Patient/s"}}), **doctor
    )
    words = [{k: v for k, v in answer.items() if k != "id"} for answer in (known, again, new)]
    assert words[0] == words[1] == words[2]
    (linked,) = await network.said(first, "referral_linked")
    assert (linked["source"], linked["wished_site_id"]) == ("pcp", "two-worcester")
    assert len(await network.said(first, "referral_received")) == 1
    sources = (await network.get(first))["sources"]
    assert [(s["source"], s["site_id"]) for s in sources] == [
        ("self", "two-boston"),
        ("pcp", "two-worcester"),
    ]

    # S4: another woman of the same name and birth date is somebody else, until a person says otherwise.
    await network.clock("2026-05-25T11:00")
    other = await network.refers(site="two-worcester", **{**rosa, "phone": "508 555 0177"})
    assert (await network.get(other))["flags"] == ["possible_match"]
    (match,) = (await network.get(f"{other}/matches"))["items"]
    assert (f"/v1/referrals/{match['referral_id']}", match["score_permille"]) == (first, 600)

    # S5, S6: declined from REFERRED; the doctor refers again, and the new way is linked back.
    await network.clock("2026-05-29T10:00")
    await network.does(f"{first}/decline", {"reason": "patient_declined"})
    await network.clock("2026-06-06T09:00")
    await network.does("/v1/referrals", bundled(hers, order), **doctor)
    (back,) = (await network.get("/v1/referrals?site_id=two-worcester&source=pcp&stage=referred"))["items"][
        1:
    ]
    assert f"/v1/referrals/{back['prior_episode_id']}" == first
    assert back["patient_id"] == (await network.get(first))["patient_id"]

    # S8: 31 days later a hospital refers her: still linked, whatever its age (K18).
    await network.clock("2026-07-07T22:15")
    answer = await network.does("/v1/referrals", form("two-boston", "hospital", **rosa))
    assert (answer["linked"], answer["referral_id"]) == (True, back["id"])


async def test_a_batch_of_bundles_9_and_what_an_old_code_does_not_say(story: OPEN) -> None:
    network = await story("bundles", "2026-07-08T23:40")
    await network.opens("bundles-boston")
    batch = {
        "a": bundled(
            person("a", birthDate="1979-08-14", communication=[{"language": {"coding": [{"code": "pt"}]}}]),
            overdose("a"),
            {"resourceType": "Coverage", "type": {"text": "medicaid"}},
        ),
        "b": bundled(
            person("b", birthDate="1960-01-01", deceasedDateTime="2015-01-02T00:00:00Z"), overdose("b")
        ),
        "c": bundled(overdose("c")),
        "d": bundled(person("d", birthDate="1915-07-03"), overdose("d")),
    }
    got = {name: await network.post("/v1/referrals", bundle, fhir=True) for name, bundle in batch.items()}
    assert {name: (a.status, a.body.get("code")) for name, a in got.items()} == {
        "a": (201, None),
        "b": (422, "deceased"),
        "c": (422, "no_patient"),
        "d": (201, None),
    }
    a, d = (f"/v1/referrals/{got[name].body['referral_id']}" for name in "ad")
    assert "check_age" in (await network.get(d))["flags"]

    # S9: nothing is guessed from a code of 2002: it is shown, for somebody to ask about.
    shown = await network.get(a)
    assert (shown["source"], shown["urgency"], shown["program_kind"]) == ("other", "routine", None)
    assert (shown["flags"], shown["person"]["language"]) == (["overdose_check"], "pt")
    (asked,) = shown["indications"]
    assert (asked["code"], asked["onset"]) == ("55680006", "2002-10-06")
    assert (shown["diagnoses"], shown["coverage"], shown["alerts"]) == ([], None, [])
    assert await network.heard(a) == ["referral_received"]

    # S10: it was a suicide attempt, long ago.
    await network.clock("2026-07-10T15:00")
    await network.does(f"{a}/consents", {"kind": "treatment_verbal", "signers": []})
    told = answers(cows=[0] * 11, dast10=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    await network.does(
        f"{a}/screening", screening(told, suicide=[0, 0, None, None, None, 2], withdrawal_risk=None)
    )
    (raised,) = await network.said(a, "safety_alert_raised")
    assert (raised["severity"], raised["due_ack_at"]) == ("moderate", "2026-07-11T04:00:00Z")
    (screened,) = await network.said(a, "patient_screened")
    scores = {r["instrument"]: r.get("total") for r in screened["results"]}
    assert (scores["cows"], scores["dast10"], screened["withdrawal_risk"]) == (0, 0, "none")


EVENING = {"dow": [1, 3, 4], "start_local": "18:00", "end_local": "21:00", "capacity": 4}
WISH = {"weekly_minutes": 540, "days_per_week": 3, "program_kind": "sud"}


async def ready(clinic: Clinic, urgency: str = "routine", *, screened: str, assessed: str) -> str:
    """Somebody screened and assessed on given days, covered, with consents."""
    who = await clinic.refers(site=clinic.sites[0], urgency=urgency, birth_date="1985-06-07")
    await clinic.signs(who)
    await clinic.does(f"{who}/coverage", COVERED)
    await clinic.clock(screened)
    await clinic.does(f"{who}/screening", screening())
    await clinic.clock(assessed)
    await clinic.does(f"{who}/assessment", ASSESSED)
    return who


async def free_a_seat(clinic: Clinic, full: list[str]) -> None:
    """One of those in the group moves away."""
    episode = full.pop().replace("referrals", "episodes")
    await clinic.does(
        f"{episode}/discharge",
        {"reason": "moved", "risks_discussed": True},
        service="progress",
        role="director",
    )


async def entry(clinic: Clinic, who: str) -> dict[str, Any]:
    found: dict[str, Any] = (await clinic.get(who))["entry"]
    return found


async def test_uma_vic_and_wes_10_three_offers_no_answer(story: OPEN) -> None:
    albany = await story("albany-uma", "2026-07-20T09:00")
    await albany.opens("albany-uma", group=EVENING)
    full = []
    for _ in range(4):
        filler = await ready(albany, screened="2026-07-20T09:00", assessed="2026-07-20T09:00")
        await albany.does(f"{filler}/seat-request", {**WISH, "earliest_start": "2026-07-22"})
        await albany.does(f"{filler}/admission", {"program_id": "adult_sud_evening", **CERTIFIED_BY_NOBODY})
        full.append(filler)

    # The group is full. Wes waits first, then Uma and Vic, who are more urgent; the days of the story
    # are moved by seven weeks, its weekdays and spans are kept.
    wes = await ready(albany, screened="2026-07-22T10:00", assessed="2026-07-22T11:00")
    await albany.clock("2026-07-29T10:00")
    await albany.does(f"{wes}/seat-request", {**WISH, "earliest_start": "2026-08-03"})
    assert await albany.stage(wes) == "WAITLISTED"
    uma = await ready(albany, "urgent", screened="2026-07-31T10:00", assessed="2026-08-03T13:30")
    vic = await ready(albany, "urgent", screened="2026-08-03T13:40", assessed="2026-08-03T13:50")

    # S1: no seat: a place in the queue for thirty days.
    await albany.clock("2026-08-03T14:00")
    await albany.does(f"{uma}/seat-request", {**WISH, "earliest_start": "2026-08-10"})
    assert await albany.heard(uma) == [
        *(["referral_received"] + ["consent_granted"] * 3 + ["coverage_verified"]),
        *("patient_screened", "patient_assessed", "seat_requested", "seat_unavailable", "patient_waitlisted"),
    ]
    waiting = await entry(albany, uma)
    assert (waiting["priority"], waiting["expires_at"]) == (2, "2026-09-02T18:00:00Z")
    await albany.clock("2026-08-03T14:05")
    await albany.does(f"{vic}/seat-request", {**WISH, "earliest_start": "2026-08-10"})
    queue = {row["referral_id"]: row["position"] for row in (await albany.get("/v1/waitlist"))["items"]}
    assert [queue[w.rpartition("/")[2]] for w in (uma, vic, wes)] == [1, 2, 3]

    # Offer 1: a freed seat is offered at once, with what must be made anew, and ends after 48 hours.
    await albany.clock("2026-08-12T14:20")
    await free_a_seat(albany, full)
    (offer,) = await albany.said(uma, "waitlist_offer_made")
    assert (offer["offered_at"], offer["offer_expires_at"]) == (
        "2026-08-12T18:20:00Z",
        "2026-08-14T18:20:00Z",
    )
    assert offer["needs"] == ["suicide_screen"]
    assert (await albany.get(uma))["next_action"]["what"] == "new_suicide_screen"
    assert await albany.said(vic, "waitlist_offer_made") == []
    await albany.clock("2026-08-14T14:20")
    assert len(await albany.said(uma, "waitlist_offer_expired")) == 1
    (vics,) = await albany.said(vic, "waitlist_offer_made")
    assert vics["offered_at"] == "2026-08-14T18:20:00Z"
    assert await albany.said(wes, "waitlist_offer_made") == []
    await albany.clock("2026-08-14T14:40")
    refusal = await albany.refuses(f"{uma}/offer", {"accept": True})
    assert "offer_open" in refusal.guards
    assert (await entry(albany, uma))["misses"] == 1

    # S3: Vic accepts, but his suicide screen is eleven days old; the seat stays held for him.
    await albany.clock("2026-08-14T16:00")
    refusal = await albany.refuses(f"{vic}/offer", {"accept": True})
    assert refusal.guards == {"suicide_screen_current"}
    await albany.clock("2026-08-14T16:25")
    await albany.does(f"{vic}/screening", screening())
    await albany.clock("2026-08-14T16:30")
    await albany.does(f"{vic}/offer", {"accept": True})
    assert await albany.stage(vic) == "ASSESSED"
    assert (await albany.get(vic))["past_entry"]["status"] == "BOOKED"
    await albany.does(f"{vic}/admission", {"program_id": "adult_sud_evening", **CERTIFIED_BY_NOBODY})

    # Offer 2: made in quiet hours; its end does not move. Somebody as urgent takes the seat she lets go.
    xen = await ready(albany, screened="2026-08-17T12:00", assessed="2026-08-17T12:10")
    await albany.does(f"{xen}/seat-request", {**WISH, "earliest_start": "2026-08-18"})
    await albany.does(f"{xen}/priority", {"priority": 2, "reason": "pregnant"})
    await albany.clock("2026-08-18T21:30")
    await free_a_seat(albany, full)
    second = (await albany.said(uma, "waitlist_offer_made"))[-1]
    assert second["offer_expires_at"] == "2026-08-21T01:30:00Z"
    (told,) = [e for e in await albany.said(uma, "notification_sent") if e["template_id"] == "time_offered"]
    assert told["sent_at"] == "2026-08-12T18:20:00Z"
    await albany.clock("2026-08-19T08:01")
    told = [e for e in await albany.said(uma, "notification_sent") if e["template_id"] == "time_offered"][-1]
    assert told["sent_at"] == "2026-08-19T12:00:00Z"
    await albany.clock("2026-08-20T21:31")
    assert (await entry(albany, uma))["misses"] == 2
    assert "offer_open" in (await albany.refuses(f"{uma}/offer", {"accept": True})).guards
    assert len(await albany.said(xen, "waitlist_offer_made")) == 1
    await albany.does(f"{xen}/offer", {"accept": True})
    await albany.does(f"{xen}/admission", {"program_id": "adult_sud_evening", **CERTIFIED_BY_NOBODY})

    # Offer 3: the third miss ends her wait.
    await albany.clock("2026-08-24T10:00")
    await free_a_seat(albany, full)
    assert len(await albany.said(uma, "waitlist_offer_made")) == 3
    await albany.clock("2026-08-26T10:00")
    (declined,) = await albany.said(uma, "referral_declined")
    assert (declined["reason"], declined["closed_at"]) == ("unreachable", "2026-08-26T14:00:00Z")
    assert await albany.stage(uma) == "DECLINED"
    assert (await albany.get(uma))["past_entry"]["status"] == "EXPIRED"

    # S4: Wes was assessed 35 days ago: no seat is offered to him by itself. A person may ask for him.
    assert await albany.said(wes, "waitlist_offer_made") == []
    assert (await albany.get(wes))["next_action"]["what"] == "renew_assessment"
    await albany.does(f"{wes}/seat-request/out-of-turn", {"reason": "longest_wait"})
    offered = (await albany.said(wes, "waitlist_offer_made"))[-1]
    assert offered["offer_expires_at"] == "2026-08-28T14:00:00Z"
    assert set(offered["needs"]) == {"suicide_screen", "assessment"}
    await albany.clock("2026-08-26T10:30")
    refusal = await albany.refuses(f"{wes}/offer", {"accept": True})
    assert refusal.guards == {"assessment_current", "suicide_screen_current"}
    await albany.clock("2026-08-27T10:00")
    await albany.does(f"{wes}/screening", screening())
    await albany.does(f"{wes}/assessment", ASSESSED)
    await albany.does(f"{wes}/offer", {"accept": True})
    assert await albany.stage(wes) == "ASSESSED"

    # S2: she calls: a new way opens.
    await albany.clock("2026-08-28T10:00")
    person_of_uma = (await albany.get(uma))["person"]
    back = await albany.does(
        "/v1/referrals",
        form("albany-uma", **{k: person_of_uma[k] for k in ("given", "family", "birth_date", "phone")}),
    )
    assert (back["linked"], back["stage"]) == (False, "REFERRED")
