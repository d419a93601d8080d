"""The outcome table: shares with their numbers, what the model expects of the span, and what is published."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.simulator.outcomes import (
    ADMITTED,
    DECLINED,
    EXTENDED,
    REFERRED,
    SCREENED,
    STEPPED_DOWN,
    STEPPED_UP,
    Told,
    endings,
)
from deploy.local.simulator.parameters import Published, parameters

GROUPS = ("completed", "dropped_out", "transferred", "terminated_by_facility", "other")
"""The groups of TEDS-D; incarceration and death are counted among the others."""
ROWS = {
    "seen": ("came and were screened", "people who asked"),
    "admitted": ("were admitted", "people who asked"),
    "ended": ("reached the end of their treatment", "admitted"),
    "completed": ("completed", "whose treatment ended"),
    "dropped_out": ("dropped out", "whose treatment ended"),
    "transferred": ("were transferred", "whose treatment ended"),
    "terminated_by_facility": ("were discharged by the program", "whose treatment ended"),
    "other": ("ended otherwise", "whose treatment ended"),
    "extended": ("were extended", "who reached the planned end"),
    "stepped_down": ("stepped down", "admitted"),
    "stepped_up": ("stepped up", "admitted"),
}


@dataclass(frozen=True, slots=True)
class Share:
    """One line of the table."""

    name: str
    n: int
    of: int
    expected: float
    """Percent that the model expects of this span."""
    published: tuple[Published, ...]

    @property
    def percent(self) -> float | None:
        return 100 * self.n / self.of if self.of else None

    @property
    def spread(self) -> float | None:
        """How far off, in points, chance alone leads two times in three."""
        return math.sqrt(self.expected * (100 - self.expected) / self.of) if self.of else None

    def document(self) -> dict[str, Any]:
        """The line as JSON."""
        return {
            "share": self.name,
            "of": ROWS[self.name][1],
            "n": self.n,
            "whole": self.of,
            "percent": _rounded(self.percent),
            "expected_percent": _rounded(self.expected),
            "chance_points": _rounded(self.spread),
            "published": [each.model_dump() for each in self.published],
        }


def measured(told: Iterable[Told], expected: Mapping[str, tuple[int, int]]) -> list[Share]:
    """Every share of a story, counted from what the services said."""
    people = _people(list(told))
    published = parameters().published
    lines = []
    for name in ROWS:
        n, of = people[name]
        some, all_ = expected[name]
        lines.append(Share(name, n, of, 100 * some / max(all_, 1), published.get(name, ())))
    return lines


def _people(told: Sequence[Told]) -> dict[str, tuple[int, int]]:
    twice = {e for type, e, _, body in told if type == DECLINED and body.get("reason") == "duplicate"}
    asked, seen, admitted, extended, down, up = (
        {e for type, e, *_ in told if type == wanted} - twice
        for wanted in (REFERRED, SCREENED, ADMITTED, EXTENDED, STEPPED_DOWN, STEPPED_UP)
    )
    ended = endings(told)
    groups = Counter(group if group in GROUPS else "other" for group in ended.values())
    to_the_end = {e for e, group in ended.items() if group == "completed"} | extended
    return {
        "seen": (len(seen), len(asked)),
        "admitted": (len(admitted), len(asked)),
        "ended": (len(ended), len(admitted)),
        **{group: (groups[group], len(ended)) for group in GROUPS},
        "extended": (len(extended), len(to_the_end)),
        "stepped_down": (len(down), len(admitted)),
        "stepped_up": (len(up), len(admitted)),
    }


def print_shares(console: Console, shares: Sequence[Share]) -> None:
    """The table, and below it where its published figures come from."""
    table = Table(title="How treatment went", title_justify="left", pad_edge=False)
    for column in ("", "people", "share", "the model expects", "published"):
        table.add_column(column, justify="left" if not column else "right")
    sources: dict[str, int] = {}
    above = ""
    for share in shares:
        what, whole = ROWS[share.name]
        if whole != above:
            table.add_row(f"[bold]of {share.of} {whole}[/]")
            above = whole
        marks = [f"{each.percent:g}[dim]({_mark(sources, each)})[/]" for each in share.published]
        expected = f"{share.expected:.0f} %" + (f" ± {share.spread:.0f}" if share.spread is not None else "")
        part = f"{share.percent:.0f} %" if share.percent is not None else ""
        table.add_row(f"  {what}", str(share.n), part, expected, ", ".join(marks) or "[dim]none found[/]")
    console.print(table)
    console.print(
        "[dim]± is how far chance alone leads with so few people, two times in three. What the model expects "
        "is counted from its parameters for exactly this span. Published, in percent:[/]"
    )
    for cite, number in sources.items():
        console.print(f"[dim]({number}) {cite}[/]", highlight=False)


def _mark(sources: dict[str, int], figure: Published) -> int:
    return sources.setdefault(figure.cite, len(sources) + 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
