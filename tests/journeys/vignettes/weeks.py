"""Weeks of treatment, as the stories tell them: what is asked for, lived through and counted."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tests.journeys.vignettes.clinic import Clinic, present

MON, TUE, WED, THU, FRI = 1, 2, 3, 4, 5
COMMERCIAL = {"payer_id": "payer", "plan_kind": "commercial", "status": "active", "auth_required": True}
Week = tuple[int, int, int | None, bool]


def authorized(units: int, first: str, last: str, **more: Any) -> dict[str, Any]:
    """A payer's yes to so many days of level 2.1."""
    decision = {"status": "approved", "level": "2.1", "unit_kind": "day", "service_codes": ["H0015"]}
    return decision | {"units_approved": units, "valid_from": first, "valid_to": last} | more


def visits(level: dict[str, str], units: int, first: str, last: str, **more: Any) -> dict[str, Any]:
    """A payer's yes to so many visits at a lower level."""
    lower = {"level": level, "unit_kind": "visit", "service_codes": ["H0005"]}
    return authorized(units, first, last, **lower, **more)


def wish(first: str, minutes: int, days: int, kind: str = "sud") -> dict[str, Any]:
    about = {"earliest_start": first, "weekly_minutes": minutes, "days_per_week": days}
    return about | {"program_kind": kind}


def slots(group: str, *days: int, start: str = "09:00", end: str = "12:00") -> list[dict[str, Any]]:
    return [{"group_id": group, "dow": dow, "start_local": start, "end_local": end} for dow in days]


async def live(
    clinic: Clinic, episode: str, monday: str, days: Mapping[int, int | None], group: str | None = None
) -> None:
    """A week in one group: how many minutes late on each weekday, or not there at all."""
    for dow, late in days.items():
        on = date.fromisoformat(monday) + timedelta(days=dow - 1)
        await clinic.meets(str(on), *([] if late is None else [present(episode, late)]), group=group)


async def closed_weeks(clinic: Clinic, episode: str) -> dict[str, Week]:
    """Each closed week: creditable, scheduled, permille, below the minimum of the level."""
    return {
        w["week_start"]: (
            w["creditable_minutes"],
            w["scheduled_minutes"],
            w["attendance_ratio_permille"],
            w["below_level_minimum"],
        )
        for w in await clinic.said(episode, "treatment_week_closed")
    }


async def closed_day(clinic: Clinic, episode: str, on: str) -> dict[str, Any]:
    """What was counted of a day, as far as its midnight has passed."""
    return [d for d in await clinic.said(episode, "treatment_day_closed") if d["local_date"] == on][-1]


async def closed_day_after(clinic: Clinic, episode: str, on: str) -> dict[str, Any]:
    """A day once its midnight has passed."""
    await clinic.clock(f"{date.fromisoformat(on) + timedelta(days=1)}T00:05")
    return await closed_day(clinic, episode, on)


def codes(day: dict[str, Any]) -> set[str]:
    """What may be billed for a day."""
    return {code["code"] for service in day["services"] for code in service["service_codes"]}
