"""The proven optima of forty weeks, kept beside the code: no change of the engine may make a plan worse."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from deploy.local.bench.schedule import engine, scenarios
from deploy.local.bench.schedule.checker import check, soft
from deploy.local.output import say
from services.scheduling.domain.planning.problem import Levels

FILE = Path(__file__).with_name("golden.json")
PATIENTS, SEEDS, FILLS = 120, range(1, 21), (0.95, 0.98)


def golden() -> Mapping[tuple[float, int], Levels]:
    """Fill and seed to the proven optimum of each level."""
    rows = json.loads(FILE.read_text())
    return {(r["fill"], r["seed"]): Levels(r["coverage"], r["kept"], r["preference"]) for r in rows}


def write_golden() -> None:
    """Solve every week anew and keep the optima; refuse what is not proven or not legal."""
    rows = list(_solved())
    FILE.write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n")


def _solved() -> Iterator[dict[str, float]]:
    for fill in FILLS:
        for seed in SEEDS:
            instance = scenarios.weekly(PATIENTS, seed, fill)
            planned = engine.best_week(instance.problem)
            levels = soft(instance.problem, planned.plan)
            if check(instance, planned.plan) or asdict(levels) != asdict(planned.bounds):
                raise RuntimeError(f"Seed {seed} at fill {fill} is not proven: {levels} of {planned.bounds}")
            say(f"fill {fill}, seed {seed}: {levels}")
            yield {"fill": fill, "seed": seed, **asdict(levels)}
