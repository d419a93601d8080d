"""Reading calendars the way RFC 5545 says, without the library that writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar


def unfolded(text: bytes) -> list[str]:
    """The content lines of a calendar (3.1): at most 75 octets each before they are unfolded."""
    assert text.endswith(b"\r\n")
    physical = text[:-2].split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in physical)
    assert max(map(len, physical)) <= 75
    lines: list[bytes] = []
    for line in physical:
        if line.startswith((b" ", b"\t")):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return [line.decode() for line in lines]


def components(text: bytes, name: str) -> list[dict[str, str]]:
    """The properties of every component of a kind, by name; parameters are cut off."""
    found: list[dict[str, str]] = []
    inside = False
    for line in unfolded(text):
        if line == f"BEGIN:{name}":
            inside = True
            found.append({})
        elif line == f"END:{name}":
            inside = False
        elif inside:
            key, _, value = line.partition(":")
            found[-1][key.partition(";")[0]] = value
    return found


def observances(text: bytes) -> list[tuple[datetime, timedelta, timedelta]]:
    """Every change of a calendar's only zone: the onset in UTC and the offsets before and after (3.6.5)."""
    found = []
    for each in components(text, "STANDARD") + components(text, "DAYLIGHT"):
        before, after = _offset(each["TZOFFSETFROM"]), _offset(each["TZOFFSETTO"])
        onset = datetime.strptime(each["DTSTART"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - before
        found.append((onset, before, after))
    return sorted(found)


def offset_at(text: bytes, at: datetime) -> timedelta:
    """The offset that a calendar's own zone has at an instant."""
    return [after for onset, _, after in observances(text) if onset <= at][-1]


def _offset(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))


def events(text: bytes) -> dict[str, dict[str, Any]]:
    """The events of a calendar as the library reads them, by their uid."""
    return {
        str(event["uid"]): {
            "start": event.decoded("dtstart").astimezone(UTC),
            "end": event.decoded("dtend").astimezone(UTC),
            "zone": event["dtstart"].params["TZID"],
            "summary": str(event["summary"]),
            "description": str(event.get("description", "")),
            "status": str(event["status"]),
            "sequence": event.decoded("sequence"),
            "changed": event.decoded("last-modified"),
        }
        for event in Calendar.from_ical(text).walk("VEVENT")
    }
