"""The solver at work in a process of its own, so that nobody waits for it who does not have to."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache

from services.scheduling.domain.planning.problem import Problem, Solved


async def best_week(problem: Problem) -> Solved:
    """The best week of a site; one at a time for each service process."""
    try:
        return await _asked(problem)
    except BrokenProcessPool:
        # A pool that lost its process answers nobody any more.
        _worker.cache_clear()
        return await _asked(problem)


async def _asked(problem: Problem) -> Solved:
    return await asyncio.get_running_loop().run_in_executor(_worker(), _solved, problem)


def _solved(problem: Problem) -> Solved:
    from services.scheduling.domain.planning.weekly import solve

    return solve(problem)


@cache
def _worker() -> ProcessPoolExecutor:
    """One process, started with the first question; the service itself never loads the solver."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
