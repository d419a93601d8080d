"""Plans, measures and records over HTTP, on real servers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from deploy.local.processes import Stack
from tests.progress.story import ADMITTED_ON, local
from tests.progress.test_service import Person, advance


@pytest.fixture(scope="module")
def progress() -> Iterator[Stack]:
    """Only progress, on real servers: the others are played by the test."""
    with Stack.temporary(clock="manual", services=("progress",)) as stack:
        yield stack


BAM = [0, 0, 0, 2, *[0] * 13]
SOBER = {"category": "sobriety", "measure": {"kind": "boolean"}, "required_for_step_down": True}
MEETINGS = {
    "category": "support_network",
    "measure": {"kind": "count", "instrument": "meeting_12step", "target": 2, "window_days": 28},
}
CRAVING = {
    "category": "relapse_prevention",
    "measure": {
        "kind": "instrument",
        "instrument": "bam",
        "subscale": "use",
        "comparator": "<=",
        "target": 0,
        "window_days": 30,
    },
}
CBT = {"modality": "cbt", "service_kind": "group", "times_per_week": 3, "goals": [1, 2]}


def types(answer: Any) -> list[str]:
    assert answer.status_code == 201, answer.text
    return [said["type"].split(".")[1] for said in answer.json()["said"]]


def test_a_plan_from_the_draft_to_the_review_and_what_moves_its_goals(progress: Stack) -> None:
    person = Person(progress, "ep-plan")
    person.admitted()
    person.until(state="ADMITTED")
    now = datetime.fromisoformat(person.client("operator").get("/v1/clock").json()["now"])
    advance(person, max(now, local(ADMITTED_ON, "12:00")))

    drafted = person.post("plan/draft", goals=[SOBER, MEETINGS], interventions=[CBT], curriculum="matrix")
    assert types(drafted) == ["treatment_plan_drafted"]
    assert person.post("plan/signatures", role="witness").status_code == 422
    assert types(person.post("plan/signatures", role="patient")) == ["plan_signed"]
    assert person.post("plan/signatures", role="patient").json()["code"] == "plan_not_signed"
    signed = person.post("plan/signatures", role="clinician")
    assert types(signed) == ["plan_signed", "treatment_plan_approved", "goal_progressed"]
    ids = [g["goal_id"] for g in drafted.json()["goals"]]
    assert [g["goal_id"] for g in signed.json()["goals"]] == ids

    assert types(person.post("recovery-activities", kind="meeting_12step", minutes=60)) == [
        "recovery_activity_logged",
        "goal_progressed",
    ]
    assert "goal_met" in types(person.post("recovery-activities", kind="meeting_12step", step=3))
    homework = person.post("homework", kind="worksheet", due_on="2199-01-01", goal_id=ids[0])
    assert types(homework) == ["homework_assigned"]
    back = person.post(f"homework/{homework.json()['homework_id']}/return", done=True)
    assert types(back) == ["homework_returned"]
    assert person.post("homework/nothing/return", done=True).status_code == 404
    assert types(person.post("medications", medication_ref="med-1", adherence="partial")) == [
        "medication_status_recorded"
    ]

    both = {"signed_by_patient": True, "signed_by_clinician": True}
    reviewed = person.post("plan/review", goals=[SOBER, MEETINGS, CRAVING], **both)
    assert types(reviewed) == ["treatment_plan_reviewed"]
    assert reviewed.json()["plan_version"] == 2
    assert [g["goal_id"] for g in reviewed.json()["goals"]][:2] == ids

    first = person.post("measures", instrument="bam", version="likert", answers=BAM)
    assert "profile_recorded" in types(first)
    (entry,) = first.json()["entries"]
    clean = person.post(
        "measures",
        instrument="bam",
        version="likert",
        answers=[0] * 17,
        supersedes=entry["measure_id"],
    )
    assert "goal_met" in types(clean)
    assert [e["administered_at"] for e in clean.json()["entries"]] == [entry["administered_at"]]
    screened = person.post("measures", instrument="cssrs", answers=[1, 1, 1, 1, 0, 1])
    assert types(screened) == ["profile_recorded", "safety_alert_raised"]
    assert [a["severity"] for a in person.view()["alerts"]] == ["high"]
    lapse = {"source": "family", "used_on": str(ADMITTED_ON), "classification": "lapse"}
    use = person.post("substance-use", **lapse, confirmed=False)
    again = {"source": "clinician", "used_on": str(ADMITTED_ON), "classification": "lapse"}
    assert types(person.post("substance-use", **again, supersedes_report_id=use.json()["report_id"])) == [
        "substance_use_reported"
    ]

    outside = person.client(sites=("utica",))
    for path, body in (
        ("plan/draft", {"goals": [SOBER]}),
        ("plan/signatures", {"role": "patient"}),
        ("plan/review", {"goals": [SOBER], **both}),
        ("homework", {"kind": "planner", "due_on": "2199-01-01"}),
        ("medications", {"medication_ref": "med-1", "adherence": "taking"}),
        ("recovery-activities", {"kind": "alumni"}),
    ):
        assert outside.post(f"/v1/episodes/ep-plan/{path}", json=body).status_code == 404
        assert person.client("scheduler").post(f"/v1/episodes/ep-plan/{path}", json=body).status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("plan/draft", {"goals": []}),
        ("plan/draft", {"goals": [SOBER], "curriculum": "trivium"}),
        ("plan/draft", {"goals": [SOBER], "interventions": [{**CBT, "goals": [0]}]}),
        ("plan/draft", {"goals": [SOBER], "interventions": [{**CBT, "times_per_week": 10**20}]}),
        ("measures", {"instrument": "phq9", "answers": [10**30] * 9}),
        ("measures", {"instrument": "phq9", "answers": [0] * 9, "administered_at": "2026-01-13T12:00:00"}),
        (
            "measures",
            {"instrument": "phq9", "answers": [0] * 9, "administered_at": "0001-01-01T00:00:00+14:00"},
        ),
        ("measures", {"instrument": "phq9", "answers": [0] * 9, "administered_at": "2199-01-01T00:00:00Z"}),
        ("measures", {"instrument": "cssrs", "answers": [0, 0, None, None, None, 0], "lifetime_months": -1}),
        ("measures", {"instrument": "bam", "answers": [0] * 17}),
        ("homework", {"kind": "a b", "due_on": "2199-01-01"}),
        ("homework", {"kind": "planner", "due_on": "9999-12-31"}),
        ("medications", {"medication_ref": "med-1", "adherence": "sometimes"}),
        ("recovery-activities", {"kind": "bingo"}),
        ("recovery-activities", {"kind": "alumni", "minutes": 10**12}),
    ],
)
def test_what_has_the_wrong_form_is_refused_with_422(
    progress: Stack, path: str, body: dict[str, Any]
) -> None:
    person = Person(progress, "ep-form")
    if not person.view():
        person.admitted()
        person.until(state="ADMITTED")

    assert person.post(path, **body).status_code == 422
