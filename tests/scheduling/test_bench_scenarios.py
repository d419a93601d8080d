"""What the weeks of the benchmark go through, what is measured of it, and optima that must not get worse."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deploy.local.bench.schedule import engine, golden, scenarios
from deploy.local.bench.schedule.checker import check, check_may, soft
from deploy.local.bench.schedule.first_fit import first_fit
from deploy.local.bench.schedule.measure import fewest_unplaced, measure, percentile, ratio
from services.scheduling.domain.planning.problem import Person, Use

HANDRAIL = str(Path(sys.executable).with_name("handrail"))
KEYS = {
    "scenario",
    "patients",
    "seed",
    "fill",
    "unplaced",
    "unplaced_bound",
    "first_fit_unplaced",
    "soft_ratio",
    "hard_violations",
    "changed",
    "broken",
    "cpu_s",
    "online_p50_ms",
    "online_p99_ms",
    "online_move_p99_ms",
    "levels",
    "bounds",
}


def test_the_last_thirty_percent_arrive_at_a_house_that_runs() -> None:
    arrivals = scenarios.online(60, 4, 0.95)
    assert len(arrivals.arriving) == 18
    names = [p.id for p in arrivals.everybody.problem.people]
    assert [p.id for p in arrivals.residents.people] + list(arrivals.arriving) == names
    published = first_fit(arrivals.residents)
    running = arrivals.running(published)
    assert {p.id: p.kept for p in running.problem.people if p.kept} == published
    assert check_may(running) == []


def test_hindsight_has_only_the_seats_that_the_frozen_weeks_leave() -> None:
    arrivals = scenarios.online(60, 4, 0.95)
    published = first_fit(arrivals.residents)
    left = arrivals.left_over(published)
    assert {p.id for p in left.people} == {p.id for p in arrivals.everybody.problem.people} - set(published)
    taken = Counter(i for week in published.values() for i in week)
    for id, item in arrivals.everybody.problem.items.items():
        there = left.items[id].capacity if id in left.items else 0
        assert there == item.capacity - taken[id]
    assert check(arrivals.everybody, {**published, **first_fit(left)}) == []


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_bad_morning_breaks_the_weeks_it_names_and_no_other(seed: int) -> None:
    before = scenarios.admissions(120, seed, 0.95)
    published = {p.id: before.everybody.planted[p.id] for p in before.residents.people}
    after = scenarios.disruption(published, before, seed)
    assert check_may(after.instance) == []
    assert check(after.instance, after.instance.planted) == []
    intact = {id: week for id, week in published.items() if id not in after.broken}
    assert check(after.instance, intact) == []
    assert {v.who for v in check(after.instance, published)} == set(after.broken)
    assert 4 <= len(after.broken) <= 20
    items = before.everybody.problem.items
    gone = [items[i] for i in items.keys() - after.instance.problem.items.keys()]
    assert len({(i.clinician, i.dow) for i in gone}) == 1
    assert all(i.use is not Use.BLOCK for i in gone)
    assert all(p.kept == published.get(p.id, frozenset()) for p in after.instance.problem.people)


def test_a_network_shares_video_groups_and_is_short_of_sections() -> None:
    whole = scenarios.network(40, 2, 0.95, sites=5)
    people, items = whole.problem.people, whole.problem.items
    assert check_may(whole) == []
    assert check(whole, whole.planted) == []
    assert check(whole, whole.before) == []
    assert sum(i.shared for i in items.values()) == 15
    site = whole.facts.site
    abroad = [p.id for p in people if any(site[i] != site[p.id] for i in p.may)]
    assert abroad
    assert all(items[i].shared for p in people for i in p.may if site[i] != site[p.id])
    assert set(abroad) <= whole.facts.accepts_video
    short = {site[p.id] for p in people if p.id not in whole.planted}
    assert len(short) == 2
    assert 36 * 5 <= len(people) <= 44 * 5


@pytest.mark.parametrize("scenario", ["weekly", "online", "disruption"])
def test_every_scenario_says_everything_and_breaks_no_rule(scenario: str) -> None:
    told = measure(scenario, 40, 3, 0.95)
    assert set(told) == KEYS
    assert told["hard_violations"] == 0
    assert told["unplaced"] <= told["first_fit_unplaced"]
    assert told["cpu_s"] > 0
    assert (told["online_p50_ms"] is None) == (scenario != "online")
    assert (told["broken"] is None) == (scenario != "disruption")
    assert (told["changed"] is None) == (scenario == "weekly")


def test_the_answer_is_one_document_and_has_a_table_for_people() -> None:
    command = [HANDRAIL, "bench", "schedule", "--patients", "30", "--seed", "2", "--fill", "0.9"]
    answer = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    told = json.loads(answer.stdout)
    assert set(told) == KEYS
    assert (told["patients"], told["seed"], told["fill"]) == (30, 2, 0.9)
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert table[0] == "weekly: 30 people, seed 2, fill 0.9"
    assert table[2].split()[:2] == ["unplaced", str(told["unplaced"])]


def test_a_bound_on_weight_says_how_many_stay_out() -> None:
    people = [Person(f"p{w}", frozenset(), 0, 0, weight=w) for w in (1000, 1100, 1200)]
    assert fewest_unplaced(people, 3300) == 0
    assert fewest_unplaced(people, 3299) == 1
    assert fewest_unplaced(people, 2100) == 1
    assert fewest_unplaced(people, 2099) == 2
    assert fewest_unplaced(people, 0) == 3


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 50) is None
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 99) == 99.0
    assert (ratio(1, 3), ratio(1, 0)) == (0.3333, None)


def held_to(fill: float, seed: int) -> None:
    instance = scenarios.weekly(golden.PATIENTS, seed, fill)
    planned = engine.best_week(instance.problem)
    assert check(instance, planned.plan) == []
    assert soft(instance.problem, planned.plan) == golden.golden()[fill, seed]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_engine_reaches_the_proven_optimum(seed: int) -> None:
    held_to(0.95, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", golden.SEEDS)
@pytest.mark.parametrize("fill", golden.FILLS)
def test_the_engine_reaches_every_proven_optimum(fill: float, seed: int) -> None:
    held_to(fill, seed)
