"""What became of everybody, counted from the events the services wrote down."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.network import Network
from deploy.local.secrets import OPERATOR, SERVICES

_TYPES = "SELECT type, count(*) AS n FROM {schema}.outbox GROUP BY type"
_STORY = """SELECT type, correlation_id, aggregate_id, at, body::jsonb AS body FROM {schema}.outbox
  WHERE type = ANY($1) ORDER BY id"""
ONCE = {
    "intake.detox_referred.v1": "sent_to_detox",
    "intake.patient_waitlisted.v1": "waitlisted",
    "intake.patient_admitted.v1": "admitted",
    "scheduling.session_attended.v1": "attended",
    "progress.extension_approved.v1": "extended",
    "progress.step_down_approved.v1": "stepped_down",
    "progress.step_up_approved.v1": "stepped_up",
    "progress.aftercare_planned.v1": "aftercare_planned",
    "progress.alumni_enrolled.v1": "alumni",
}
REFERRED = "intake.referral_received.v1"
DECLINED = "intake.referral_declined.v1"
DISCHARGED = "progress.patient_discharged.v1"
MOVED = "progress.episode_state_changed.v1"
LABELS = {
    "referred": "referred",
    "sent_to_detox": "sent to detox first",
    "waitlisted": "waitlisted",
    "admitted": "admitted",
    "attended": "came to a session",
    "extended": "extended",
    "stepped_down": "stepped down",
    "stepped_up": "stepped up",
    "aftercare_planned": "went on to aftercare",
    "alumni": "became alumni",
    "attending": "attending at the end",
    "in_aftercare": "in aftercare at the end",
}


@dataclass(frozen=True, slots=True)
class Story:
    """Outcomes over the whole span and over the weeks that are shown, and events by type."""

    outcomes: dict[str, Any]
    shown: dict[str, Any]
    events: dict[str, int]


async def read_story(network: Network, opens_on: date) -> Story:
    """Count people and events from the outboxes, by the read-only operator."""
    import asyncpg

    db: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR))
    try:
        await db.set_type_codec("jsonb", encoder=str, decoder=_json, schema="pg_catalog")
        events: dict[str, int] = {}
        rows: list[asyncpg.Record] = []
        wanted = [*ONCE, REFERRED, DECLINED, DISCHARGED, MOVED]
        for schema in SERVICES:
            counted = await db.fetch(_TYPES.format(schema=schema))
            events |= {row["type"]: row["n"] for row in counted}
            rows += await db.fetch(_STORY.format(schema=schema), wanted)
    finally:
        await db.close()
    told = [(str(r["type"]), str(r["body"]["episode_id"]), r["at"], dict(r["body"])) for r in rows]
    from_instant = datetime.combine(opens_on, time(), tzinfo=rows[0]["at"].tzinfo) if rows else None
    shown = [each for each in told if from_instant is not None and each[2] >= from_instant]
    return Story(outcomes_of(told), outcomes_of(shown), dict(sorted(events.items())))


def outcomes_of(told: list[tuple[str, str, datetime, dict[str, Any]]]) -> dict[str, Any]:
    """Outcomes from events: each person counts once per line."""
    people: dict[str, set[str]] = {name: set() for name in ("referred", *ONCE.values())}
    declined: Counter[str] = Counter()
    discharged: Counter[str] = Counter()
    state: dict[str, str] = {}
    for type, episode, _, body in told:
        if type == REFERRED:
            people["referred"].add(episode)
        elif type == DECLINED:
            declined[str(body["reason"])] += 1
        elif type == DISCHARGED:
            discharged[str(body["reason"])] += 1
            state[episode] = "DISCHARGED"
        elif type == MOVED:
            state[episode] = str(body["to_state"]).upper()
        else:
            people[ONCE[type]].add(episode)
    now = Counter(state.values())
    return {
        **{name: len(episodes) for name, episodes in people.items()},
        "attending": now["ATTENDING"],
        "in_aftercare": now["AFTERCARE"],
        "declined": dict(sorted(declined.items())),
        "discharged": dict(sorted(discharged.items())),
    }


def print_tables(console: Console, story: Story, reconciled: dict[str, int], weeks: int) -> None:
    """The tables at the end of the demo."""
    outcomes = Table(title="What became of everybody", title_justify="left", pad_edge=False)
    outcomes.add_column("")
    outcomes.add_column("with warm-up", justify="right")
    outcomes.add_column(f"in {weeks} weeks", justify="right")
    for name, label in LABELS.items():
        during = "" if name in ("attending", "in_aftercare") else str(story.shown.get(name, 0))
        outcomes.add_row(label, str(story.outcomes.get(name, 0)), during)
    for group in ("declined", "discharged"):
        for reason, count in story.outcomes.get(group, {}).items():
            shown = story.shown.get(group, {}).get(reason, 0)
            outcomes.add_row(f"{group}: {reason.replace('_', ' ')}", str(count), str(shown))
    console.print(outcomes)
    events = Table(title=f"Events: {sum(story.events.values()):,}", title_justify="left", pad_edge=False)
    events.add_column("type")
    events.add_column("count", justify="right")
    for type, count in story.events.items():
        events.add_row(type, f"{count:,}")
    console.print(events)
    clean = not any(reconciled.values())
    words = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in reconciled.items())
    console.print(f"[{'green' if clean else 'red'}]Outboxes, stream and inboxes compared: {words}.[/]")
    console.print(
        "[dim]People: TEDS-D 2004 (IOP) and 2019, one telehealth IOP 2021-23 (company authors), one youth "
        "tele-IOP; what has no published source is marked `assumption` in parameters.toml.[/]"
    )


def _json(text: str) -> Any:
    import json

    return json.loads(text)
