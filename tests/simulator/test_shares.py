"""The outcome table counts who is meant, and the model's expectation is that of the same span."""

from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from deploy.local.simulator.forecast import Life, expected, tallies
from deploy.local.simulator.life import STARTS_ON, Script
from deploy.local.simulator.outcomes import (
    ADMITTED,
    AFTERCARE,
    DECLINED,
    DISCHARGED,
    EXTENDED,
    REFERRED,
    SCREENED,
    STEPPED_DOWN,
    Told,
)
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.shares import GROUPS, ROWS, measured, print_shares

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
MONDAY = date(2026, 1, 5)
SCRIPT = Script()
EXPECTED = expected(SCRIPT.asking_days, SCRIPT.days, STARTS_ON)


def told(type: str, episode: str, **body: object) -> Told:
    return (type, episode, AT, body)


STORY = [
    *(told(REFERRED, f"e{n}") for n in range(11)),
    told(DECLINED, "e10", reason="duplicate"),
    *(told(SCREENED, f"e{n}") for n in range(6)),
    told(SCREENED, "e0"),
    *(told(ADMITTED, f"e{n}") for n in range(5)),
    told(STEPPED_DOWN, "e0"),
    told(STEPPED_DOWN, "e0"),
    told(EXTENDED, "e1"),
    told(AFTERCARE, "e0"),
    told(DISCHARGED, "e0", reason="completed_goals", teds_reason="completed"),
    told(DISCHARGED, "e2", reason="left_against_advice", teds_reason="dropped_out"),
    told(DISCHARGED, "e3", reason="deceased", teds_reason="death"),
]


def test_each_person_counts_once_and_the_second_referral_of_somebody_not_at_all() -> None:
    lines = {share.name: (share.n, share.of) for share in measured(STORY, EXPECTED)}
    assert lines == {
        "seen": (6, 10),
        "admitted": (5, 10),
        "ended": (3, 5),
        "completed": (1, 3),
        "dropped_out": (1, 3),
        "transferred": (0, 3),
        "terminated_by_facility": (0, 3),
        "other": (1, 3),
        "extended": (1, 2),
        "stepped_down": (1, 5),
        "stepped_up": (0, 5),
    }


def test_the_groups_of_the_ended_add_up_in_the_model_and_in_the_story() -> None:
    for lines in (EXPECTED, {s.name: (s.n, s.of) for s in measured(STORY, EXPECTED)}):
        assert sum(lines[group][0] for group in GROUPS) == lines["ended"][0]


@pytest.mark.parametrize(
    ("share", "published", "points"),
    [
        ("seen", 55, 4),
        ("admitted", 37, 4),
        ("completed", 42.1, 3),
        ("dropped_out", 25.1, 5),
        ("transferred", 17.9, 5),
        ("terminated_by_facility", 5.5, 4),
        ("other", 5.7, 3),
    ],
)
def test_the_model_expects_of_the_default_demo_what_is_published(
    share: str, published: float, points: float
) -> None:
    n, of = EXPECTED[share]
    assert 100 * n / of == pytest.approx(published, abs=points)
    assert published in [each.percent for each in parameters().published[share]]


def test_a_span_that_stops_early_shows_fewer_ends_and_those_who_drop_out_first() -> None:
    cold = expected(SCRIPT.asking_days, SCRIPT.asking_days, STARTS_ON)
    assert cold["ended"][0] / cold["ended"][1] < EXPECTED["ended"][0] / EXPECTED["ended"][1]
    assert cold["completed"][0] / cold["completed"][1] < EXPECTED["completed"][0] / EXPECTED["completed"][1]


def test_who_was_extended_reached_the_planned_end() -> None:
    lives = [
        Life(seen=True, admitted=True, extended=True),
        Life(seen=True, admitted=True, ended="completed"),
        Life(seen=True, admitted=True, ended="dropped_out"),
    ]
    assert tallies(lives)["extended"] == (1, 2)


def test_people_stop_asking_a_planned_stay_before_the_end_and_never_before_the_larger_part() -> None:
    assert Script().days - Script().asking_days == 85
    short = Script(weeks=4, warm_up_weeks=1)
    assert short.asking_days == 21


def test_the_table_names_every_share_with_its_numbers_and_its_source() -> None:
    console = Console(width=120)
    with console.capture() as caught:
        print_shares(console, measured(STORY, EXPECTED))
    text = caught.get()
    assert all(label in text for label, _ in ROWS.values())
    assert "of 3 whose treatment ended" in text
    for figures in parameters().published.values():
        assert all(each.cite[:60] in text for each in figures)


def test_a_share_of_nobody_is_no_share() -> None:
    lines = {share.name: share for share in measured([], EXPECTED)}
    assert lines["completed"].percent is None
    assert lines["completed"].document()["percent"] is None
