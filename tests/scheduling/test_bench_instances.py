"""The planted weeks of the benchmark, its checker, and what calendar tools make of them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest

from deploy.local.bench.schedule.checker import Violation, check, check_may, soft
from deploy.local.bench.schedule.first_fit import first_fit
from deploy.local.bench.schedule.generator import gen
from deploy.local.bench.schedule.instance import Facts, Instance, Window
from services.scheduling.domain.planning.problem import Item, Person, Problem, Use, levels_of


def told(thing: object) -> str:
    """The thing in one canonical spelling, whatever the order of its sets."""
    if isinstance(thing, set | frozenset):
        return str(sorted(told(one) for one in thing))
    if isinstance(thing, dict):
        return str({key: told(value) for key, value in thing.items()})
    if isinstance(thing, tuple | list):
        return str([told(one) for one in thing])
    if isinstance(thing, Instance | Problem | Facts | Person | Item):
        fields = type(thing).__dataclass_fields__
        return str([told(getattr(thing, name)) for name in fields])
    return repr(thing)


def digest() -> str:
    instances = [gen(60, seed, fill=0.95, apart=0.1) for seed in (1, 2)]
    return hashlib.sha256(told(instances).encode()).hexdigest()


def test_one_seed_gives_one_week_in_every_process() -> None:
    def elsewhere(hash_seed: str) -> str:
        code = (
            "import importlib.util as u; "
            f"s = u.spec_from_file_location('t', {__file__!r}); "
            "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.digest())"
        )
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
        return answer.stdout.decode().strip()

    assert {elsewhere("1"), elsewhere("2"), digest()} == {digest()}
    assert told(gen(60, 1)) != told(gen(60, 2))


@pytest.mark.parametrize("fill", [0.85, 0.95, 0.98])
def test_a_planted_week_is_legal_complete_and_as_full_as_asked(fill: float) -> None:
    for seed in range(1, 21):
        instance = gen(120, seed, fill=fill)
        problem = instance.problem
        assert check(instance, instance.planted) == []
        assert check_may(instance) == []
        assert set(instance.planted) == {p.id for p in problem.people}
        assert check(instance, instance.before) == []
        blocks = [i for i in problem.items.values() if i.use is Use.BLOCK]
        taken = sum(problem.items[i].use is Use.BLOCK for week in instance.planted.values() for i in week)
        assert taken / sum(b.capacity for b in blocks) == pytest.approx(fill, abs=0.005)
        assert max(b.capacity for b in blocks) == 12


def test_the_week_has_the_shape_that_the_measurements_were_made_with() -> None:
    instance = gen(600, 1)
    people = instance.problem.people
    blocks = [i for i in instance.problem.items.values() if i.use is Use.BLOCK]
    sizes = [sum(i.startswith("g") for i in instance.planted[p.id]) for p in people]
    assert {n: round(sizes.count(n) / 600, 1) for n in (2, 3, 4, 5)} == {2: 0.2, 3: 0.4, 4: 0.2, 5: 0.2}
    assert sum(p.family for p in people) / 600 == pytest.approx(0.35, abs=0.05)
    assert len(instance.facts.admits) / len(blocks) == pytest.approx(0.16, abs=0.01)
    assert sum(bool(p.kept) for p in people) / 600 == pytest.approx(0.85, abs=0.05)
    assert len(set(instance.facts.clinician.values())) == 43
    assert {(b.dow, b.track) for b in blocks} == {
        (dow, track) for dow in range(1, 6) for track in ("morning", "afternoon", "evening")
    }
    whole = sum(p.kept == instance.before.get(p.id) for p in people)
    assert 0.3 < whole / 600 < 0.7, "churn breaks many calendars and leaves many"


def test_first_fit_is_legal_and_leaves_some_out_where_nobody_need_be() -> None:
    left = 0
    for seed in range(1, 11):
        instance = gen(120, seed, fill=0.95)
        plan = first_fit(instance.problem)
        assert check(instance, plan) == []
        left += 120 - len(plan)
    assert 0.10 < left / 1200 < 0.20


def test_first_fit_keeps_people_apart_and_leaves_published_weeks_alone() -> None:
    instance = gen(60, 3, apart=0.5)
    plan = first_fit(instance.problem)
    assert check(instance, plan) == []
    assert any(
        first_fit(replace(instance.problem, apart=frozenset())).get(id) != week for id, week in plan.items()
    )
    some = {id: instance.planted[id] for id in list(instance.planted)[:20]}
    assert first_fit(instance.problem, some).items() >= some.items()


def test_worth_is_counted_alike_by_the_engine_and_by_the_checker() -> None:
    rng = Random(7)
    for seed in range(1, 6):
        instance = gen(60, seed)
        wanted = tuple(
            replace(p, wanted_minutes=rng.choice((0, 400, 700, 745))) for p in instance.problem.people
        )
        problem = replace(instance.problem, people=wanted)
        plans = [instance.planted, first_fit(problem), {p.id: p.kept for p in wanted if p.kept}]
        for _ in range(20):
            some = rng.sample(wanted, 40)
            plans.append({p.id: frozenset(rng.sample(sorted(p.may), min(5, len(p.may)))) for p in some})
        for plan in plans:
            assert soft(problem, plan) == levels_of(problem, plan)


def block(id: str, dow: int, start: int = 540, **more: object) -> Item:
    return Item(id, Use.BLOCK, dow, start, start + 180, 180, **{"capacity": 1, "kind": "skills", **more})  # type: ignore[arg-type]


def small() -> Instance:
    """Two people, each with a legal week."""
    items = [
        block("a1", 1, capacity=2),
        block("a3", 3, kind="process"),
        block("b3", 3),
        block("b4", 4),
        block("a1late", 1, 780),
        block("video", 5, shared=True),
        Item("i1", Use.INDIVIDUAL, 1, 720, 770, 50, clinician="c"),
        Item("i1again", Use.INDIVIDUAL, 1, 740, 790, 50, clinician="c"),
        Item("i3", Use.INDIVIDUAL, 3, 720, 770, 50, clinician="c"),
        Item("i3at11", Use.INDIVIDUAL, 3, 660, 710, 50, clinician="c"),
        Item("f3", Use.FAMILY, 3, 780, 840, 60, clinician="c"),
    ]
    all_ids = frozenset(i.id for i in items)
    ann = Person(
        "ann", all_ids, 410, 470, min_days=2, max_gap_days=4, kinds=frozenset({"process"}), individual=True
    )
    bob = Person("bob", all_ids, 360, 600, min_days=2, individual=True)
    day = frozenset(Window(dow, 480, 1260) for dow in range(1, 7))
    facts = Facts(
        {"ann": day, "bob": day},
        {"ann": "c", "bob": "c"},
        {},
        accepts_video=frozenset({"ann", "bob"}),
    )
    plan = {"ann": frozenset({"a1", "a3", "i1"}), "bob": frozenset({"a1", "b4", "i3"})}
    return Instance(Problem({i.id: i for i in items}, (ann, bob)), plan, facts)


def with_week(instance: Instance, id: str, *items: str) -> Instance:
    return replace(instance, planted={**instance.planted, id: frozenset(items)})


def with_person(instance: Instance, id: str, **changes: object) -> Instance:
    people = tuple(
        replace(p, **changes) if p.id == id else p  # type: ignore[arg-type]
        for p in instance.problem.people
    )
    return replace(instance, problem=replace(instance.problem, people=people))


def with_facts(instance: Instance, **changes: object) -> Instance:
    return replace(instance, facts=replace(instance.facts, **changes))  # type: ignore[arg-type]


def mistakes() -> Iterator[tuple[str, Callable[[Instance], Instance]]]:
    yield "unknown", lambda x: replace(x, planted={**x.planted, "nobody": frozenset({"b3"})})
    yield "unknown", lambda x: with_week(x, "ann", "a1", "a3", "i1", "gone")
    yield "minutes", lambda x: with_person(x, "ann", min_minutes=411)
    yield "minutes", lambda x: with_person(x, "ann", max_minutes=409, min_minutes=0)
    yield "days", lambda x: with_person(x, "ann", min_days=3)
    yield "gap", lambda x: with_person(x, "ann", max_gap_days=3)
    yield "one_block_a_day", lambda x: with_week(x, "bob", "a1", "a1late", "b4", "i3")
    yield "kinds", lambda x: with_person(x, "bob", kinds=frozenset({"process"}))
    yield "individual", lambda x: with_week(x, "bob", "a1", "b4")
    yield "individual", lambda x: with_person(x, "bob", individual=False)
    yield "family", lambda x: with_person(x, "bob", family=True)
    yield "family", lambda x: with_week(x, "bob", "a1", "b4", "i3", "f3")
    yield "overlap", lambda x: with_week(x, "ann", "a1", "a3", "i3at11")
    yield "may", lambda x: with_person(x, "ann", may=frozenset({"a1", "a3"}))
    yield "capacity", lambda x: with_week(x, "bob", "a1", "a3", "i3")
    yield "clinician_twice", lambda x: with_week(x, "bob", "b3", "b4", "i1again")
    yield (
        "apart",
        lambda x: replace(x, problem=replace(x.problem, apart=frozenset({frozenset({"ann", "bob"})}))),
    )
    yield "moved", lambda x: with_person(x, "bob", movable=False, kept=frozenset({"a1", "b3", "i3"}))
    yield (
        "availability",
        lambda x: with_facts(x, free={**x.facts.free, "ann": frozenset({Window(1, 480, 760)})}),
    )
    yield "restriction", lambda x: with_facts(x, admits={"a3": frozenset({"bob"})})
    yield "own_clinician", lambda x: with_facts(x, clinician={"ann": "d", "bob": "c"})
    yield (
        "video",
        lambda x: with_facts(with_week(x, "bob", "a1", "video", "i3"), accepts_video=frozenset()),
    )
    yield "site", lambda x: with_facts(x, site={"ann": "east"})


@pytest.mark.parametrize(
    ("rule", "mistake"), [pytest.param(*m, id=f"{m[0]}-{n}") for n, m in enumerate(mistakes())]
)
def test_the_checker_names_the_rule_that_a_plan_breaks(
    rule: str, mistake: Callable[[Instance], Instance]
) -> None:
    assert check(small(), small().planted) == []
    wrong = mistake(small())
    assert {v.rule for v in check(wrong, wrong.planted)} == {rule}


def test_the_checker_does_not_trust_what_a_problem_says_people_may_take() -> None:
    instance = small()
    assert {v.rule for v in check_may(with_facts(instance, admits={"a3": frozenset({"bob"})}))} == {
        "may_too_wide"
    }
    assert Violation("may_too_narrow", "ann", "i1") in check_may(
        with_person(instance, "ann", may=frozenset({"a1", "a3"}))
    )


def test_who_must_not_be_moved_may_be_when_their_week_is_broken() -> None:
    broken = with_person(small(), "bob", movable=False, kept=frozenset({"a1", "b4", "gone"}))
    assert check(broken, broken.planted) == []
