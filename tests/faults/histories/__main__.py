"""`python -m tests.faults.histories --seeds 0-499`: many short histories, each checked."""

import argparse
import asyncio
import json
import sys

from deploy.local.processes import Stack
from tests.faults.histories.run import Tally, run


def main() -> int:
    """Run the seeds and print what came of them; 1 if any history ended badly."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.histories", description=__doc__)
    parser.add_argument("--seeds", default="0-99", help="one seed, a range such as 0-499, or a list 1,5,9")
    parser.add_argument("--worlds", type=int, default=6, help="how many histories run beside each other")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--places", action="store_true", help="also print every operation and how often")
    parser.add_argument("--complete", action="store_true", help="aim at what the seeds did not strike")
    options = parser.parse_args()
    with Stack.temporary(services=()) as stack:
        tally = asyncio.run(
            run(stack, _seeds(options.seeds), options.worlds, _say, complete=options.complete)
        )
    if options.json:
        print(json.dumps(tally.as_json(), indent=2))
    else:
        _print(tally)
    if options.places:
        for place, often in sorted(tally.done.items()):
            print(f"    {place!r}: {round(often / max(1, tally.histories))},")
    return 1 if tally.failures else 0


def _seeds(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(tally: Tally) -> None:
    for name, value in tally.as_json().items():
        if not isinstance(value, list):
            print(f"{name:12} {value}")
    for name in ("unknown", "missed"):
        print(f"{name:12} {', '.join(tally.as_json()[name]) or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
