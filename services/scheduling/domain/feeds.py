"""What a calendar feed shows of sessions, and to whom. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

from contracts.vocabulary import GroupKind, ServiceKind

_IDS = UUID("5b0f6c1e-6f0a-5a3e-8f57-0d0b3f1d2a46")
REMEMBERED = timedelta(weeks=4)
"""How far back the feeds of staff go."""
_NAMES: dict[str, str] = {GroupKind.CBT: "CBT", GroupKind.DBT: "DBT"}


@dataclass(frozen=True, slots=True)
class Meeting:
    """A session as a feed needs to know it."""

    session_id: str
    start_at: datetime
    end_at: datetime
    tz: str
    service_kind: ServiceKind
    group_kind: GroupKind | None
    room_id: str | None
    booked: int
    cancelled: bool
    version: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a calendar feed."""

    uid: str
    start_at: datetime
    end_at: datetime
    tz: str
    summary: str
    description: str
    cancelled: bool
    sequence: int
    changed_at: datetime


def since(now: datetime) -> date:
    """The first day that a feed of staff shows."""
    return (now.astimezone(UTC) - REMEMBERED).date()


def for_staff(meetings: Iterable[Meeting]) -> Sequence[Entry]:
    """What meets, where, and how many are booked; a phone that is lost tells of nobody."""
    return [
        Entry(
            uid=m.session_id,
            start_at=m.start_at,
            end_at=m.end_at,
            tz=m.tz,
            summary=f"{_kind(m)}, room {m.room_id}" if m.room_id else _kind(m),
            description=f"{m.booked} booked",
            cancelled=m.cancelled,
            sequence=m.version,
            changed_at=m.changed_at,
        )
        for m in meetings
    ]


def for_patient(episode_id: str, meetings: Iterable[Meeting]) -> Sequence[Entry]:
    """When to be there and nothing else: whoever looks over a shoulder learns neither what nor where."""
    return [
        Entry(
            # Two people of one group must not find each other by what their feeds have in common.
            uid=str(uuid5(_IDS, f"{episode_id}/{m.session_id}")),
            start_at=m.start_at,
            end_at=m.end_at,
            tz=m.tz,
            summary="Appointment",
            description="",
            cancelled=m.cancelled,
            sequence=m.version,
            changed_at=m.changed_at,
        )
        for m in meetings
    ]


def _kind(meeting: Meeting) -> str:
    kind = meeting.group_kind or meeting.service_kind
    return _NAMES.get(kind) or kind.value.replace("_", " ").capitalize()
