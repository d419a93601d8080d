"""Rolls are called at few moments, each before anybody is counted as absent."""

from datetime import UTC, date, datetime, timedelta

from contracts.rulebook import rulebook
from deploy.local.simulator.roll_call import AFTER_START, IN_TIME, Meeting, moments
from deploy.local.simulator.scene import Site

DAY = date(2026, 1, 5)
SITE = Site("north", "America/New_York")


def meeting(start: int, minute: int = 0) -> Meeting:
    begins = datetime(2026, 1, 5, start, minute, tzinfo=UTC)
    return Meeting(SITE, DAY, f"s{start}:{minute}", begins + AFTER_START, begins + IN_TIME, ("e1",))


def test_sessions_that_began_together_are_called_together() -> None:
    found = moments([meeting(14), meeting(14, 15), meeting(16)])
    assert [(at.hour, at.minute, len(together)) for at, together in found] == [(14, 25, 2), (16, 10, 1)]


def test_nobody_is_called_before_the_start_or_when_they_count_as_absent() -> None:
    meetings = [meeting(14), meeting(14, 15), meeting(14, 30), meeting(15), meeting(22)]
    found = moments(meetings)
    assert sorted(m.session_id for _, together in found for m in together) == sorted(
        m.session_id for m in meetings
    )
    assert all(m.roll_at <= at <= m.roll_by for at, together in found for m in together)
    assert timedelta(minutes=rulebook().attendance.no_show_grace_minutes) > IN_TIME
    assert len(found) == 4


def test_no_session_no_moment() -> None:
    assert moments([]) == []
