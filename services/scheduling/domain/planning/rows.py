"""A linear program in the making: columns, rows and what the objective counts. Plain lists, no solver."""

from collections.abc import Iterable
from dataclasses import dataclass, field

INF = float("inf")
Terms = Iterable[tuple[int, float]]


@dataclass(slots=True)
class Rows:
    """Columns with bounds, rows with bounds; the entries of one row follow each other."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def column(self, upper: float = 1.0, *, whole: bool = False) -> int:
        """A new column from 0 to `upper`; its number."""
        self.lower.append(0.0)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def row(self, terms: Terms, lower: float = -INF, upper: float = INF) -> int:
        """Hold the sum of the terms between two bounds; the number of the row."""
        for column, value in terms:
            self.columns.append(column)
            self.values.append(value)
        self.starts.append(len(self.columns))
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return len(self.row_upper) - 1
