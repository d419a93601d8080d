"""`python -m tests.faults.model [--deep] [--mistake NAME]`: explore the protocol, or see a mistake caught."""

import argparse
import sys

from tests.faults.model.explorer import explore
from tests.faults.model.mistakes import DEEP, MISTAKES, USUAL
from tests.faults.model.protocol import Protocol


def main() -> int:
    """Print what was seen; 1 if the correct protocol breaks a promise or a mistake is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model", description=__doc__)
    parser.add_argument("--deep", action="store_true", help="larger bounds: minutes instead of seconds")
    parser.add_argument("--mistake", choices=sorted(MISTAKES), metavar="NAME", help=", ".join(MISTAKES))
    chosen = parser.parse_args()
    if chosen.mistake:
        mistake = MISTAKES[chosen.mistake]
        explored = explore(Protocol(mistake.bounds, mistake.without))
        print(f"{chosen.mistake}: {explored}")
        return 0 if explored.broken.startswith(mistake.breaks) else 1
    fine = True
    for name, bounds in (DEEP if chosen.deep else USUAL).items():
        explored = explore(Protocol(bounds))
        print(f"{name}: {explored}", flush=True)
        fine = fine and not explored.broken
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
