"""How an episode rests, goes on and ends, asked over HTTP of a running service."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deploy.local.processes import Stack
from tests.progress.story import TZ
from tests.progress.test_service import Person, advance, attending


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


def today(person: Person) -> date:
    now = person.client("operator").get("/v1/clock").json()["now"]
    return datetime.fromisoformat(now).astimezone(ZoneInfo(TZ)).date()


def said(person: Person, path: str, **body: Any) -> list[str]:
    answer = person.post(path, **body)
    assert answer.status_code == 201, answer.text
    return [e["type"].split(".")[1] for e in answer.json()["said"]]


def test_a_hold_and_the_way_back(progress: Stack) -> None:
    person = attending(progress, "ep-hold")
    day = today(person)
    until = str(day + timedelta(days=20))
    assert said(person, "hold", reason="medical", expected_return_on=until) == ["episode_held"]
    assert person.view()["hold"]["until"] == until
    for body in (
        {"reason": "medical", "expected_return_on": "9999-12-31"},
        {"reason": "bored", "expected_return_on": until},
        {"reason": "medical"},
    ):
        assert person.post("hold", **body).status_code == 422
    too_late = {"reason": "medical", "expected_return_on": "2199-12-31"}
    assert person.post("hold", **too_late).json()["code"] == "hold_refused"

    advance(person, datetime.fromisoformat(f"{day + timedelta(days=9)}T17:00:00+00:00"))
    assert person.post("resume").json()["code"] == "resume_refused"
    screened = {
        "depth": "screening",
        "recommended_level": {"edition": "3", "code": "2.1"},
        "assessor_credential": "LCSW",
    }
    assert said(person, "reassessments", **screened) == ["patient_reassessed"]
    assert said(person, "resume") == ["episode_resumed"]
    assert person.post("resume").json()["code"] == "not_on_hold"


def test_more_days_and_a_certification(progress: Stack) -> None:
    person = attending(progress, "ep-more")
    asked = {"reasons": ["clinical_need"], "days": 20, "late": True, "late_reason": "overlooked"}
    assert person.post("extension/request", **{**asked, "days": 9999}).status_code == 422
    assert (
        person.post("extension/request", **{**asked, "reasons": ["why"]}).json()["code"] == "reason_unknown"
    )
    assert said(person, "extension/request", **asked) == ["extension_requested"]
    assert said(person, "extension", approve=True) == ["extension_approved"]
    signed = {"certified_by": "dr-1", "credential": "MD", "certified_on": str(today(person))}
    assert said(person, "certification", **signed) == ["recertification_recorded"]
    assert person.post("certification", **{**signed, "credential": "BA"}).status_code == 409
    assert person.view()["certified_through"] == str(today(person) + timedelta(days=60))


def test_somebody_outside_is_asked_to_help(progress: Stack) -> None:
    person = attending(progress, "ep-out")
    soon = str(today(person) + timedelta(days=5))
    assert said(person, "community-referrals", kind="housing", follow_up_on=soon) == [
        "community_referral_made"
    ]
    (made,) = person.view()["outward"]
    close = f"community-referrals/{made['id']}/close"
    assert person.post("community-referrals/other/close", outcome="lost").status_code == 404
    assert person.post(close, outcome="perhaps").status_code == 422
    assert said(person, close, outcome="connected") == ["referral_loop_closed"]
    assert person.post("review-tasks/other/close", outcome="seen").status_code == 404


def test_a_death_is_said_at_once_and_after_the_end_too(progress: Stack) -> None:
    person = attending(progress, "ep-died")
    assert person.client("scheduler").post("/v1/episodes/ep-died/death", json={}).status_code == 403
    assert said(person, "death") == ["patient_died", "patient_discharged", "episode_state_changed"]
    assert person.post("death").json()["code"] == "death_known"
    assert person.post("hold", reason="family", expected_return_on="2027-01-01").status_code == 409

    moved = attending(progress, "ep-moved")
    assert moved.post("discharge", reason="moved", stay_in_touch=True).status_code == 409
    assert said(moved, "discharge", reason="moved") == ["patient_discharged", "episode_state_changed"]
    assert said(moved, "death", died_on="2026-01-14") == ["patient_died"]
