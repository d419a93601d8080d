"""HiGHS, asked in numbers: one thread, node limits instead of seconds, so that a question has one answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from services.scheduling.domain.planning.rows import Rows

NODES = 20_000
"""Branch-and-bound nodes after which an answer is taken as it is, with its gap."""

_ALWAYS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 1,
    "mip_max_nodes": NODES,
    "mip_rel_gap": 1e-9,
}
_INSIDE: dict[str, bool | int | float | str] = {"solver": "ipm", "run_crossover": "off"}
"""Linear programs end inside the optimal face: faster by far, and prices that lean to no side."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The best solution found and what nothing can exceed; no solution where `values` is empty."""

    values: Sequence[float]
    value: float
    bound: float
    duals: Sequence[float] = ()
    """What one more of each row would be worth; of linear programs only."""

    @property
    def found(self) -> bool:
        return len(self.values) > 0


class Solver:
    """One program in HiGHS; objectives and further rows may change between questions."""

    def __init__(self, rows: Rows, *, integer: bool = True) -> None:
        # Its base, for `Highs()` itself greets on standard output, where answers belong.
        self._highs: Any = highspy._core._Highs()  # noqa: SLF001
        self._columns = len(rows.upper)
        self._integer = integer
        for option, value in (_ALWAYS if integer else _ALWAYS | _INSIDE).items():
            self._highs.setOptionValue(option, value)
        self._highs.passModel(_model(rows, integer))

    def fix(self, column: int, value: float) -> None:
        self._highs.changeColBounds(column, value, value)

    def require(self, terms: Mapping[int, float], least: float) -> None:
        """Hold what an earlier question found."""
        columns = np.array(list(terms), dtype=np.int32)
        values = np.array(list(terms.values()), dtype=np.float64)
        self._highs.addRow(least, highspy.kHighsInf, len(columns), columns, values)

    def start_from(self, values: Sequence[float]) -> None:
        """Begin with a solution that is known."""
        solution = highspy.HighsSolution()
        solution.col_value = list(values)
        self._highs.setSolution(solution)

    def most(self, objective: Mapping[int, float], gap: float = 1.0 - 1e-6) -> Answer:
        """The most that an objective can be, to `gap` points: below one it is exact, for points are whole."""
        costs = np.zeros(self._columns)
        for column, value in objective.items():
            costs[column] = value
        self._highs.changeColsCost(self._columns, np.arange(self._columns, dtype=np.int32), costs)
        self._highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self._highs.setOptionValue("mip_abs_gap", gap)
        self._highs.run()
        info = self._highs.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return Answer((), 0.0, highspy.kHighsInf)
        value = info.objective_function_value
        bound = info.mip_dual_bound if self._integer else value
        solution = self._highs.getSolution()
        return Answer(solution.col_value, value, bound, () if self._integer else solution.row_dual)


def _model(rows: Rows, integer: bool) -> Any:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(rows.upper), len(rows.row_upper)
    lp.col_cost_ = np.zeros(lp.num_col_)
    lp.col_lower_, lp.col_upper_ = np.array(rows.lower), np.array(rows.upper)
    lp.row_lower_, lp.row_upper_ = np.array(rows.row_lower), np.array(rows.row_upper)
    matrix = lp.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.array(rows.starts, dtype=np.int32)
    matrix.index_ = np.array(rows.columns, dtype=np.int32)
    matrix.value_ = np.array(rows.values)
    if integer:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[whole] for whole in rows.whole]
    return lp
