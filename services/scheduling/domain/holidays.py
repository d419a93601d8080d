"""The holidays that the rules name, as days of a year. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from contracts.rule_tables import Holiday, HolidayRules

WEEK = 7
SATURDAY, SUNDAY = 6, 7


@dataclass(frozen=True, slots=True)
class Observed:
    """A holiday, and the day on which it is kept."""

    name: str
    on: date
    observed_on: date


def holidays_of(year: int, rules: HolidayRules) -> list[Observed]:
    """The holidays kept in a year, in order; the next New Year's Day may be kept in December."""
    moves = {SATURDAY: rules.observed.get("saturday", 0), SUNDAY: rules.observed.get("sunday", 0)}
    found = [
        Observed(h.name, on, on + timedelta(days=moves.get(on.isoweekday(), 0)))
        for h in rules.days
        for on in (_day(h, y) for y in (year, year + 1))
    ]
    return sorted((h for h in found if h.observed_on.year == year), key=lambda h: (h.observed_on, h.name))


def _day(holiday: Holiday, year: int) -> date:
    if holiday.day:
        return date(year, holiday.month, holiday.day)
    if holiday.nth > 0:
        first = date(year, holiday.month, 1)
        ahead = (holiday.dow - first.isoweekday()) % WEEK
        return first + timedelta(days=ahead + WEEK * (holiday.nth - 1))
    last = date(year + holiday.month // 12, holiday.month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.isoweekday() - holiday.dow) % WEEK)
