"""Intake as a process of its own: over HTTP, with events in from the bus, against a real database."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import nats
import pytest

from contracts import catalogue
from contracts.event import Envelope
from contracts.subjects import subject_of
from deploy.local.contract_examples import example_of
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from services.chassis import codec
from services.intake.domain import FACTS, Referral, evolve
from tests.intake.test_fhir import bundle, condition, patient

START = datetime(2026, 5, 4, 13, 5, tzinfo=UTC)
IDS = itertools.count(1)
NET = "north"
SITE, OTHER = "boston", "worcester"
NUMBER = {"system": "urn:plan", "value": "aged-1"}


@pytest.fixture(scope="module")
def house() -> Iterator[Stack]:
    """Intake alone with two open sites, and a clock that stands still until a test advances it."""
    with Stack.temporary(services=("intake",), clock="manual") as running:
        advance(running, START)
        opened = {"network_id": NET, "tz": "America/New_York", "part2": True}
        say(running, *[("scheduling.site_opened.v1", opened | {"site_id": s}) for s in (SITE, OTHER)])
        eventually(lambda: post(running, "/v1/referrals", form("Nobody", SITE))[0] == 201)
        eventually(lambda: post(running, "/v1/referrals", form("Noone", OTHER))[0] == 201)
        yield running


def client(
    house: Stack, role: str = "admissions", sites: tuple[str, ...] = (SITE, OTHER), network: str = NET
) -> httpx.Client:
    token = house.token(role, network, sites)
    return httpx.Client(
        base_url=house.url("intake"), headers={"authorization": f"Bearer {token}"}, timeout=15
    )


def post(house: Stack, path: str, body: Any, **caller: Any) -> tuple[int, dict[str, Any]]:
    with client(house, **caller) as http:
        answer = http.post(path, json=body)
    return answer.status_code, answer.json()


def took(house: Stack, path: str, body: Any) -> dict[str, Any]:
    status, answer = post(house, path, body)
    assert status == 201, answer
    return answer


def get(house: Stack, path: str, **caller: Any) -> dict[str, Any]:
    with client(house, **caller) as http:
        found: dict[str, Any] = http.get(path).raise_for_status().json()
    return found


def advance(house: Stack, to: datetime) -> None:
    with client(house, role="operator") as http:
        http.post("/v1/clock", json={"now": to.isoformat()}).raise_for_status()


def say(house: Stack, *said: tuple[str, dict[str, Any]], at: datetime = START) -> None:
    """Put events on the bus as if the other services had said them."""

    async def publish() -> None:
        bus = await nats.connect(**house.nats_kwargs("operator"))
        for name, changes in said:
            kind = catalogue.all_events()[name]
            event = kind.model_validate_json(json.dumps(example_of(kind) | changes))
            number = next(IDS)
            envelope = Envelope(f"test-{number}", event, at, at, number, event.aggregate_id, "test")
            await bus.jetstream().publish(subject_of(event), envelope.body(), headers=envelope.headers())
        await bus.close()

    asyncio.run(publish())


def eventually(holds: Any) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came to be")


def rows(house: Stack, sql: str, *values: Any) -> list[Any]:
    async def ask() -> list[Any]:
        db = await asyncpg.connect(**house.pg_dsn_kwargs(ADMIN), server_settings={"search_path": "intake"})
        try:
            return list(await db.fetch(sql, *values))
        finally:
            await db.close()

    return asyncio.run(ask())


def form(family: str, site: str = SITE, phone: str = "617 555 0100", **more: Any) -> dict[str, Any]:
    person = {"given": "Rosa", "family": family, "birth_date": "1988-02-03", "phone": phone}
    return {"site_id": site, "source": "self", "person": person | more}


def stage(house: Stack, referral_id: str) -> str:
    return str(get(house, f"/v1/referrals/{referral_id}")["stage"])


def assessed(house: Stack, family: str, **more: Any) -> str:
    """A referral that is assessed and covered; returns its path."""
    id = took(house, "/v1/referrals", form(family, **more))["referral_id"]
    path = f"/v1/referrals/{id}"
    took(house, f"{path}/consents", {"kind": "treatment"})
    took(
        house,
        f"{path}/screening",
        {
            "instruments": [
                {"instrument": "phq9", "answers": [2, 2, 1, 2, 1, 2, 1, 1, 0]},
                {"instrument": "cssrs", "answers": [0, 0, None, None, None, 0]},
            ],
            "home_safe": True,
            "needs_24h_supervision": False,
            "withdrawal_risk": "low",
        },
    )
    took(
        house,
        f"{path}/assessment",
        {
            "dimensions": [{"dimension": n, "rating": "1"} for n in range(1, 7)],
            "recommended_level": "2.1",
            "assessor_credential": "LCSW",
            "diagnoses": [{"code": "F10.20", "rank": 1}],
            "availability": [{"dow": d, "block": "morning"} for d in (1, 2, 3, 4)],
        },
    )
    took(
        house,
        f"{path}/coverage",
        {"payer_id": "p1", "plan_kind": "commercial", "status": "active", "auth_required": False},
    )
    return path


def wish(house: Stack, path: str) -> str:
    """Ask for a seat; returns the id of the request."""
    body = {"earliest_start": "2026-05-20", "weekly_minutes": 720, "days_per_week": 4}
    took(house, f"{path}/seat-request", body)
    return str(get(house, path)["wish"]["request_id"])


def about(house: Stack, path: str, **more: Any) -> dict[str, Any]:
    shown = get(house, path)
    return {
        "network_id": NET,
        "site_id": shown["site_id"],
        "episode_id": shown["id"],
        "patient_id": shown["patient_id"],
        **more,
    }


def wait(house: Stack, family: str, **more: Any) -> str:
    """A referral on the waiting list; returns its path."""
    path = assessed(house, family, **more)
    request = wish(house, path)
    say(house, ("scheduling.seat_unavailable.v1", about(house, path, request_id=request, cause="full")))
    eventually(lambda: get(house, path)["stage"] == "WAITLISTED")
    return path


def held(house: Stack, path: str, request: str, hold: str) -> tuple[str, dict[str, Any]]:
    more = {"request_id": request, "seat_hold_id": hold, "start_on": "2026-05-25", "weekly_minutes": 720}
    ends = {"hold_expires_at": (START + timedelta(days=20)).isoformat()}
    return "scheduling.seat_held.v1", about(house, path, **more, **ends)


def test_a_way_from_the_first_call_to_admission_and_back_again(house: Stack) -> None:
    path = assessed(house, "Plain")
    say(house, held(house, path, wish(house, path), "hold-plain"))
    eventually(lambda: get(house, path)["hold"])
    admission = {"program_id": "adult_sud_day", "primary_clinician_id": "c", "program_kind": "sud"}
    answer = took(house, f"{path}/admission", admission)
    assert [s["type"] for s in answer["said"]] == ["intake.patient_admitted.v1"]
    assert answer["stage"] == "ADMITTED"
    again = form("Plain")
    linked = took(house, "/v1/referrals", again)
    assert (linked["linked"], linked["stage"]) == (True, "ADMITTED")

    say(house, ("progress.patient_discharged.v1", about(house, path, reason="moved")))
    eventually(lambda: get(house, path)["stage"] == "DISCHARGED")
    back = took(house, "/v1/referrals", again)
    shown = get(house, f"/v1/referrals/{back['referral_id']}")
    assert shown["prior_episode_id"] == path.rpartition("/")[2]
    assert shown["patient_id"] == get(house, path)["patient_id"]


def test_of_many_at_the_same_instant_one_referral_opens_and_keeps_the_words_of_all(house: Stack) -> None:
    sources = ["self", "family", "pcp", "hospital", "court"]
    sent = [form("Twice", site) | {"source": source} for site in (SITE, OTHER) for source in sources]
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda body: took(house, "/v1/referrals", body), sent))
    (opened,) = {a["referral_id"] for a in answers}
    assert sorted(a["linked"] for a in answers) == [False] + [True] * 9
    told = get(house, f"/v1/referrals/{opened}")["sources"]
    assert sorted((s["source"], s["site_id"]) for s in told) == sorted(
        (b["source"], b["site_id"]) for b in sent
    )


def test_the_answer_to_a_referrer_does_not_tell_whether_the_person_is_known(house: Stack) -> None:
    sent = form("Secretperson") | {"source": "pcp"}
    answers = [post(house, "/v1/referrals", sent, role="referrer", sites=(SITE,)) for _ in range(3)]
    assert {status for status, _ in answers} == {201}
    words = [{k: v for k, v in body.items() if k != "id"} for _, body in answers]
    assert words[0] == words[1] == words[2]
    opened = get(house, f"/v1/receipts/{answers[0][1]['id']}")
    assert len(opened["sources"]) == 1, "the very same once more is nothing new"
    with client(house, role="referrer") as http:
        assert http.get(f"/v1/referrals/{opened['id']}").json().get("person") is None
        assert http.get(f"/v1/receipts/{answers[0][1]['id']}").status_code == 403
        assert http.get("/v1/queue").status_code == 403


def test_the_same_key_gets_the_answer_of_the_first_time_whatever_happened_since(house: Stack) -> None:
    with client(house) as http:
        key = {"idempotency-key": "once"}
        first = http.post("/v1/referrals", json=form("Keyed"), headers=key).json()
        took(house, f"/v1/referrals/{first['referral_id']}/decline", {"reason": "patient_declined"})
        again = http.post("/v1/referrals", json=form("Keyed"), headers=key).json()
    assert again == first


def test_a_linked_referral_is_found_by_its_receipt_and_only_in_the_callers_sites(house: Stack) -> None:
    mine = took(house, "/v1/referrals", form("Receipted", OTHER))["referral_id"]
    status, blind = post(house, "/v1/referrals", form("Receipted"), sites=(SITE,))
    assert status == 201
    assert set(blind) == {"id", "status", "message"}
    assert get(house, f"/v1/receipts/{blind['id']}")["id"] == mine
    with client(house, sites=(SITE,)) as http:
        assert http.get(f"/v1/receipts/{blind['id']}").status_code == 404


def test_another_of_the_same_name_and_birth_date_is_shown_with_a_score_and_never_linked(house: Stack) -> None:
    one = took(house, "/v1/referrals", form("Namesake"))["referral_id"]
    other = took(house, "/v1/referrals", form("Namesake", phone="617 555 0199"))
    assert (other["linked"], other["flags"]) == (False, ["possible_match"])
    (match,) = get(house, f"/v1/referrals/{other['referral_id']}/matches")["items"]
    assert (match["referral_id"], match["score_permille"]) == (one, 600)
    declined = {"reason": "duplicate", "duplicate_of": one}
    nowhere = {"reason": "duplicate", "duplicate_of": "nobody"}
    path = f"/v1/referrals/{other['referral_id']}/decline"
    assert post(house, path, nowhere)[1]["facts"]["failed"][0]["guard"] == "duplicate_of"
    assert took(house, path, declined)["stage"] == "DECLINED"


def test_a_referrer_learns_nothing_by_reading_or_by_ages_that_do_not_fit(house: Stack) -> None:
    with client(house, role="referrer") as http:
        assert http.get("/v1/referrals").status_code == 403
        known = took(house, "/v1/referrals", form("Agedone", identifiers=[NUMBER]))["referral_id"]
        assert http.get(f"/v1/referrals/{known}").status_code == 403
        for number in (NUMBER, {"system": "urn:plan", "value": "never-seen"}):
            child = form("Agedone", birth_date="2025-01-01", identifiers=[number])
            assert http.post("/v1/referrals", json=child).json()["code"] == "under_age"


def test_a_shared_number_does_not_make_two_people_one(house: Stack) -> None:
    number = {"system": "urn:plan", "value": "family-7"}
    one = took(house, "/v1/referrals", form("Sibling", identifiers=[number]))
    other = took(
        house,
        "/v1/referrals",
        form("Sibling", birth_date="1991-09-09", phone="617 555 0155", identifiers=[number]),
    )
    assert (other["linked"], other["flags"]) == (False, ["possible_match"])
    assert other["patient_id"] != one["patient_id"]


def in_danger(house: Stack, family: str, **more: Any) -> str:
    """A referral with an open high alert; returns its path."""
    path = f"/v1/referrals/{took(house, '/v1/referrals', form(family, **more))['referral_id']}"
    took(house, f"{path}/consents", {"kind": "treatment"})
    high = [{"instrument": "cssrs", "answers": [1, 1, 1, 1, 0, 0]}]
    more = {"home_safe": True, "needs_24h_supervision": False, "withdrawal_risk": "none"}
    took(house, f"{path}/screening", {"instruments": high, **more})
    return path


def test_an_open_alert_goes_with_the_person_to_a_new_referral(house: Stack) -> None:
    old = in_danger(house, "Indanger")
    took(house, f"{old}/decline", {"reason": "patient_declined"})
    new = f"/v1/referrals/{took(house, '/v1/referrals', form('Indanger'))['referral_id']}"
    (alert,) = get(house, new)["alerts"]
    assert alert["severity"] == "high"
    assert get(house, old)["alerts"] == []
    took(house, f"{new}/consents", {"kind": "treatment"})
    body = {"earliest_start": "2026-05-20", "weekly_minutes": 720, "days_per_week": 4, "program_kind": "sud"}
    failed = post(house, f"{new}/seat-request", body)[1]["facts"]["failed"]
    assert "no_high_alert" in {f["guard"] for f in failed}
    status, _ = post(house, f"{new}/alerts/{alert['id']}/acknowledgement", None, role="clinician")
    assert status == 201


def test_a_duplicate_hands_its_alerts_and_its_keys_to_the_way_that_stays(house: Stack) -> None:
    number = {"system": "urn:plan", "value": "dup-1"}
    gone = in_danger(house, "Dupone", identifiers=[number])
    stays = took(house, "/v1/referrals", form("Dupone", phone="617 555 0188"))["referral_id"]
    took(house, f"{gone}/decline", {"reason": "duplicate", "duplicate_of": stays})
    (alert,) = get(house, f"/v1/referrals/{stays}")["alerts"]
    assert alert["severity"] == "high"
    acknowledged = f"/v1/referrals/{stays}/alerts/{alert['id']}/acknowledgement"
    assert post(house, acknowledged, None, role="clinician")[0] == 201
    again = took(house, "/v1/referrals", form("Dupone", phone="617 555 0199", identifiers=[number]))
    assert (again["linked"], again["referral_id"]) == (True, stays)


def test_a_second_word_that_is_more_urgent_is_heard(house: Stack) -> None:
    first = took(house, "/v1/referrals", form("Calm"))["referral_id"]
    person = patient(name=[{"family": "Calm", "given": ["Rosa"]}], birthDate="1988-02-03")
    person |= {"telecom": [{"system": "phone", "value": "617 555 0100"}], "identifier": []}
    fhir = {"content-type": "application/fhir+json"}
    with client(house) as http:
        sent = bundle(person, condition(code="6471006", onsetDateTime="2026-05-03"))
        linked = http.post(f"/v1/referrals?site_id={SITE}", content=sent, headers=fhir).json()
    assert (linked["linked"], linked["referral_id"]) == (True, first)
    shown = get(house, f"/v1/referrals/{first}")
    assert (shown["urgency"], shown["flags"]) == ("urgent", ["suicide_check"])
    assert [i["code"] for i in shown["indications"]] == ["6471006"]


def test_a_declined_person_may_be_referred_again(house: Stack) -> None:
    first = took(house, "/v1/referrals", form("Returning"))["referral_id"]
    took(house, f"/v1/referrals/{first}/decline", {"reason": "patient_declined"})
    second = took(house, "/v1/referrals", form("Returning"))["referral_id"]
    assert get(house, f"/v1/referrals/{second}")["prior_episode_id"] == first


def test_a_freed_seat_goes_down_the_queue_and_a_miss_goes_behind(house: Stack) -> None:
    first, second = wait(house, "Queueone", site=OTHER), wait(house, "Queuetwo", site=OTHER)
    asked_first = get(house, first)["wish"]["request_id"]
    stranger = {
        "network_id": NET,
        "site_id": OTHER,
        "episode_id": "somebody-gone",
        "seats": 1,
        "cause": "discharged",
    }
    at = START + timedelta(hours=1)
    advance(house, at)
    say(house, ("scheduling.seat_released.v1", stranger), at=at)
    request = eventually(lambda: (r := get(house, first)["wish"]["request_id"]) != asked_first and r)
    assert get(house, second)["wish"]["for_release_at"] is None

    say(
        house,
        ("scheduling.seat_unavailable.v1", about(house, first, request_id=request, cause="no_fit")),
        at=at,
    )
    eventually(lambda: get(house, second)["wish"]["for_release_at"])
    say(house, held(house, second, get(house, second)["wish"]["request_id"], "hold-two"), at=at)
    eventually(lambda: get(house, second)["entry"]["offer"])

    advance(house, at + timedelta(hours=48))
    eventually(lambda: get(house, second)["entry"]["misses"] == 1)
    status, late = post(house, f"{second}/offer", {"accept": True})
    assert (status, late["code"]) == (409, "cannot_answer_offer")
    queue = rows(
        house,
        "SELECT id FROM referrals WHERE site_id = $1 AND stage = 'WAITLISTED' "
        "ORDER BY (state -> 'entry' ->> 'queued_at')::timestamptz",
        OTHER,
    )
    assert [r["id"] for r in queue] == [p.rpartition("/")[2] for p in (first, second)]


def test_a_wait_that_is_over_frees_the_person(house: Stack) -> None:
    path = wait(house, "Patientone")
    advance(house, START + timedelta(days=40))
    eventually(lambda: get(house, path)["stage"] == "DECLINED")
    assert took(house, "/v1/referrals", form("Patientone"))["referral_id"]


def test_a_bundle_is_taken_in_or_refused(house: Stack) -> None:
    fhir = {"content-type": "application/fhir+json"}
    with client(house) as http:
        good = http.post(
            f"/v1/referrals?site_id={OTHER}", content=bundle(patient(), condition()), headers=fhir
        )
        again = http.post("/v1/referrals", content=bundle(patient(), condition()), headers=fhir)
        dead = http.post("/v1/referrals", content=bundle(patient(deceasedBoolean=True)), headers=fhir)
        large = http.post("/v1/referrals", content=b"x" * (1024 * 1024 + 1), headers=fhir)
        broken = http.post("/v1/referrals", content=b"{", headers=fhir)
    assert good.status_code == 201
    assert good.json()["flags"] == ["overdose_check"]
    assert (again.status_code, again.json()["linked"]) == (201, True)
    assert (dead.status_code, dead.json()["code"]) == (422, "deceased")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert (broken.status_code, broken.json()["code"]) == (400, "not_json")
    assert get(house, f"/v1/referrals/{good.json()['referral_id']}")["site_id"] == OTHER


def test_who_may_not_see_a_person_does_not(house: Stack) -> None:
    path = assessed(house, "Hidden")
    assert "answers" not in json.dumps(get(house, path))
    assert get(house, path)["person"]["family"] == "Hidden"
    for role in ("operator", "scheduler", "biller"):
        assert "Hidden" not in json.dumps(get(house, path, role=role))
        assert post(house, "/v1/referrals", form("Else"), role=role)[0] == 403
    for caller in ({"network": "south"}, {"sites": (OTHER,)}):
        with client(house, **caller) as http:
            assert http.get(path).status_code == 404
            assert http.post(f"{path}/offer", json={"accept": True}).status_code == 404
            assert http.post(f"{path}/consents", json={"kind": "treatment"}).status_code == 404


def test_a_form_that_does_not_hold_is_refused_without_repeating_it(house: Stack) -> None:
    status, answer = post(house, "/v1/referrals", form("Leaky\x00name"))
    assert status == 422
    assert "Leaky" not in json.dumps(answer)
    status, answer = post(house, "/v1/referrals", form("Leaky") | {"unknown": "Leaky"})
    assert status == 422
    assert "Leaky" not in json.dumps(answer)
    assert post(house, "/v1/referrals", form("Elsewhere", "nowhere"))[0] == 404


def test_pages_follow_one_another(house: Stack) -> None:
    page = get(house, "/v1/referrals?limit=2")
    after = get(house, f"/v1/referrals?limit=2&cursor={page['cursor']}")
    assert len({i["id"] for i in page["items"] + after["items"]}) == 4
    declined = get(house, "/v1/referrals?stage=declined&limit=200")["items"]
    assert {i["stage"] for i in declined} == {"DECLINED"}


@pytest.mark.parametrize("stage", ["%00", "asleep", "", "x" * 30])
def test_a_stage_that_does_not_exist_is_refused(house: Stack, stage: str) -> None:
    with client(house) as http:
        assert http.get(f"/v1/referrals?stage={stage}").status_code == 422


def test_days_that_nobody_can_mean_are_refused(house: Stack) -> None:
    assert post(house, "/v1/referrals", form("Ancient", birth_date="0001-01-01"))[0] == 422
    path = f"/v1/referrals/{took(house, '/v1/referrals', form('Faraway'))['referral_id']}"
    for step, body in (
        ("detox", {"setting": "inpatient", "trigger": "ciwa", "expected_return_on": "9999-12-31"}),
        ("seat-request", {"earliest_start": "9999-12-31", "weekly_minutes": 540, "days_per_week": 3}),
        ("seat-request", {"earliest_start": "0001-01-01", "weekly_minutes": 540, "days_per_week": 3}),
        (
            "authorization",
            {
                "status": "approved",
                "level": "2.1",
                "unit_kind": "days",
                "units_approved": 9,
                "valid_from": "0001-01-01",
                "valid_to": "9999-12-31",
            },
        ),
    ):
        assert post(house, f"{path}/{step}", body)[0] == 422, step


def test_the_journal_folds_to_every_state_and_nobody_is_named_outside(house: Stack) -> None:
    kinds = {f.__name__: f for f in FACTS} | catalogue.all_events()
    for row in rows(house, "SELECT id, state FROM referrals"):
        folded: Referral | None = None
        for fact in rows(
            house, "SELECT type, data FROM journal WHERE aggregate_id = $1 ORDER BY version", row["id"]
        ):
            folded = evolve(folded, codec.load(kinds[fact["type"]], fact["data"]))
        assert folded == codec.load(Referral, row["state"])
    said = " ".join(r["body"] + r["headers"] for r in rows(house, "SELECT body, headers::text FROM outbox"))
    for secret in ("Rosa", "Plain", "Secretperson", "Hidden", "617", "1988"):
        assert f'"{secret}' not in said
    assert rows(house, "SELECT * FROM parked") == []
