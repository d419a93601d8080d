"""`handrail bench`: the benchmarks, for anyone to repeat."""

from enum import StrEnum
from typing import Annotated

import typer

from deploy.local.output import Document, output_kept_for_the_answer, show, table
from deploy.local.trouble import Trouble

app = typer.Typer(help="The benchmarks, for anyone to repeat.", no_args_is_help=True)


class Scenario(StrEnum):
    """What a planned week goes through."""

    WEEKLY = "weekly"
    ONLINE = "online"
    DISRUPTION = "disruption"
    NETWORK = "network"


FEWEST_AT_A_SITE = 40
"""With fewer, a quarter of them would not fill the video groups that the sites share."""


@app.command("events")
def events_command(
    events: Annotated[int, typer.Option(min=2000, max=1_000_000, help="How many to read.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """The event path beside a plain subscriber and beside the limit of its parts."""
    from deploy.local.bench import events as module

    try:
        document = module.measure(events)
    except TimeoutError:
        raise Trouble(
            "The machine was too slow to come to an end.", "Try fewer: --events 4000", code="too_slow"
        ) from None
    show(document, as_json, lines)


@app.command("schedule")
def schedule_command(
    patients: Annotated[
        int, typer.Option(min=20, max=1000, help="How many people; in a network, at a site.")
    ] = 120,
    seed: Annotated[int, typer.Option(help="Which week; the same seed gives the same one.")] = 1,
    fill: Annotated[float, typer.Option(min=0.5, max=1.0, help="Which share of the seats is needed.")] = 0.95,
    scenario: Annotated[Scenario, typer.Option(help="What the week goes through.")] = Scenario.WEEKLY,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    write_golden: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """The weekly plan beside what is proven to be possible and beside what calendar tools do."""
    from deploy.local.bench.schedule import golden
    from deploy.local.bench.schedule.measure import measure

    if scenario is Scenario.NETWORK and patients < FEWEST_AT_A_SITE:
        raise Trouble(
            f"A site of a network has at least {FEWEST_AT_A_SITE} people.",
            f"Try --patients {FEWEST_AT_A_SITE}",
            code="too_few",
        )
    with output_kept_for_the_answer():
        if write_golden:
            golden.write_golden()
            return
        document = measure(scenario.value, patients, seed, fill)
    show(document, as_json, schedule_lines)


def schedule_lines(document: Document) -> list[str]:
    """The plan level by level, beside its bounds and beside first-fit."""
    levels, bounds = document["levels"], document["bounds"]
    rows = [
        ["what", "plan", "bound", "first-fit"],
        ["unplaced", *_told(document, "unplaced", "unplaced_bound", "first_fit_unplaced")],
        *[[name, str(levels[name]), _text(bounds[name]), ""] for name in ("coverage", "kept", "preference")],
        ["soft ratio", *_told(document, "soft_ratio"), "1", ""],
        ["hard violations", *_told(document, "hard_violations"), "0", ""],
        ["weeks changed / broken", " / ".join(_told(document, "changed", "broken")), "", ""],
        ["CPU seconds", *_told(document, "cpu_s"), "", ""],
        [
            "one placement, ms p50 / p99",
            " / ".join(_told(document, "online_p50_ms", "online_p99_ms")),
            "",
            "",
        ],
    ]
    about = f"{document['patients']} people, seed {document['seed']}, fill {document['fill']}"
    return [f"{document['scenario']}: {about}", *table(rows)]


def _told(document: Document, *names: str) -> list[str]:
    return [_text(document[name]) for name in names]


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def lines(document: Document) -> list[str]:
    """The rates and what they are to each other."""
    rows = [
        ["what", "events/s", "beside"],
        ["Handrail", str(document["handrail_per_s"]), ""],
        ["plain subscriber", str(document["plain_per_s"]), f"{document['ratio_to_plain']} times as fast"],
        ["limit of the parts", str(document["limit_per_s"]), f"{document['ratio_to_limit']} of it reached"],
        ["  raw read", str(document["raw_read_per_s"]), ""],
        ["  raw batched insert", str(document["raw_insert_per_s"]), ""],
        ["relay", str(document["relay_per_s"]), f"{document['ratio_relay']} of raw atomic batches"],
        ["raw atomic batches", str(document["raw_batches_per_s"]), ""],
    ]
    return table(rows)
