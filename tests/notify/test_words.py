"""What is never said, and when nobody is woken."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rulebook import QuietHours
from contracts.vocabulary import (
    ServiceKind,
    Slot,
)
from services.notify.domain.hours import is_quiet, say_instant, say_week, when_open
from services.notify.domain.templates import TEMPLATES, Audience, text_of
from tests.notify.people import (
    MONDAY_EVENING,
    NEW_YORK,
    NOON,
    QUIET,
)


@given(
    st.integers(0, 730 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.sampled_from(
        [NEW_YORK, "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "No/Where"]
    ),
    st.integers(0, 23),
    st.integers(0, 23),
)
def test_the_instant_of_sending_is_never_quiet_never_early_and_at_most_a_day_late(
    at: datetime, tz: str, start: int, end: int
) -> None:
    quiet = QuietHours(from_hour=start, to_hour=end, cite="")

    opened = when_open(at, tz, quiet)

    assert at <= opened <= at + timedelta(hours=25)
    assert not is_quiet(opened, tz, quiet)


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_the_morning_is_eight_on_the_wall_when_the_clocks_change(day: str) -> None:
    night = datetime.fromisoformat(f"{day}T00:30").replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)

    local = when_open(night, NEW_YORK, QUIET).astimezone(ZoneInfo(NEW_YORK))

    assert f"{local:%Y-%m-%d %H:%M}" == f"{day} 08:00"


@pytest.mark.parametrize(
    ("wall", "quiet"), [("20:59", False), ("21:00", True), ("07:59", True), ("08:00", False)]
)
def test_quiet_hours_include_their_start_and_exclude_their_end(wall: str, quiet: bool) -> None:
    at = datetime.fromisoformat(f"2026-10-05T{wall}").replace(tzinfo=ZoneInfo(NEW_YORK))

    assert is_quiet(at, NEW_YORK, QUIET) is quiet


FORBIDDEN = re.compile(
    r"program|treat|therap|counsel|group|session|recover|addict|alcohol|drug|substance|sober|detox|withdraw|relapse"
    r"|mental|health|psych|depress|anxi|suicid|trauma|eating|disorder|clinic|rehab|iop|intensive|outpatient|diagnos"
    r"|patient|level|goal|care\b|site|cent(er|re)|assess|screen|discharge|admi(t|ssion)|safety|crisis",
    re.IGNORECASE,
)
TO_PATIENTS = [t for t in TEMPLATES.values() if t.audience is Audience.PATIENT]


@pytest.mark.parametrize("template", TO_PATIENTS, ids=lambda t: t.id)
def test_no_message_to_a_patient_hints_at_what_it_is_about(template: Any) -> None:
    assert not FORBIDDEN.search(template.text)
    assert not FORBIDDEN.search(template.id), "the id travels in the event and in the letter"


def test_what_is_filled_into_messages_to_patients_is_dates_and_times_only() -> None:
    gaps = {gap for t in TO_PATIENTS for gap in re.findall(r"{(\w+)}", t.text)}

    assert gaps == {"date", "from_date", "times", "until"}
    assert re.fullmatch(r"[\w:, ]+", text := say_week([MONDAY_EVENING]) + say_instant(NOON, NEW_YORK))
    assert not FORBIDDEN.search(text)


def test_a_day_with_two_slots_is_one_stay() -> None:
    later = Slot(dow=1, start_local="19:30", end_local="21:00", service_kind=ServiceKind.GROUP)
    wednesday = Slot(dow=3, start_local="09:00", end_local="12:00", service_kind=ServiceKind.GROUP)

    assert say_week([wednesday, later, MONDAY_EVENING]) == "Mon 18:00 to 21:00, Wed 09:00 to 12:00"


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda t: t.id)
def test_every_sentence_can_be_filled(template: Any) -> None:
    words = dict.fromkeys(re.findall(r"{(\w+)}", template.text), "x")

    assert "{" not in text_of(template.id, words)
