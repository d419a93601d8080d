"""The story of a simulated network, read from what the services wrote down, and its tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.network import Network
from deploy.local.secrets import OPERATOR, SERVICES
from deploy.local.simulator.forecast import expected
from deploy.local.simulator.life import STARTS_ON, Script
from deploy.local.simulator.outcomes import ALERTS, WANTED, Standing, Told, disagreements, outcomes_of
from deploy.local.simulator.shares import Share, measured, print_shares

_TYPES = "SELECT type, count(*) AS n FROM {schema}.outbox GROUP BY type"
_STORY = """SELECT type, correlation_id, aggregate_id, at, body::jsonb AS body FROM {schema}.outbox
  WHERE type = ANY($1) ORDER BY id"""
_STANDING = "SELECT stage, count(*) AS n FROM {table} GROUP BY stage"
_ON_THE_WAY = {
    "referred": "still to be seen",
    "screened": "screened, still to be assessed",
    "detox_referred": "in detox first, or lost from it",
    "assessed": "assessed, still to be admitted",
    "waitlisted": "on the waiting list",
}
_IN_CARE = {
    "admitted": "admitted, without a week yet",
    "scheduled": "with a week, still to come",
    "attending": "attending",
    "aftercare": "in aftercare",
    "alumni": "alumni",
}
_ON_THEIR_WAY = {
    "linked": "referred again and linked",
    "sent_to_detox": "sent to detox first",
    "waited_for_payer": "waited for a payer",
    "waitlisted": "waited for a seat",
}
_IN_TREATMENT = {
    "attended": "came to a session",
    "extended": "extended",
    "stepped_down": "stepped down",
    "stepped_up": "stepped up",
    "aftercare_planned": "went on to aftercare",
    "alumni": "became alumni",
    "held": "were away with leave",
    "resumed": "came back from it",
    "died": "died",
    "plans_reviewed": "plans reviewed",
    "measures_missed": "measures missed",
    "relapses_answered": "relapses answered",
    "tasks_closed": "tasks closed",
    "referred_outside": "referred to somebody outside",
    "loops_closed": "and it is known what came of it",
    "authorizations_low": "authorizations that ran low",
    "recertified": "certified anew",
    "consents_revoked": "consents taken back",
}


@dataclass(frozen=True, slots=True)
class Story:
    """Outcomes over the whole span and over the weeks that are shown, and events by type."""

    outcomes: dict[str, Any]
    shown: dict[str, Any]
    events: dict[str, int]
    shares: list[Share] = field(default_factory=list)
    """Shares of those who asked and of those who were treated, beside what was to be expected."""
    wrong: list[str] = field(default_factory=list)
    """What does not add up."""

    @property
    def adds_up(self) -> bool:
        return not self.wrong


async def read_story(network: Network, script: Script) -> Story:
    """Count people and events from the outboxes and the books, by the read-only operator."""
    import asyncpg

    db: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR))
    try:
        await db.set_type_codec("jsonb", encoder=str, decoder=json.loads, schema="pg_catalog")
        events: dict[str, int] = {}
        rows: list[asyncpg.Record] = []
        wanted = [*WANTED, *(f"{name}.{type}" for name in SERVICES for type in ALERTS.values())]
        for schema in SERVICES:
            counted = await db.fetch(_TYPES.format(schema=schema))
            events |= {row["type"]: row["n"] for row in counted}
            rows += await db.fetch(_STORY.format(schema=schema), wanted)
        standing = Standing(
            await _stages(db, "intake.referrals"),
            await _stages(db, "progress.episodes"),
        )
    finally:
        await db.close()
    told: list[Told] = [(r["type"], str(r["body"]["episode_id"]), r["at"], r["body"]) for r in rows]
    since = datetime.combine(script.opens_on, time(), tzinfo=rows[0]["at"].tzinfo) if rows else None
    shown = [each for each in told if since is not None and each[2] >= since]
    return Story(
        outcomes_of(told, standing),
        outcomes_of(shown, standing),
        dict(sorted(events.items())),
        measured(told, expected(script.asking_days, script.days, STARTS_ON)),
        disagreements(told, standing),
    )


async def _stages(db: Any, table: str) -> dict[str, int]:
    return {str(row["stage"]): row["n"] for row in await db.fetch(_STANDING.format(table=table))}


def print_tables(console: Console, story: Story, reconciled: dict[str, int], weeks: int) -> None:
    """The tables at the end of the demo."""
    console.print(_everybody(story, weeks))
    for sentence in _sums(story):
        console.print(sentence)
    console.print()
    print_shares(console, story.shares)
    console.print()
    console.print(_on_their_way(story, weeks))
    console.print()
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


def _table(title: str, weeks: int) -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False)
    table.add_column("")
    table.add_column("with warm-up", justify="right")
    table.add_column(f"in {weeks} weeks", justify="right")
    return table


def _everybody(story: Story, weeks: int) -> Table:
    """Each referred person in exactly one line below, each admitted one in one line of theirs."""
    table, all_, shown = _table("What became of everybody", weeks), story.outcomes, story.shown
    table.add_row("[bold]referred[/]", f"[bold]{all_['referred']}[/]", f"[bold]{shown['referred']}[/]")
    for stage, count in all_["on_the_way"].items():
        table.add_row(f"  on the way: {_ON_THE_WAY.get(stage, stage)}", str(count), "")
    _reasons(table, "declined", all_["declined"], shown["declined"])
    table.add_row("  admitted", str(all_["admitted"]), str(shown["admitted"]), end_section=True)
    table.add_row("[bold]admitted[/]", f"[bold]{all_['admitted']}[/]", f"[bold]{shown['admitted']}[/]")
    for state, count in all_["in_care"].items():
        table.add_row(f"  in care: {_IN_CARE.get(state, state)}", str(count), "")
    _reasons(table, "discharged", all_["discharged"], shown["discharged"])
    return table


def _reasons(table: Table, end: str, all_: Mapping[str, int], shown: Mapping[str, int]) -> None:
    for reason, count in all_.items():
        table.add_row(f"  {end}: {reason.replace('_', ' ')}", str(count), str(shown.get(reason, 0)))


def _sums(story: Story) -> list[str]:
    """The two sums in words, or everything that does not add up."""
    if story.wrong:
        return [f"[red]It does not add up: {sentence}[/]" for sentence in story.wrong]
    o = story.outcomes
    everybody, admitted = o["referred"], o["admitted"]
    way, declined = sum(o["on_the_way"].values()), sum(o["declined"].values())
    care, gone = sum(o["in_care"].values()), sum(o["discharged"].values())
    first = f"{everybody} referred = {way} on the way + {declined} declined + {admitted} admitted"
    second = f"{admitted} admitted = {care} in care + {gone} discharged"
    return [f"[green]It adds up: {first},[/]", f"[green]and {second}.[/]"]


def _on_their_way(story: Story, weeks: int) -> Table:
    table, all_, shown = _table("What happened on the way", weeks), story.outcomes, story.shown

    def add(label: str, *path: str) -> None:
        values = []
        for outcomes in (all_, shown):
            value: Any = outcomes
            for name in path:
                value = value[name]
            values.append(str(value))
        table.add_row(label, *values)

    for name, label in _ON_THEIR_WAY.items():
        add(label, name)
    for what in all_["offers"]:
        add(f"offers {what}", "offers", what)
    for what in all_["alerts"]:
        add(f"safety alerts {'acknowledged late' if what == 'late' else what}", "alerts", what)
    for name, label in _IN_TREATMENT.items():
        add(label, name)
    return table
