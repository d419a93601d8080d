"""Timeline, caseload, series and outcomes over HTTP, on real servers."""

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contracts.intake import ReferralReceived
from contracts.vocabulary import ReferralSource, Urgency
from deploy.local.processes import Stack
from tests.progress.story import ADMITTED_ON, TZ, local
from tests.progress.test_service import Caller, Person, advance, attending, signed


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    """Only progress: the others are played by the test."""
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


def pages(http: Caller, path: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = http.get(path, params={**params, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["cursor"]
    return found


def referred(person: Person) -> None:
    """Nine days before the admission."""
    before = person.now - timedelta(days=9)
    now, person.now = person.now, before
    person.hear(
        ReferralReceived(
            **person.common(),
            source=ReferralSource.SELF,
            urgency=Urgency.ROUTINE,
            received_at=before,
            tz=TZ,
        )
    )
    person.now = now


def test_a_timeline_begins_with_the_referral_and_says_what_caused_what(progress: Stack) -> None:
    person = Person(progress, "ep-time")
    referred(person)
    person.admitted()
    person.agreed()
    person.attended(ADMITTED_ON)
    person.until(state="ATTENDING")
    plan = signed(person)
    assert person.post(f"goals/{plan['goals'][0]['goal_id']}/attest").status_code == 201

    found = pages(person.http, "/v1/episodes/ep-time/timeline", limit=3)
    kinds = [entry["type"].split(".")[1] for entry in found]

    assert kinds[0] == "referral_received"
    assert {"patient_admitted", "session_attended", "treatment_plan_approved", "goal_met"} <= set(kinds)
    assert len({entry["id"] for entry in found}) == len(found)
    assert [e["at"] for e in found] == sorted(e["at"] for e in found)
    started = found[kinds.index("episode_started")]
    admitted = found[kinds.index("patient_admitted")]
    assert started["cause"] == {"id": admitted["id"], "kind": "event", "in_timeline": True}
    assert started["service"] == "progress"
    assert started["summary"] == "Progress took over an admitted person."
    assert started["actor"]["type"] == "system"
    assert started["facts"]["weekly_minutes"] == 720
    assert "patient_id" not in started["facts"]
    approved = found[kinds.index("treatment_plan_approved")]
    assert (approved["cause"]["kind"], approved["cause"]["in_timeline"]) == ("command", False)
    assert approved["actor"]["role"] == "clinician"
    whole = person.http.get("/v1/episodes/ep-time/timeline", params={"limit": 200}).json()
    assert [e["id"] for e in whole["items"]] == [e["id"] for e in found]
    assert whole["cursor"] is None


def test_what_another_may_not_see_is_not_there(progress: Stack) -> None:
    person = attending(progress, "ep-hidden")
    stranger = Person(progress, "ep-referred-only")
    referred(stranger)

    for claims in ({"network": "south"}, {"sites": ("utica",)}):
        other = person.client(**claims)
        for view in ("timeline", "series"):
            assert other.get(f"/v1/episodes/ep-hidden/{view}").status_code == 404
        assert other.get("/v1/caseload").json()["items"] == []
        period = {"from": "2026-01-01", "to": "2026-12-31"}
        assert other.get("/v1/outcomes", params=period).json()["items"] == []
    for path in ("/v1/caseload", "/v1/outcomes"):
        params = {"site_id": "utica", "from": "2026-01-01", "to": "2026-01-31"}
        assert person.http.get(path, params=params).status_code == 404
    assert person.http.get("/v1/episodes/ep-referred-only/timeline").status_code == 404


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/episodes/ep-hidden/timeline", {"cursor": "x"}),
        ("/v1/episodes/ep-hidden/timeline", {"cursor": "99999999999999999.999999999999999999.a"}),
        ("/v1/episodes/ep-hidden/timeline", {"cursor": "1.1.a\x00"}),
        ("/v1/episodes/ep-hidden/timeline", {"limit": 100_000}),
        ("/v1/caseload", {"cursor": "1.2"}),
        ("/v1/caseload", {"cursor": "9999.9999999999999999.z"}),
        ("/v1/caseload", {"site_id": "a b"}),
        ("/v1/outcomes", {"from": "2026-01-01"}),
        ("/v1/outcomes", {"from": "2026-02-01", "to": "2026-01-01"}),
        ("/v1/outcomes", {"from": "2020-01-01", "to": "2026-01-01"}),
        ("/v1/outcomes", {"from": "0001-01-01", "to": "9999-12-31"}),
        ("/v1/outcomes", {"from": "yesterday", "to": "2026-01-01"}),
    ],
)
def test_nothing_that_is_asked_breaks_a_view(progress: Stack, path: str, params: dict[str, Any]) -> None:
    answer = Person(progress, "ep-hidden").http.get(path, params=params)

    assert answer.status_code in {200, 422}


def test_a_caseload_shows_the_most_urgent_first_and_whom_nobody_waits_for_last(progress: Stack) -> None:
    calm = attending(progress, "ep-case-calm")
    signed(calm)
    missing = attending(progress, "ep-case-missing")
    signed(missing)
    missing.missed("2026-01-14", 3)
    missing.until(consecutive_missed=3)
    alert = attending(progress, "ep-case-alert")
    assert alert.post("measures", instrument="phq9", answers=[0] * 8 + [1]).status_code == 201
    elsewhere = Person(progress, "ep-case-bob")
    elsewhere.admitted(primary_clinician_id="bob")
    elsewhere.until(state="ADMITTED")

    every = pages(calm.http, "/v1/caseload", limit=2)
    mine = [e for e in every if e["episode_id"].startswith("ep-case")]

    assert len({e["episode_id"] for e in every}) == len(every)
    ids = [e["episode_id"] for e in mine]
    assert ids.index("ep-case-alert") < ids.index("ep-case-missing") < ids.index("ep-case-bob")
    by_id = {e["episode_id"]: e for e in mine}
    assert [n["kind"] for n in by_id["ep-case-alert"]["needs"]] == ["alert", "screening"]
    assert by_id["ep-case-missing"]["needs"][0]["kind"] == "outreach"
    assert by_id["ep-case-bob"]["needs"] == []
    href = by_id["ep-case-alert"]["needs"][0]["href"]
    assert alert.http.post(href, json=None).status_code == 201
    bobs = pages(calm.http, "/v1/caseload", clinician_id="bob")
    assert [e["episode_id"] for e in bobs] == ["ep-case-bob"]


def test_a_series_holds_every_result_value_and_week(progress: Stack) -> None:
    person = attending(progress, "ep-series")
    advance(person, local(ADMITTED_ON + timedelta(days=1), "12:00"))
    goal = {
        "category": "mental_health",
        "measure": {
            "kind": "instrument",
            "instrument": "phq9",
            "comparator": "<=",
            "target": 5,
            "window_days": 0,
        },
    }
    signing = {"goals": [goal], "signed_by_patient": True, "signed_by_clinician": True}
    assert person.post("plan", **signing).status_code == 201
    now = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])
    advance(person, max(now, local(ADMITTED_ON + timedelta(days=1), "09:00")))
    for answers in ([1] * 9, [2] * 9, [0] * 9, [0] * 8 + [1]):
        assert person.post("measures", instrument="phq9", answers=answers).status_code == 201
    for minutes in (500, 540):
        person.on(ADMITTED_ON + timedelta(days=13), "00:00").week("2026-01-19", minutes)
    person.week("2026-01-26", 720)
    for _ in range(200):
        found = person.http.get("/v1/episodes/ep-series/series").json()
        if len(found["weeks"]) == 2:
            break

    (phq9,) = found["instruments"]
    assert phq9["instrument"] == "phq9"
    assert [r["total"] for r in phq9["results"]] == [9, 18, 0, 1]
    assert [r["change"] for r in phq9["results"]][1:] == [6, -12, -11]
    assert [r["reliable_change"] for r in phq9["results"]][1:] == ["deteriorated", "improved", "improved"]
    (pursued,) = found["goals"]
    assert [v["what"] for v in pursued["values"]] == [
        "progressed",
        "progressed",
        "progressed",
        "met",
        "progressed",
    ]
    assert [v.get("value") for v in pursued["values"]] == [9, 18, 0, None, 1]
    assert pursued["in_force"]
    assert [(w["week_start"], w["creditable_minutes"], w["ratio"]) for w in found["weeks"]] == [
        ("2026-01-19", 540, 750),
        ("2026-01-26", 720, 1000),
    ]


