"""The table at the end of the demo adds up, and a story that was tampered with does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from deploy.local.simulator.outcomes import (
    ADMITTED,
    AFTERCARE,
    DECLINED,
    DISCHARGED,
    OFFERS,
    REFERRED,
    STEPPED_UP,
    WAITLISTED,
    Standing,
    Told,
    disagreements,
    endings,
    outcomes_of,
)
from deploy.local.simulator.report import Story, print_tables

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


def told(type: str, episode: str, **body: object) -> Told:
    return (type, episode, AT, body)


STORY = [
    *(told(REFERRED, f"e{n}") for n in range(8)),
    told(DECLINED, "e0", reason="unreachable"),
    told(DECLINED, "e1", reason="no_coverage"),
    told(DECLINED, "e2", reason="unreachable"),
    *(told(ADMITTED, f"e{n}") for n in (3, 4, 5)),
    told(DISCHARGED, "e3", reason="completed_goals", teds_reason="completed"),
    told(AFTERCARE, "e4"),
    told(WAITLISTED, "e6", priority_reason="routine"),
    told(WAITLISTED, "e5", priority_reason="authorization_pended"),
    told(OFFERS["made"], "e6"),
    told(OFFERS["expired"], "e6"),
    told("intake.safety_alert_raised.v1", "e7", alert_id="a1"),
    told("intake.safety_alert_raised.v1", "e7", alert_id="a1"),
    told("intake.safety_alert_escalated.v1", "e7", alert_id="a1"),
    told("intake.safety_alert_acknowledged.v1", "e7", alert_id="a1", late=True),
    told("progress.safety_alert_raised.v1", "e4", alert_id="a2"),
]
STANDING = Standing(
    referrals={"DECLINED": 3, "ADMITTED": 2, "DISCHARGED": 1, "WAITLISTED": 1, "SCREENED": 1},
    episodes={"ATTENDING": 1, "AFTERCARE": 1, "DISCHARGED": 1},
)


def test_everybody_is_in_exactly_one_line() -> None:
    outcomes = outcomes_of(STORY, STANDING)
    assert disagreements(STORY, STANDING) == []
    assert outcomes["on_the_way"] == {"screened": 1, "waitlisted": 1}
    assert outcomes["declined"] == {"no_coverage": 1, "unreachable": 2}
    assert outcomes["in_care"] == {"attending": 1, "aftercare": 1}
    assert outcomes["discharged"] == {"completed_goals": 1}


def test_who_waits_for_a_payer_waits_for_no_seat() -> None:
    outcomes = outcomes_of(STORY, STANDING)
    assert (outcomes["waitlisted"], outcomes["waited_for_payer"]) == (1, 1)
    assert outcomes["offers"] == {"made": 1, "accepted": 0, "declined": 0, "expired": 1}


def test_an_alert_counts_once_for_whatever_befell_it() -> None:
    assert outcomes_of(STORY, STANDING)["alerts"] == {
        "raised": 2,
        "escalated": 1,
        "acknowledged": 1,
        "resolved": 0,
        "late": 1,
    }


def test_a_state_that_nobody_foresaw_is_shown_and_counted() -> None:
    standing = replace(STANDING, episodes={"STEPPING_UP": 1, "AFTERCARE": 1, "DISCHARGED": 1})
    assert outcomes_of(STORY, standing)["in_care"] == {"aftercare": 1, "stepping_up": 1}
    assert disagreements(STORY, standing) == []


TAMPERED: dict[str, Callable[[list[Told]], list[Told]]] = {
    "a decline is missing": lambda story: [e for e in story if e[:2] != (DECLINED, "e1")],
    "a decline is doubled": lambda story: [*story, told(DECLINED, "e1", reason="other")],
    "an admission is missing": lambda story: [e for e in story if e[:2] != (ADMITTED, "e4")],
    "somebody was never referred": lambda story: [e for e in story if e[:2] != (REFERRED, "e7")],
    "a discharge is made up": lambda story: [
        *story,
        told(DISCHARGED, "e4", reason="other", teds_reason="other"),
    ],
    "a discharge moved to somebody else": lambda story: [
        told(DISCHARGED, "e6", reason="other", teds_reason="other") if e[0] == DISCHARGED else e
        for e in story
    ],
    "a declined person is admitted, another one is not": lambda story: [
        told(ADMITTED, "e0") if e[:2] == (ADMITTED, "e5") else e for e in story
    ],
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_story_that_was_tampered_with_does_not_add_up(change: Callable[[list[Told]], list[Told]]) -> None:
    assert disagreements(change(STORY), STANDING)


@pytest.mark.parametrize(
    "standing",
    [
        replace(STANDING, referrals={**STANDING.referrals, "SCREENED": 0}),
        replace(STANDING, referrals={**STANDING.referrals, "SCREENED": 0, "DECLINED": 4}),
        replace(STANDING, episodes={**STANDING.episodes, "ATTENDING": 2}),
        replace(STANDING, episodes={"ATTENDING": 2, "DISCHARGED": 0, "AFTERCARE": 0}),
    ],
)
def test_books_that_say_something_else_do_not_add_up(standing: Standing) -> None:
    assert disagreements(STORY, standing)


def test_going_on_to_aftercare_completes_a_treatment_and_coming_back_resumes_it() -> None:
    assert endings(STORY) == {"e3": "completed", "e4": "completed"}
    later = told(DISCHARGED, "e4", reason="moved", teds_reason="other")
    assert endings([*STORY, later])["e4"] == "completed"
    back = told(STEPPED_UP, "e4", kind="readmit")
    assert "e4" not in endings([*STORY, back])
    assert endings([*STORY, back, later])["e4"] == "other"


def test_an_end_of_treatment_that_progress_does_not_keep_does_not_add_up() -> None:
    books = replace(STANDING, episodes={"ATTENDING": 2, "DISCHARGED": 1})
    assert any("treatment ended" in sentence for sentence in disagreements(STORY, books))


def shown(wrong: list[str]) -> str:
    console = Console(width=120)
    with console.capture() as caught:
        outcomes = outcomes_of(STORY, STANDING)
        print_tables(console, Story(outcomes, outcomes, {}, wrong=wrong), {"lost": 0}, 20)
    return caught.get()


def test_the_table_says_that_it_adds_up() -> None:
    text = shown([])
    assert "It adds up: 8 referred = 2 on the way + 3 declined + 3 admitted," in text
    assert "3 admitted = 2 in care + 1 discharged." in text
    assert "declined: no coverage" in text


def test_the_table_says_what_does_not_add_up() -> None:
    text = shown(["3 admitted are not 2 in care + 0 discharged."])
    assert "It does not add up: 3 admitted are not 2 in care + 0 discharged." in text
    assert "It adds up" not in text
