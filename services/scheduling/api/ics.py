"""Calendar entries as RFC 5545 writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

from services.scheduling.domain.feeds import Entry
from services.scheduling.domain.localtime import clock_changes

_DAY = timedelta(days=1)


def calendar_text(name: str, entries: Sequence[Entry]) -> bytes:
    """One calendar with its entries and the zones they are in."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Calendar feed//EN")
    calendar.add("x-wr-calname", name)
    # A calendar must hold something, so one without entries holds a zone.
    for tz in sorted({e.tz for e in entries}) or ["UTC"]:
        calendar.add_component(_zone(tz, [e for e in entries if e.tz == tz]))
    for entry in entries:
        calendar.add_component(_event(entry))
    text: bytes = calendar.to_ical()
    return text


def _event(entry: Entry) -> Event:
    zone = ZoneInfo(entry.tz)
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.changed_at)
    event.add("last-modified", entry.changed_at)
    event.add("sequence", entry.sequence)
    event.add("dtstart", entry.start_at.astimezone(zone))
    event.add("dtend", entry.end_at.astimezone(zone))
    event.add("summary", entry.summary)
    if entry.description:
        event.add("description", entry.description)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if entry.cancelled else "OPAQUE")
    event.add("class", "PRIVATE")
    return event


def _zone(tz: str, entries: Sequence[Entry]) -> Timezone:
    """The offsets of a zone while the entries last.

    Onsets are wall times by the offset before, as RFC 5545 wants them; `Timezone.from_tzinfo` writes
    those of spring by the offset after.
    """
    first = min((e.start_at for e in entries), default=datetime(1970, 1, 1, tzinfo=UTC)) - _DAY
    last = max((e.end_at for e in entries), default=first) + _DAY
    zone = Timezone()
    zone.add("tzid", tz)
    begins = first.replace(hour=0, minute=0, second=0, microsecond=0)
    for at in [begins, *clock_changes(tz, begins, last)]:
        zone.add_component(_observance(tz, at, at if at == begins else at - timedelta(minutes=1)))
    return zone


def _observance(tz: str, at: datetime, before: datetime) -> TimezoneStandard | TimezoneDaylight:
    there, earlier = at.astimezone(ZoneInfo(tz)), before.astimezone(ZoneInfo(tz))
    offset_from, offset_to = earlier.utcoffset() or timedelta(), there.utcoffset() or timedelta()
    observance = TimezoneDaylight() if there.dst() else TimezoneStandard()
    observance.add("dtstart", (at + offset_from).replace(tzinfo=None))
    observance.add("tzoffsetfrom", offset_from)
    observance.add("tzoffsetto", offset_to)
    observance.add("tzname", there.tzname() or tz)
    return observance
