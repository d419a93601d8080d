"""Wall-clock time: quiet hours, and dates as people say them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from contracts.rulebook import QuietHours
from contracts.vocabulary import Slot

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def zone(name: str) -> tzinfo:
    """The zone of that name, or UTC: a strange name must not silence anybody."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def is_quiet(at: datetime, tz: str, quiet: QuietHours) -> bool:
    """Whether an instant falls into the quiet hours of a place."""
    hour = at.astimezone(zone(tz)).hour
    if quiet.from_hour <= quiet.to_hour:
        return quiet.from_hour <= hour < quiet.to_hour
    return hour >= quiet.from_hour or hour < quiet.to_hour


def when_open(at: datetime, tz: str, quiet: QuietHours) -> datetime:
    """The same instant, or the end of the quiet hours that it falls into."""
    if not is_quiet(at, tz, quiet):
        return at
    local = at.astimezone(zone(tz))
    morning = time(quiet.to_hour % 24)
    day = local.date() if local.time() < morning else local.date() + timedelta(days=1)
    return datetime.combine(day, morning, tzinfo=zone(tz)).astimezone(UTC)


def midnight_after(day: date, tz: str) -> datetime:
    """The instant at which a civil day is over."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone(tz)).astimezone(UTC)


def say_day(day: date) -> str:
    """A date such as `Mon 5 Oct`."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def say_instant(at: datetime, tz: str) -> str:
    """An instant in wall time, such as `Mon 5 Oct, 14:37`."""
    local = at.astimezone(zone(tz))
    return f"{say_day(local.date())}, {local:%H:%M}"


def say_week(slots: Iterable[Slot]) -> str:
    """A weekly calendar such as `Mon 18:00 to 21:00, Wed 18:00 to 21:00`: one stay a day."""
    days: dict[int, list[Slot]] = {}
    for slot in slots:
        days.setdefault(slot.dow, []).append(slot)
    return ", ".join(
        f"{_DAYS[dow - 1]} {min(s.start_local for s in on_day)} to {max(s.end_local for s in on_day)}"
        for dow, on_day in sorted(days.items())
    )
