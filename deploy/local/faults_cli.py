"""`handrail faults`: break everything while a network lives, then prove that nothing was lost or doubled."""

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def faults(
    seed: Annotated[int, typer.Option(help="The same seed breaks the same things in the same order.")] = 1,
    minutes: Annotated[float, typer.Option(help="How long to break.")] = 1.0,
    faults: Annotated[
        str, typer.Option("--faults", help="Which faults, by comma; all that this machine can make.")
    ] = "",
    nodes: Annotated[int, typer.Option(help="Nodes of NATS: 1, or 3 with three replicas.")] = 1,
    sites: Annotated[int, typer.Option(help="Sites of the network; more of them say more.")] = 3,
    load: Annotated[str, typer.Option(help="`life`, or `flood`: as many events as can be.")] = "life",
    schedule: Annotated[
        bool, typer.Option("--schedule", help="Only show what would be broken when.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Break processes, disks, links and clocks by seed under a real load, then check all of it."""
    from dataclasses import asdict

    from deploy.local.faults.run import Order, possible, run
    from deploy.local.faults.schedule import HANDS, KINDS, Cast
    from deploy.local.faults.schedule import schedule as plan
    from deploy.local.output import Document, say, show, table

    kinds = tuple(kind.strip() for kind in faults.split(",") if kind.strip()) or KINDS
    order = Order(seed, minutes, kinds, nodes, sites, load)  # type: ignore[arg-type]  # checked next
    order.check()
    if schedule:
        wanted, left_out = possible(kinds, nodes)
        names = ("nats",) if nodes == 1 else tuple(f"nats-{n}" for n in range(1, nodes + 1))
        planned = {
            h: plan(seed, minutes * 60, wanted, Cast(order.start().processes, names), h) for h in HANDS
        }
        document: Document = {
            "seed": seed,
            "left_out": left_out,
            **{hand: [asdict(fault) for fault in found] for hand, found in planned.items()},
        }
        rows = [["at", "fault", "target", "seconds", "strength"]]
        rows += [
            [f"{f.at:.1f}", f.kind, f.target, f"{f.seconds:g}", f"{f.strength:g}"]
            for f in sorted((f for found in planned.values() for f in found), key=lambda f: f.at)
        ]
        show(document, as_json, lambda _: table(rows))
        return
    result = run(order, say)
    document = result.document()
    shown = ("events", "deliveries", "heard", "commands", "faults", *result.proof.counts())
    show(
        document,
        as_json,
        lambda d: [
            *table([["what", "count"], *([name, str(d[name])] for name in shown)]),
            *d["details"],
            *([d["trouble"]] if d["trouble"] else []),
            "Clean."
            if result.clean
            else f"NOT CLEAN: repeat with --seed {seed} --minutes {minutes:g} --load {load}.",
        ],
    )
    raise typer.Exit(0 if result.clean else 1)
