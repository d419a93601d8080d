"""The process in which the solver works."""

import asyncio
import os

import pytest

from services.scheduling.domain.planning.problem import Problem
from services.scheduling.handlers import solver


def test_a_solver_that_died_is_replaced() -> None:
    with pytest.raises(Exception, match="terminated abruptly"):
        solver._worker().submit(os._exit, 1).result()

    assert asyncio.run(solver.best_week(Problem({}, ()))).plan == {}
