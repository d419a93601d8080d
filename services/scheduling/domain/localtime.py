"""Wall time at a site and instants, right on the days when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_MINUTES = 24 * 60
_MINUTE = timedelta(minutes=1)


def zone_exists(tz: str) -> bool:
    """Whether the zone is known to the time zone database."""
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def wall_minutes(wall: str) -> int:
    """Minutes since the day's start on the wall clock; 24:00 is 1440."""
    hours, minutes = wall.split(":")
    return int(hours) * 60 + int(minutes)


def wall_length(start_local: str, end_local: str) -> int:
    """Minutes between two wall times of one day."""
    return wall_minutes(end_local) - wall_minutes(start_local)


def instant(day: date, wall: str, tz: str) -> datetime:
    """The UTC instant of a wall time; 24:00 is the next day's first instant.

    A wall time that the clocks jump over is the instant of the jump; one that comes twice is the first.
    So later on the wall is never earlier, and blocks that do not overlap on the wall never overlap.
    """
    minutes = wall_minutes(wall)
    if minutes == DAY_MINUTES:
        day, minutes = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(tz))
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    return first if first <= second else clock_changes(tz, second, first)[0]


def midnight(day: date, tz: str) -> datetime:
    """The first instant of a civil day."""
    return instant(day, "00:00", tz)


def midnight_after(day: date, tz: str) -> datetime:
    """The instant at which a civil day is over."""
    return midnight(day + timedelta(days=1), tz)


def civil_date(at: datetime, tz: str) -> date:
    """The civil day at a site at an instant."""
    return at.astimezone(ZoneInfo(tz)).date()


def monday_of(day: date) -> date:
    """The first day of a civil day's treatment week."""
    return day - timedelta(days=day.weekday())


def minutes_between(start: datetime, end: datetime) -> int:
    """Whole elapsed minutes from one instant to a later one."""
    return int((end.astimezone(UTC) - start.astimezone(UTC)) / _MINUTE)


def clock_changes(tz: str, since: datetime, until: datetime) -> list[datetime]:
    """The UTC instants at which the clocks of a zone change, to the minute, after one and up to another."""
    zone, found = ZoneInfo(tz), []
    at, end = (each.astimezone(UTC).replace(second=0, microsecond=0) for each in (since, until))
    while at < end:
        before, offset = at, at.astimezone(zone).utcoffset()
        at = after = min(at + timedelta(days=1), end)
        if after.astimezone(zone).utcoffset() == offset:
            continue
        while after - before > _MINUTE:
            middle = before + (after - before) // _MINUTE // 2 * _MINUTE
            unchanged = middle.astimezone(zone).utcoffset() == offset
            before, after = (middle, after) if unchanged else (before, middle)
        found.append(after)
    return found
