"""The engine beside trying everything: the best week of one person, the best plan of a few."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.domain.planning.best import best_week, choices_of
from services.scheduling.domain.planning.explain import reasons
from services.scheduling.domain.planning.online import place
from services.scheduling.domain.planning.problem import Problem, legal, liking
from services.scheduling.domain.planning.repair import repair
from services.scheduling.domain.planning.seating import Seating
from services.scheduling.domain.planning.weekly import solve
from tests.scheduling.planning.small import plans, small, value, weeks

SEEDS = st.integers(0, 10**6)


@settings(deadline=None)
@given(SEEDS, st.sets(st.sampled_from([f"b{n}" for n in range(8)]), max_size=3))
def test_the_best_week_is_the_best_of_all_legal_ones(seed: int, closed: set[str]) -> None:
    problem = small(seed, 1)
    (person,) = problem.people
    prices = {"b1": 2.5, "a0": 1.5}

    found = best_week(choices_of(problem, person), closed, prices)

    every = [w for w in weeks(problem, person) if not w & closed]
    points = [liking(problem, person, w) - sum(prices.get(i, 0) for i in w) for w in every]
    assert (found is None) == (not every)
    if found is not None:
        assert found.week in every
        assert found.points == pytest.approx(max(points))
        assert found.points == pytest.approx(points[every.index(found.week)])


@settings(deadline=None)
@given(SEEDS)
def test_even_days_are_worth_what_is_said(seed: int) -> None:
    problem = small(seed, 1)
    (person,) = problem.people

    found = best_week(choices_of(problem, person), spread=0.5)

    def worth(week: frozenset[str]) -> float:
        days = sorted({problem.items[i].dow for i in week})
        gaps = [(b - a - 1) % 7 for a, b in zip(days, [*days[1:], days[0]], strict=True)]
        gaps = [6] if len(days) == 1 else gaps
        return liking(problem, person, week) - 0.5 * sum(g * g for g in gaps)

    every = [worth(w) for w in weeks(problem, person)]
    assert (found is None) == (not every)
    if found is not None:
        assert found.points == pytest.approx(max(every)) == pytest.approx(worth(found.week))


@pytest.mark.parametrize("seed", range(40))
def test_the_plan_of_a_site_is_the_best_at_every_level(seed: int) -> None:
    problem = small(seed, 3, capacity=1 + seed % 2, apart=seed % 3 == 0)

    solved = solve(problem)

    best = max(value(problem, plan) for plan in plans(problem))
    levels = solved.levels
    assert (levels.coverage, levels.kept, levels.preference) == best == value(problem, solved.plan)
    assert solved.proven
    assert holds(problem, solved.plan)


def test_nobody_and_nothing_to_take_are_plans_too() -> None:
    problem = small(1, 3)

    assert solve(replace(problem, people=())).plan == {}
    nothing = solve(replace(problem, items={}))
    assert (nothing.plan, nothing.levels.coverage, nothing.proven) == ({}, 0, True)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.booleans())
def test_a_newcomer_is_placed_whenever_a_seat_or_one_move_allows(seed: int, apart: bool) -> None:
    problem = small(seed, 3, apart=apart)
    first, second, newcomer = problem.people
    seating = Seating.of(problem, {})
    for person in (first, second):
        direct = place(seating, person, moves=False)
        if direct is not None:
            seating.put(person.id, direct)
    before = dict(seating.plan)

    found = place(seating, newcomer)

    assert seating.plan == before
    if found is None:
        assert not any(
            newcomer.id in plan and all(plan.get(p) == week for p, week in before.items())
            for plan in plans(problem)
        )
        return
    seating.put(newcomer.id, found)
    assert holds(problem, seating.plan)
    assert before.keys() < seating.plan.keys()
    assert sum(seating.plan[p] != w for p, w in before.items()) <= 1


def holds(problem: Problem, plan: object) -> bool:
    assert isinstance(plan, dict)
    people = {p.id: p for p in problem.people}
    there: dict[str, set[str]] = {}
    for id, week in plan.items():
        assert legal(problem, people[id], week)
        for item in week:
            there.setdefault(item, set()).add(id)
    assert all(len(who) <= problem.items[i].capacity for i, who in there.items())
    return not any(pair <= who for pair in problem.apart for who in there.values())


@settings(deadline=None)
@given(SEEDS)
def test_a_mended_week_leaves_alone_whoever_it_can(seed: int) -> None:
    problem = small(seed, 3, capacity=2)
    problem = replace(problem, people=tuple(replace(p, kept=p.kept & p.may) for p in problem.people))

    plan = repair(problem, moves=False)

    assert holds(problem, plan)
    untouched = [p for p in problem.people if legal(problem, p, p.kept)]
    kept = [p for p in untouched if plan.get(p.id) == p.kept]
    assert len(kept) >= min(len(untouched), 2)


@settings(deadline=None)
@given(SEEDS)
def test_every_reason_alone_would_give_a_week(seed: int) -> None:
    problem = small(seed, 1)
    (person,) = problem.people
    mine = replace(person, may=frozenset(sorted(person.may)[::2]))
    problem = replace(problem, people=(mine,))
    seating = Seating.of(problem, {})
    seating.take("somebody", frozenset({"b0", "b1"} & problem.items.keys()))
    if place(seating, mine, moves=False) is not None:
        return

    for reason in reasons(seating, mine, person.may):
        closed = seating.full(problem.items)
        if reason.rule == "not_available":
            assert legal(problem, person, reason.week)
            assert not reason.week & closed
            assert set(reason.missing) == reason.week - mine.may
        if reason.rule == "no_free_seat":
            assert legal(problem, mine, reason.week)
            assert set(reason.missing) == reason.week & closed
