"""When a network is quiet, and who is named when it is not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploy.local.timekeeper import Status, laggards

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CALM = Status(NOON, None, 0, 0, 0, {"3": 7}, {"3": 9, "4": 2})


def test_all_calm_is_quiet() -> None:
    speaker = replace(CALM, heads={"3": 9})
    assert laggards({"intake": CALM, "progress": speaker}) == {}


def test_a_wake_in_the_future_does_not_disturb() -> None:
    assert laggards({"intake": replace(CALM, next_wake_at=NOON)}) == {}


@pytest.mark.parametrize(
    ("status", "complaint"),
    [
        (replace(CALM, unsent=2), "intake has 2 events unsent"),
        (replace(CALM, due=1), "intake has 1 wakes due"),
        (replace(CALM, busy=1), "intake has 1 tasks running"),
    ],
)
def test_unfinished_work_is_named(status: Status, complaint: str) -> None:
    assert laggards({"intake": status, "notify": CALM}) == {"intake": complaint}


def test_who_has_not_read_what_another_said_is_named() -> None:
    speaker = replace(CALM, heads={"4": 5}, positions={"3": 9, "4": 5})
    assert laggards({"notify": CALM, "progress": speaker}) == {
        "notify": "notify has read lane 4 up to 2 of 5"
    }


def test_a_lane_never_read_counts_as_unread() -> None:
    deaf = replace(CALM, positions={})
    assert laggards({"notify": deaf, "progress": CALM}) == {"notify": "notify has read lane 3 up to 0 of 7"}


def test_a_status_is_read_from_the_answer_of_a_service() -> None:
    answer = {
        "now": "2026-01-05T12:00:00+00:00",
        "next_wake_at": None,
        "due": 0,
        "unsent": 0,
        "busy": 0,
        "heads": {"3": 7},
        "positions": {"3": 9, "4": 2},
    }
    assert Status.read(answer) == CALM
