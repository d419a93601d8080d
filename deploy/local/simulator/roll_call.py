"""Group leaders: who is here, before anybody is counted as absent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from contracts.rulebook import rulebook
from deploy.local.simulator.api import side_by_side
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member, Scene, Site

ROLE = "scheduler"
AFTER_START = timedelta(minutes=10)
IN_TIME = timedelta(minutes=rulebook().attendance.no_show_grace_minutes - 1)
"""Whoever is not on the roll by then counts as absent, and is told so."""
EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Meeting:
    """One session to come with somebody on its roster."""

    site: Site
    day: date
    session_id: str
    roll_at: datetime
    """The earliest moment for the roll."""
    roll_by: datetime
    """The latest."""
    episodes: tuple[str, ...]


class RollCall:
    """Reads the calendar once per site and day, and records attendance at each session."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def plan(self, day: date) -> list[Meeting]:
        """The sessions of a day on which anybody is expected, in order of their roll calls."""
        reply = await self._scene.api.get("scheduling", "/v1/sessions", ROLE, on=day.isoformat())
        sessions = reply.body.get("items", []) if reply.done else []
        meetings = [
            _meeting(self._scene.site(str(each["site_id"])), day, each)
            for each in sessions
            if not each["cancelled"]
        ]
        expected = [meeting for meeting in meetings if meeting.episodes]
        return sorted(expected, key=lambda each: (each.roll_at, each.site.id, each.session_id))

    async def take(self, meetings: list[Meeting]) -> None:
        """Call the rolls of sessions that started together."""
        await side_by_side([partial(self._take_one, meeting) for meeting in meetings])

    async def _take_one(self, meeting: Meeting) -> None:
        reply = await self._send(meeting, self._entries(meeting, meeting.episodes), "first")
        if reply:
            return
        for fresh in await self.plan(meeting.day):
            if fresh.session_id == meeting.session_id:
                await self._send(fresh, self._entries(fresh, fresh.episodes), "again")

    async def _send(self, meeting: Meeting, entries: list[dict[str, Any]], step: str) -> bool:
        first = step == "first"
        reply = await self._scene.api.do(
            "scheduling",
            f"/v1/sessions/{meeting.session_id}/roll-call",
            {"entries": entries, "rest": "present"},
            ROLE,
            step=f"roll/{meeting.session_id}/{step}",
            # Somebody may have left since the calendar was read: then it is read again.
            expected=first,
        )
        return reply.done

    def _entries(self, meeting: Meeting, episodes: tuple[str, ...]) -> list[dict[str, Any]]:
        entries = []
        for episode in episodes:
            member = self._scene.members.get(episode)
            if member is not None and (entry := self._entry(member, meeting)) is not None:
                entries.append({"episode_id": episode, **entry})
        return entries

    def _entry(self, member: Member, meeting: Meeting) -> dict[str, Any] | None:
        """What is to be said about one person; None for being there on time to the end."""
        figures = parameters()
        a = figures.attendance
        rng = self._scene.luck(member, f"session/{meeting.roll_at.isoformat()}")
        stay = member.stay(meeting.day)
        gone = member.person.course.exit != "completed" and stay >= member.person.course.days
        luck = rng.random()
        if member.left or gone:
            return {"status": "no_show"}
        if member.finishing or member.held_until is not None:
            return {"status": "excused"}
        if luck >= member.person.taking.chance(stay, a.in_person_intercept, figures):
            return {"status": a.miss_kind.draw(rng)}
        if rng.random() < a.late:
            return {"status": "present", "late_minutes": round(a.late_minutes.draw(rng))}
        if rng.random() < a.left_early:
            return {"status": "present", "left_early_minutes": round(a.left_early_minutes.draw(rng))}
        return None


def moments(meetings: list[Meeting]) -> list[tuple[datetime, list[Meeting]]]:
    """As few moments as there may be, with the sessions whose rolls are called then: all began just now."""
    found: list[tuple[datetime, list[Meeting]]] = []
    left = sorted(meetings, key=lambda each: each.roll_by)
    while left:
        together = [meeting for meeting in left if meeting.roll_at <= left[0].roll_by]
        left = [meeting for meeting in left if meeting not in together]
        found.append((max(meeting.roll_at for meeting in together), together))
    return found


def _meeting(site: Site, day: date, session: Mapping[str, Any]) -> Meeting:
    return Meeting(
        site,
        day,
        str(session["session_id"]),
        datetime.fromisoformat(session["start_at"]) + AFTER_START,
        datetime.fromisoformat(session["start_at"]) + IN_TIME,
        tuple(str(entry["episode_id"]) for entry in session["roster"] if entry["status"] == EXPECTED),
    )
