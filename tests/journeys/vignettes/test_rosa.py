"""Rosa and strangers (9): two doors, and a bundle with nothing but an old overdose."""

from typing import Any

from tests.journeys.vignettes.clinic import ASSESSED, Clinic, answers, form, screening
from tests.journeys.vignettes.conftest import OPEN
from tests.journeys.vignettes.weeks import COMMERCIAL, FRI, MON, WED, authorized, live, wish

SNOMED = "http://snomed.info/sct"
ROSA = {"given": "Rosa", "family": "Luz", "birth_date": "1988-02-03", "phone": "617 555 0101"}
IRRELEVANT = (
    "38341003",
    "44054006",
    "195662009",
    "444814009",
    "271737000",
    "162864005",
    "10509002",
    "40055000",
)
"""Blood pressure, a cold, a bronchitis: what else a record holds."""


def person(id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"family": f"Person{id}", "given": ["Some"]}],
        "telecom": [{"system": "phone", "value": f"508 555 01{ord(id):02d}"}],
        **more,
    }


def condition(id: str, code: str, onset: str, **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": SNOMED, "code": code}]}
    about = {"resourceType": "Condition", "subject": {"reference": f"Patient/{id}"}, "code": coded}
    return about | {"onsetDateTime": onset} | more


def overdose(id: str) -> dict[str, Any]:
    return condition(
        id, "55680006", "2002-10-06T10:00:00-04:00", clinicalStatus={"coding": [{"code": "active"}]}
    )


def ordered(id: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{id}"},
        "requester": {"reference": "Practitioner/d1"},
    }


def bundled(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": r} for r in resources]}


def rosa_in_fhir() -> dict[str, Any]:
    hers = person("r", name=[{"family": "Luz", "given": ["Rosa"]}], birthDate="1988-02-03")
    hers["telecom"] = [{"system": "phone", "value": "+1 (617) 555-0101"}]
    return bundled(hers, ordered("r"))


async def sent_by(clinic: Clinic, site: str, bundle: dict[str, Any], path: str = "/v1/referrals") -> Any:
    """A doctor or a hospital sends a bundle, and may not look at anybody here."""
    return await clinic.does(path, bundle, role="referrer", sites=[site], fhir=True)


def words(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the number that every sender gets."""
    return {k: v for k, v in answer.items() if k != "id"}


async def test_rosa_9_two_doors_lead_to_one_way(own_story: OPEN) -> None:
    network = await own_story("two-doors", "2026-05-04T09:05")
    morning = {"group_id": "morning", "dow": [MON, WED, FRI], "start_local": "09:00", "end_local": "12:00"}
    await network.opens("two-boston")
    await network.opens("two-worcester", group=morning)
    first = await she_calls_and_her_doctor_writes(network)
    back, as_new = await she_ends_it_and_comes_back(network, first)
    await she_is_admitted(network, back)
    await a_hospital_refers_her_too(network, back, as_new)


async def she_calls_and_her_doctor_writes(network: Clinic) -> str:
    # S1: she phones Boston.
    first = await network.refers(site="two-boston", **ROSA)
    (received,) = await network.said(first, "referral_received")
    assert (received["source"], await network.stage(first)) == ("self", "REFERRED")
    assert await network.told(first) == [("new_referral", "admissions")]

    # S2, S3: her doctor sends FHIR to Worcester, twice. The answer is word for word that of a new referral.
    await network.clock("2026-05-07T14:20")
    known = await sent_by(network, "two-worcester", rosa_in_fhir())
    await network.clock("2026-05-07T14:21")
    again = await sent_by(network, "two-worcester", rosa_in_fhir())
    stranger = bundled(person("s", birthDate="1970-01-01"), ordered("s"))
    new = await sent_by(network, "two-worcester", stranger)
    assert words(known) == words(again) == words(new)
    assert (again["id"], new["id"]) == (known["id"], new["id"])
    (linked,) = await network.said(first, "referral_linked")
    assert (linked["source"], linked["wished_site_id"]) == ("pcp", "two-worcester")
    assert linked["at"].isoformat() == "2026-05-07T18:20:00+00:00"
    assert await network.heard(first) == ["referral_received", "referral_linked"]
    assert await network.stage(first) == "REFERRED"
    sources = (await network.get(first))["sources"]
    assert [(s["source"], s["site_id"]) for s in sources] == [
        ("self", "two-boston"),
        ("pcp", "two-worcester"),
    ]
    # No second flow of tasks: whoever has the first hears of the second, once.
    assert await network.told(first, "2026-05-05") == [("referral_linked", "admissions")]

    # S4: another woman of the same name and birth date is somebody else, until a person says otherwise.
    await network.clock("2026-05-08T11:00")
    other = await network.refers(site="two-worcester", **{**ROSA, "phone": "508 555 0177"})
    assert await network.heard(other) == ["referral_received"]
    assert (await network.get(other))["flags"] == ["possible_match"]
    (match,) = (await network.get(f"{other}/matches"))["items"]
    assert (f"/v1/referrals/{match['referral_id']}", match["score_permille"]) == (first, 600)
    assert (await network.get(other))["patient_id"] != (await network.get(first))["patient_id"]
    assert len((await network.get(first))["sources"]) == 2
    return first


async def she_ends_it_and_comes_back(network: Clinic, first: str) -> tuple[str, dict[str, Any]]:
    """The way that opens anew, and the words that its sender got."""
    # S5: she no longer wants it.
    await network.clock("2026-05-12T10:00")
    await network.does(f"{first}/decline", {"reason": "patient_declined"})
    (declined,) = await network.said(first, "referral_declined")
    assert (declined["reason"], declined["closed_at"]) == ("patient_declined", "2026-05-12T14:00:00Z")
    assert await network.stage(first) == "DECLINED"

    # S6: eight days later the doctor refers again: nothing is open, so a new way is, linked back.
    await network.clock("2026-05-20T09:00")
    answer = await sent_by(network, "two-worcester", rosa_in_fhir())
    found = (await network.get("/v1/referrals?site_id=two-worcester&source=pcp&stage=referred"))["items"]
    (back,) = [r for r in found if r["prior_episode_id"]]
    assert f"/v1/referrals/{back['prior_episode_id']}" == first
    assert back["patient_id"] == (await network.get(first))["patient_id"]
    path = f"/v1/referrals/{back['id']}"
    (received,) = await network.said(path, "referral_received")
    assert (received["prior_episode_id"], received["source"]) == (first.rpartition("/")[2], "pcp")
    return path, words(answer)


async def she_is_admitted(network: Clinic, back: str) -> None:
    # S7: admitted on Monday 1 June, on this way.
    await network.clock("2026-05-28T10:00")
    await network.signs(back)
    await network.does(f"{back}/screening", screening())
    await network.does(f"{back}/assessment", ASSESSED)
    await network.does(f"{back}/coverage", COMMERCIAL)
    await network.does(f"{back}/authorization", authorized(39, "2026-06-01", "2026-08-31"))
    await network.does(f"{back}/seat-request", wish("2026-06-01", 540, 3))
    await network.clock("2026-06-01T08:15")
    admission = {"program_id": "adult_sud_day", "program_kind": "sud", "primary_clinician_id": "dr-lee"}
    await network.does(f"{back}/admission", admission)
    (admitted,) = await network.said(back, "patient_admitted")
    assert (admitted["admitted_on"], admitted["primary_clinician_id"]) == ("2026-06-01", "dr-lee")
    episode = back.replace("referrals", "episodes")
    await network.agrees(episode)
    for monday in ("2026-06-01", "2026-06-08", "2026-06-15"):
        await live(network, episode, monday, dict.fromkeys((MON, WED, FRI), 0), "morning")
    assert (await network.course(episode))["state"] == "ATTENDING"


async def a_hospital_refers_her_too(network: Clinic, back: str, as_new: dict[str, Any]) -> None:
    # S8: on a Saturday night, 31 days after R3: linked to the running episode, whatever its age (K18).
    await network.clock("2026-06-20T22:15")
    said = await network.heard(back)
    opened = len((await network.get("/v1/referrals?limit=200"))["items"])
    hospital = "/v1/referrals?source=hospital"
    assert words(await sent_by(network, "two-boston", rosa_in_fhir(), hospital)) == as_new
    assert (await network.heard(back))[len(said) :] == ["referral_linked"]
    (linked,) = await network.said(back, "referral_linked")
    assert (linked["source"], linked["wished_site_id"]) == ("hospital", "two-boston")
    assert linked["at"].isoformat() == "2026-06-21T02:15:00+00:00"
    assert await network.told(back, "2026-06-21T02:15") == [("referral_linked", "clinician")]
    assert len((await network.get("/v1/referrals?limit=200"))["items"]) == opened
    assert await network.stage(back) == "ADMITTED"
    assert (await network.course(back.replace("referrals", "episodes")))["state"] == "ATTENDING"

    # Whoever may look sees where it went; by telephone it is no other.
    answer = await network.does("/v1/referrals", form("two-worcester", "hospital", **ROSA))
    assert (answer["linked"], f"/v1/referrals/{answer['referral_id']}") == (True, back)
    sources = [(s["source"], s["site_id"]) for s in (await network.get(back))["sources"]]
    assert sources[:2] == [("pcp", "two-worcester"), ("hospital", "two-boston")]


async def test_a_batch_of_bundles_9_and_what_an_old_code_does_not_say(own_story: OPEN) -> None:
    network = await own_story("bundles", "2026-05-09T23:40")
    morning = {"dow": [MON, WED, FRI], "start_local": "09:00", "end_local": "12:00"}
    await network.opens("bundles-boston", group=morning)
    portuguese = [{"language": {"coding": [{"code": "pt"}]}}]
    batch = {
        "a": bundled(
            person("a", birthDate="1979-08-14", communication=portuguese),
            overdose("a"),
            *(condition("a", code, "2015-03-01") for code in IRRELEVANT),
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
    assert len((await network.get("/v1/referrals"))["items"]) == 2
    assert "check_age" in (await network.get(d))["flags"]

    # S9: nothing is guessed from a code of 2002: it is shown, for somebody to ask about.
    shown = await network.get(a)
    assert (shown["source"], shown["urgency"], shown["program_kind"]) == ("other", "routine", None)
    assert (shown["flags"], shown["person"]["language"]) == (["overdose_check"], "pt")
    (asked,) = shown["indications"]
    assert (asked["code"], asked["onset"]) == ("55680006", "2002-10-06")
    assert (shown["diagnoses"], shown["coverage"], shown["alerts"]) == ([], None, [])
    assert await network.heard(a) == ["referral_received"]
    (received,) = await network.said(a, "referral_received")
    about = ("source", "urgency", "requested_program_kind")
    assert [received.get(k) for k in about] == ["other", "routine", None]
    # At 23:40 it waits on the worklist of admissions; nobody else is told anything.
    assert await network.told(a) == [("new_referral", "admissions")]
    await network.clock("2026-05-11T08:00")
    assert await network.told(a, "2026-05-10T03:41") == []
    assert (await network.get(a))["next_action"]["what"] == "contact"
    await it_was_something_else(network, a)


async def it_was_something_else(network: Clinic, a: str) -> None:
    # S10: it was a suicide attempt, long ago; and no drug is in the way, whatever the third item looks like.
    await network.clock("2026-05-12T15:00")
    await network.does(f"{a}/consents", {"kind": "treatment_verbal", "signers": []})
    told = answers(cows=[0] * 11, dast10=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    long_ago = [0, 0, None, None, None, 2]
    await network.does(f"{a}/screening", screening(told, suicide=long_ago, withdrawal_risk=None))
    (raised,) = await network.said(a, "safety_alert_raised")
    about = ("kind", "severity", "due_ack_at")
    assert [raised[k] for k in about] == ["suicide_risk", "moderate", "2026-05-13T04:00:00Z"]
    (screened,) = await network.said(a, "patient_screened")
    scores = {r["instrument"]: (r.get("total"), r.get("band")) for r in screened["results"]}
    assert (scores["cows"], scores["dast10"]) == ((0, "none"), (0, "none"))
    assert (screened["withdrawal_risk"], screened["suicide_risk"]) == ("none", "moderate")
    assert not {"detox_referred", "coverage_verified"} & set(await network.heard(a))

    # He goes the way of mental health, as what is diagnosed says, not the old code.
    (alert,) = (await network.get(a))["alerts"]
    await network.does(f"{a}/alerts/{alert['id']}/acknowledgement", role="clinician")
    await network.does(f"{a}/consents", {"kind": "treatment"})
    judged = ASSESSED | {"diagnoses": [{"code": "F33.1", "rank": 1}], "assessor_credential": "LCSW"}
    await network.does(f"{a}/assessment", judged)
    await network.does(f"{a}/coverage", COMMERCIAL | {"auth_required": False})
    week = {"earliest_start": "2026-05-18", "weekly_minutes": 540, "days_per_week": 3}
    await network.does(f"{a}/seat-request", week)
    (requested,) = await network.said(a, "seat_requested")
    assert (requested["program_kind"], requested["language"]) == ("mental_health", "pt")
