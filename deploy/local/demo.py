"""`handrail demo`: a network lives through weeks in about a minute, and what became of everybody is shown."""

import asyncio
import contextlib
import json as jsonlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local.output import say
from deploy.local.processes import Stack
from deploy.local.reconcile import Findings, examine
from deploy.local.simulator.life import BEGINS_AT, Lived, Script, Tick, live
from deploy.local.simulator.report import Story, print_tables, read_story
from deploy.local.trouble import Trouble

SHOWN = ("SCHEDULED", "ATTENDING", "AFTERCARE", "ALUMNI", "DISCHARGED")


def run_demo(
    sites: int = 3,
    patients: int = 60,
    weeks: int = 20,
    seed: int = 7,
    referrals: Path | None = None,
    keep: bool = False,
    json: bool = False,
    data: Path | None = None,
    exact: bool = False,
) -> dict[str, Any]:
    """Start a network, live through the weeks, print the outcome; returns the document of `--json`.

    Without `data` the network lives in a folder that disappears with it; with `keep` it stays up
    until Ctrl-C.
    """
    script = Script(sites=sites, patients=patients, weeks=weeks, seed=seed, referrals=referrals, exact=exact)
    _check(script)
    progress = Console(stderr=True)
    environment = {"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat(), "HANDRAIL_LOG_LEVEL": "WARNING"}

    def remark(sentence: str) -> None:
        progress.print(f"[dim]{sentence}[/]")

    options: dict[str, Any] = {"clock": "manual", "env": environment, "say": remark}
    began = time.monotonic()
    stack = Stack.temporary(**options) if data is None else Stack(data, **options)
    with stack:
        lived, story, findings = asyncio.run(_play(stack, script, progress))
        document = _document(script, lived, story, findings, time.monotonic() - began)
        if json:
            sys.stdout.write(jsonlib.dumps(document, indent=2) + "\n")
            sys.stdout.flush()
        else:
            _show(script, lived, story, findings, document, stack.data, keep)
        if keep:
            _wait_for_ctrl_c(progress, stack.data)
    if not story.adds_up:
        # The document was printed: another one would make it unreadable.
        say_wrong(story.wrong)
        raise SystemExit(1)
    return document


def say_wrong(sentences: list[str]) -> None:
    """The outcome contradicts itself: a defect, and never the user's."""
    say("handrail: The outcome does not add up.")
    for sentence in sentences:
        say(f"  {sentence}")


def _check(script: Script) -> None:
    for name, value, most in (
        ("sites", script.sites, 200),
        ("patients", script.patients, 100_000),
        ("weeks", script.weeks, 520),
    ):
        if not 1 <= value <= most:
            raise Trouble(f"--{name} must lie between 1 and {most}.", code="invalid", exit_code=2)
    if script.referrals is not None and not script.referrals.is_dir():
        raise Trouble(
            f"{script.referrals} is not a folder.",
            "Name a folder of FHIR bundles (*.json).",
            code="no_bundles",
        )


async def _play(stack: Stack, script: Script, console: Console) -> tuple[Lived, Story, Findings]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("warm-up", total=script.warm_up_weeks + script.weeks, note="")
        began = time.monotonic()

        def tell(tick: Tick) -> None:
            rate = tick.events / max(time.monotonic() - began, 0.001)
            name = f"week {tick.week}/{tick.weeks}" if tick.week > 0 else "warm-up"
            states = " ".join(f"{s.lower()} {tick.states[s]}" for s in SHOWN if tick.states.get(s))
            note = f"referred {tick.referred} {states} | {tick.events:,} events, {rate:,.0f}/s"
            bar.update(task, advance=1, description=name, note=note)

        lived = await live(stack, script, tell)
    story = await read_story(stack, script)
    return lived, story, await examine(stack)


def _document(
    script: Script, lived: Lived, story: Story, findings: Findings, seconds: float
) -> dict[str, Any]:
    return {
        "seed": script.seed,
        "outcomes": story.outcomes,
        "shares": [share.document() for share in story.shares],
        "adds_up": story.adds_up,
        "events": story.events,
        "reconcile": findings.counts(),
        "refusals": dict(sorted(lived.refusals.items())),
        "refused_steps": dict(sorted(lived.refused_steps.items())),
        **({"bundles": lived.bundles} if script.referrals is not None else {}),
        "seconds": round(seconds, 1),
    }


def _show(
    script: Script,
    lived: Lived,
    story: Story,
    findings: Findings,
    document: dict[str, Any],
    data: Path,
    keep: bool,
) -> None:
    console = Console()
    print_tables(console, story, findings.counts(), script.weeks)
    for detail in findings.details:
        console.print(f"[red]{detail}[/]")
    if lived.bundles:
        taken = ", ".join(
            f"{count} {code.replace('_', ' ')}" for code, count in sorted(lived.bundles.items())
        )
        console.print(f"Referral bundles: {taken}.")
    if lived.refusals:
        declined = ", ".join(f"{code} {count}" for code, count in sorted(lived.refusals.items()))
        console.print(f"Commands that the services declined, with good reason: {declined}.")
    total = sum(story.events.values())
    console.print(f"Seed {script.seed}, {document['seconds']} s, {total:,} events.")
    console.print("\nWhat to try next:")
    where = f" --data {data}" if keep else ""
    lines = ["handrail demo --seed 8                      another story"]
    if keep:
        lines += [
            f"handrail status{where}          what runs, lag, parked messages",
            f"handrail events tail{where}     the events as they come",
            f"handrail trace PATIENT{where}   one story, with what caused what",
            f"handrail reconcile{where}       compare the books again",
        ]
    else:
        lines.append(
            "handrail demo --keep                        the same, and the network stays up to look around"
        )
    lines.append("handrail demo --referrals DIR               let real FHIR bundles be the first people")
    for line in lines:
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def _wait_for_ctrl_c(console: Console, data: Path) -> None:
    console.print(f"The network stays up in {data}. Ctrl-C stops it.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
