"""What people do beside their sessions comes as often as the figures say."""

import math
from datetime import date
from statistics import mean

import pytest

from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.people import Person, people_of

MONDAY = date(2026, 1, 5)
FIGURES = parameters()


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return people_of(7, "north", 6_000, 231, MONDAY)


def percent(found: list[bool]) -> float:
    return 100 * mean(found)


def test_meetings_are_as_common_at_the_beginning_and_the_end_as_in_teds_d_2019(people: list[Person]) -> None:
    disorder = [p.habits.meets_from for p in people if p.substance]
    assert percent([day == 0 for day in disorder]) == pytest.approx(25.6, abs=2)
    assert percent([day < math.inf for day in disorder]) == pytest.approx(36.1, abs=2)
    assert not any(p.habits.meets_from < math.inf or p.habits.medicated for p in people if not p.substance)


def test_one_in_seven_with_a_disorder_takes_a_medication(people: list[Person]) -> None:
    assert percent([p.habits.medicated for p in people if p.substance]) == pytest.approx(14, abs=1.5)


def test_absences_are_as_many_and_as_long_as_assumed(people: list[Person]) -> None:
    away = [p.habits.away for p in people if p.habits.away is not None]
    assert 100 * len(away) / len(people) == pytest.approx(100 * FIGURES.absence.share, abs=1.5)
    for each in away:
        least, most = FIGURES.absence.days[each.reason]
        assert least <= each.days <= most
        assert FIGURES.absence.first_day <= each.day <= FIGURES.absence.last_day


def test_some_need_help_from_outside_and_some_sign_late(people: list[Person]) -> None:
    assert percent([bool(p.habits.outside) for p in people]) == pytest.approx(35, abs=2)
    assert percent([p.habits.signs_late for p in people]) == pytest.approx(15, abs=1.5)
    assert {p.habits.outside_came_to for p in people} == set(FIGURES.community.outcome.table)
