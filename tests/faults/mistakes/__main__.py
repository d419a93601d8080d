"""`python -m tests.faults.mistakes [--only NAME] [--json]`: plant each mistake and see it caught."""

import argparse
import json
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any

from tests.faults.mistakes.catalogue import MISTAKES, Mistake
from tests.faults.mistakes.plant import Catch, cast_histories, cast_tests, planted

LIMIT = 60.0
WORLDS = 4
NO_MISTAKE = "none (the nets must hold their peace)"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    mistake: str
    net: str
    found: bool
    seconds: float
    said: str
    along: str = ""
    model: str = ""

    @property
    def well(self) -> bool:
        return self.found != (self.mistake == NO_MISTAKE)


def main() -> int:
    """Print a line for every net that was cast; 1 if a mistake was not found, or something where none is."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mistakes", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", help="mistakes whose name holds this")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for each mistake")
    parser.add_argument("--histories", metavar="SEEDS", help="cast these histories over every mistake too")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    options = parser.parse_args()
    chosen = [m for m in MISTAKES if (options.only or "") in m.name]
    if not chosen:
        parser.error("no mistake has such a name")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rows = [] if options.only else [control(chosen, options.limit * len(chosen))]
    for row in rows:
        _say(row)
    for mistake in chosen:
        for row in look_for(mistake, options.limit, options.histories):
            _say(row)
            rows.append(row)
    if options.json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    else:
        print(table(rows))
    required = [r for r in rows if r.net != f"histories {options.histories}"]
    return 0 if all(r.well for r in required) else 1


def control(mistakes: list[Mistake], limit: float) -> Row:
    """All the nets over a copy without a mistake."""
    tests = list(dict.fromkeys(m.test for m in mistakes))
    with planted(()) as tree:
        return _row(NO_MISTAKE, f"{len(tests)} tests", cast_tests(tree, tests, limit))


def look_for(mistake: Mistake, limit: float = LIMIT, histories: str | None = None) -> list[Row]:
    """Plant a mistake and cast its nets."""
    with planted(mistake.changes) as tree:
        rows = [_row(mistake.name, mistake.test, cast_tests(tree, [mistake.test], limit), mistake)]
        for seeds in filter(None, (mistake.seeds, histories)):
            catch = cast_histories(tree, seeds, WORLDS, limit)
            rows.append(_row(mistake.name, f"histories {seeds}", catch, mistake))
    return rows


def _row(name: str, net: str, catch: Catch, mistake: Mistake | None = None) -> Row:
    rest = (mistake.along, mistake.model) if mistake else ("", "")
    return Row(name, net, catch.found, round(catch.seconds, 1), catch.said, *rest)


def table(rows: list[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = ["| Mistake | Taken out with it | Caught by | Seconds | What the net said | In the model |"]
    lines.append("|" + "---|" * 6)
    for r in rows:
        net = f"`{r.net}`" if "::" in r.net else r.net
        said = f"`{r.said.replace('|', '/')[:110]}`" if r.said else ""
        caught = net if r.well else f"**not by {net}**"
        lines.append(f"| {r.mistake} | {r.along} | {caught} | {r.seconds} | {said} | {r.model} |")
    return "\n".join(lines)


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"well": row.well}


def _say(row: Row) -> None:
    verdict = "ok" if row.well else "MISSED"
    print(f"{verdict:6} {row.seconds:6.1f} s  {row.mistake}: {row.net}: {row.said[:120]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
