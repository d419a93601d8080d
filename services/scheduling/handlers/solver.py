"""The solver at work in a process of its own, so that nobody waits for it who does not have to."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from services.scheduling.domain.planning.problem import Problem
from services.scheduling.domain.planning.weekly import Solved, solve


async def best_week(problem: Problem) -> Solved:
    """The best week of a site; one at a time for each service process."""
    return await asyncio.get_running_loop().run_in_executor(_worker(), solve, problem)


@cache
def _worker() -> ProcessPoolExecutor:
    """A process for each question: what the solver took of memory goes back when it is done."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1)