def test_outcomes_count_who_was_discharged_in_the_period(progress: Stack) -> None:
    person = attending(progress, "ep-left")
    signed(person)
    assert person.post("measures", instrument="phq9", answers=[0] * 9).status_code == 201
    person.on(ADMITTED_ON + timedelta(days=13), "00:00").week("2026-01-12", 540)
    answer = person.post("discharge", reason="moved")
    assert answer.status_code == 201, answer.text
    today = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"]).date()
    left_on = date.fromisoformat(person.until(state="DISCHARGED")["discharged_on"])
    assert abs((today - left_on).days) <= 1

    def asked(first: date, last: date, **more: str) -> list[dict[str, Any]]:
        params = {"from": str(first), "to": str(last), **more}
        return list(person.http.get("/v1/outcomes", params=params).json()["items"])

    (found,) = asked(left_on, left_on)
    assert (found["site_id"], found["program_id"]) == ("albany", "day")
    assert found["reasons"] == {"other": {"count": 1, "of": 1, "permille": 1000}}
    assert found["completed"] == {"count": 0, "of": 1, "permille": 0}
    assert found["never_attended"] == {"count": 0, "of": 1, "permille": 0}
    assert found["attended_minutes"] == {"count": 540, "of": 720, "permille": 750}
    assert found["goals_met"]["of"] == 1
    assert found["stay_days"] == {"of": 1, "median_tenths": 10, "mean_tenths": 10}
    (change,) = found["measures"]
    assert (change["instrument"], change["of"]) == ("phq9", 1)
    assert asked(left_on + timedelta(days=1), left_on + timedelta(days=2)) == []
    assert asked(left_on, left_on, program_id="night") == []
    assert asked(left_on, left_on, site_id="albany") == [found]
    assert "ep-left" not in {e["episode_id"] for e in pages(person.http, "/v1/caseload")}

    # What becomes known later is in the report: a week counted again, a measure, a session on another day.
    person.on(ADMITTED_ON + timedelta(days=20), "00:00").week("2026-01-12", 720, reopened=1)
    person.attended(left_on, session="s-late")
    person.until(last_attended_on=str(left_on))
    assert person.post("measures", instrument="phq9", answers=[1] * 9).status_code == 201
    (again,) = asked(left_on, left_on)
    assert again["attended_minutes"] == {"count": 720, "of": 720, "permille": 1000}
    assert again["stay_days"]["median_tenths"] == 10 * max(1, (left_on - ADMITTED_ON).days)
    assert [m["mean_change_tenths"] for m in again["measures"]] == [-30]


