"""Rolls are called at few moments, each while all of its sessions run."""

from datetime import UTC, date, datetime, timedelta

from deploy.local.simulator.roll_call import AFTER_START, BEFORE_END, Meeting, moments
from deploy.local.simulator.scene import Site

DAY = date(2026, 1, 5)
SITE = Site("north", "America/New_York")


def meeting(start: int, minutes: int = 180) -> Meeting:
    begins = datetime(2026, 1, 5, start, tzinfo=UTC)
    ends = begins + timedelta(minutes=minutes)
    return Meeting(SITE, DAY, f"s{start}", begins + AFTER_START, ends - BEFORE_END, ("e1",))


def test_sessions_that_run_together_are_called_together() -> None:
    found = moments([meeting(14), meeting(15), meeting(16)])
    assert [(at.hour, len(together)) for at, together in found] == [(16, 3)]


def test_nobody_is_called_before_the_start_or_after_the_end() -> None:
    meetings = [meeting(14, 90), meeting(15), meeting(16), meeting(22)]
    found = moments(meetings)
    assert sorted(m.session_id for _, together in found for m in together) == ["s14", "s15", "s16", "s22"]
    assert all(m.roll_at <= at <= m.roll_by for at, together in found for m in together)
    assert len(found) == 3


def test_no_session_no_moment() -> None:
    assert moments([]) == []
