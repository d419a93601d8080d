"""Steps over HTTP: a taper, the team, a review after a relapse, and what is refused."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.local.processes import Stack
from tests.progress.test_service import Person, advance, attending

LONG = "x" * 65


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    """Only progress, on real servers: the others are played by the test."""
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


def now_of(person: Person) -> datetime:
    return datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])


def recommended(person: Person, **body: Any) -> str:
    """A recommendation of a clinician's own, by its id."""
    person.post("recommendations", **body).raise_for_status()
    (found,) = [r for r in person.view()["recommendations"] if not r["closed"]]
    return str(found["id"])


def on(person: Person, rid: str, what: str, **body: Any) -> httpx.Response:
    return person.http.post(f"/v1/recommendations/{rid}/{what}", json=body)


def test_a_taper_is_agreed_on_and_somebody_is_told_when_it_is_over(progress: Stack) -> None:
    person = attending(progress, "ep-taper")
    today = now_of(person).date()
    fewer = {"direction": "step_down", "kind": "transition_taper", "to_weekly_minutes": 360}
    rid = recommended(person, **fewer, until_on=str(today + timedelta(days=6)))
    assert on(person, rid, "team", roles=["director"]).status_code == 201
    director = person.client("director")
    opinion = {"opinion": "for"}
    assert director.post(f"/v1/recommendations/{rid}/opinions", json=opinion).status_code == 201
    refused = on(person, rid, "approve", effective_on=str(today))
    assert [f["guard"] for f in refused.json()["facts"]["failed"]] == ["patient_agreed"]
    assert on(person, rid, "agreement", agreed=True).status_code == 201
    approval = on(person, rid, "approve", effective_on=str(today), credential="LCSW")
    assert approval.status_code == 201, approval.text
    view = person.view()
    (told,) = view["recommendations"]
    assert [o["opinion"] for o in told["opinions"]] == ["for"]
    assert (view["weekly_minutes"], view["taper"]["until_on"]) == (360, str(today + timedelta(days=6)))

    advance(person, now_of(person) + timedelta(days=8))
    (task,) = until_tasks(person)
    assert (task["about"], task["subject_id"]) == ("taper_over", rid)
    assert person.post(f"review-tasks/{task['id']}/close", outcome="level_change").status_code == 201
    assert person.post(f"review-tasks/{task['id']}/close", outcome="again").status_code == 409


def until_tasks(person: Person) -> list[dict[str, Any]]:
    """The tasks, once there are any."""
    for _ in range(200):
        if found := person.view()["tasks"]:
            return list(found)
        httpx.get(person.http.url + "/health", timeout=20)
    raise AssertionError("there is no task")


def test_a_review_after_a_relapse_ends_with_a_response(progress: Stack) -> None:
    person = attending(progress, "ep-relapse")
    used = {"source": "family", "used_on": str(now_of(person).date()), "classification": "lapse"}
    person.post("substance-use", **used, substances=["alcohol"], confirmed=False).raise_for_status()
    (report,) = person.view()["use_reports"]
    again = {**used, "classification": "relapse", "supersedes_report_id": report["id"]}
    person.post("substance-use", **again).raise_for_status()
    (up,) = person.view()["recommendations"]
    assert (up["trigger"], up["urgency"]) == ("relapse", "routine")
    assert on(person, up["id"], "review").status_code == 201
    assert person.view()["state"] == "STEP_UP_PENDING"
    refused = on(person, up["id"], "decline", reason="stable")
    assert [f["guard"] for f in refused.json()["facts"]["failed"]] == ["relapse_responded"]

    parts = {"actions": ["add_sessions", "individual_session"], "added_weekly_minutes": 60}
    answer = person.post("relapse-responses", **parts)
    assert answer.status_code == 201, answer.text
    tested = person.post("substance-use", **{**used, "source": "tox_screen"}).json()["report_id"]
    assert person.post(f"substance-use/{tested}/withdraw", reason="false_positive").status_code == 201
    assert person.post(f"substance-use/{report['id']}/withdraw", reason="typing").status_code == 409
    view = person.view()
    assert (view["state"], view["weekly_minutes"]) == ("ATTENDING", 780)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("relapse-responses", {"actions": []}),
        ("relapse-responses", {"actions": ["pray"]}),
        ("relapse-responses", {"actions": ["step_up"], "added_weekly_minutes": 10_081}),
        ("relapse-responses", {"actions": ["detox_referral"], "expected_return_on": "9999-12-31"}),
        ("substance-use", {"source": "self", "used_on": "2026-01-13", "classification": LONG}),
        (
            "substance-use",
            {"source": "self", "used_on": "2026-01-13", "classification": "lapse", "substances": ["x"] * 21},
        ),
        ("review-tasks/t-1/close", {"outcome": "went well"}),
    ],
)
def test_what_has_the_wrong_form_is_refused_with_422(
    progress: Stack, path: str, body: dict[str, Any]
) -> None:
    person = Person(progress, "ep-taper")

    assert person.post(path, **body).status_code == 422


def test_the_last_days_there_are_break_nothing(progress: Stack) -> None:
    person = attending(progress, "ep-late")
    last = "2200-01-01"
    taper = {"direction": "step_down", "kind": "transition_taper", "to_weekly_minutes": 360}
    assert person.post("recommendations", **taper, until_on=last).status_code == 409
    rid = recommended(person, **taper)
    assert on(person, rid, "approve", effective_on=last, patient_agreed=True).status_code == 409
    assert on(person, rid, "opinions", opinion="perhaps").status_code == 422
    assert on(person, rid, "team", roles=["a b"]).status_code == 422
    adds = {"actions": ["add_sessions"], "added_weekly_minutes": 60, "effective_on": last}
    assert person.post("relapse-responses", **adds).status_code == 409
    away = {"actions": ["detox_referral"], "expected_return_on": last}
    assert person.post("relapse-responses", **away).status_code == 409
    for what, body in (("review", {}), ("team", {"roles": ["director"]}), ("agreement", {"agreed": True})):
        other = person.client(network="south")
        assert other.post(f"/v1/recommendations/{rid}/{what}", json=body).status_code == 404