def test_outcomes_count_the_week_that_closes_after_the_end_and_no_entry_that_was_wrong(
    progress: Stack,
) -> None:
    person = Person(progress, "ep-recounted")
    person.admitted(program_id="recounted")
    person.agreed()
    person.attended(ADMITTED_ON)
    person.until(state="ATTENDING")
    now = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])
    advance(person, max(now, local(ADMITTED_ON + timedelta(days=3), "12:00")))
    wrong = person.post("measures", instrument="phq9", answers=[3] * 8 + [0])
    assert wrong.status_code == 201, wrong.text
    (entry,) = wrong.json()["entries"]
    earlier = datetime.fromisoformat(entry["administered_at"]) - timedelta(hours=3)
    corrected = {"supersedes": entry["measure_id"], "administered_at": earlier.isoformat()}
    answer = person.post("measures", instrument="phq9", answers=[0] * 9, **corrected)
    assert answer.status_code == 201, answer.text
    assert person.post("discharge", reason="moved").status_code == 201
    person.on(ADMITTED_ON + timedelta(days=6), "00:00").week("2026-01-12", 360, 540)
    for _ in range(200):
        weeks = person.http.get("/v1/episodes/ep-recounted/series").json()["weeks"]
        if weeks:
            break
        time.sleep(0.05)

    period = {"from": "2026-01-01", "to": "2026-12-31", "program_id": "recounted"}
    (found,) = person.http.get("/v1/outcomes", params=period).json()["items"]

    assert found["attended_minutes"] == {"count": 360, "of": 540, "permille": 666}
    (change,) = found["measures"]
    assert (change["mean_change_tenths"], change["improved"]["count"]) == (-120, 1)


def test_a_plan_review_comes_into_the_caseload_with_its_day(progress: Stack) -> None:
    person = attending(progress, "ep-review")
    signed(person)
    due_on = date.fromisoformat(person.view()["next_review_due_on"])
    advance(person, local(due_on, "00:30"))

    (mine,) = [e for e in pages(person.http, "/v1/caseload") if e["episode_id"] == "ep-review"]

    assert mine["needs"][0]["kind"] == "plan_review"
    assert mine["needs"][0]["href"] == "/v1/episodes/ep-review/plan/review"
