"""The simulated people against the published figures they were fitted to."""

import math
from collections.abc import Iterator
from datetime import date
from random import Random
from statistics import mean, median, pstdev

import pytest

from deploy.local.simulator.figures import pick
from deploy.local.simulator.groups import seats_of
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.people import (
    COMPLETED,
    Course,
    draw_course,
    draw_phq9,
    draw_taking,
    draw_uses,
    people_of,
)

EPISODES = 40_000
MONDAY = date(2026, 1, 5)
FIGURES = parameters()


def courses(preset: str, count: int = EPISODES) -> list[Course]:
    rng = Random(f"check/{preset}")
    table = getattr(FIGURES.episode, preset)
    return [draw_course(rng, table) for _ in range(count)]


@pytest.fixture(scope="module")
def network() -> list[Course]:
    return courses("network_90d")


@pytest.fixture(scope="module")
def teds() -> list[Course]:
    return courses("public_sud_teds")


def percent(stays: list[Course], *causes: str) -> float:
    return 100 * sum(stay.exit in causes for stay in stays) / len(stays)


@pytest.mark.parametrize(
    ("cause", "published"),
    [
        (COMPLETED, 37.7),
        ("transferred", 17.9),
        ("dropped_out", 23.2),
        ("terminated_by_facility", 14.0),
        ("other", 7.2),
    ],
)
def test_reasons_are_those_of_teds_d_2004_iop(teds: list[Course], cause: str, published: float) -> None:
    assert percent(teds, cause) == pytest.approx(published, abs=1.5)


@pytest.mark.parametrize(
    ("cause", "published"),
    [
        (COMPLETED, 50),
        ("transferred", 42),
        ("dropped_out", 26),
        ("terminated_by_facility", 36),
        ("other", 36),
    ],
)
def test_median_stays_are_those_of_teds_d_2004_iop(teds: list[Course], cause: str, published: float) -> None:
    assert median(stay.days for stay in teds if stay.exit == cause) == pytest.approx(published, abs=2)


def test_stay_over_all_reasons_is_that_of_teds_d_2004_iop(teds: list[Course]) -> None:
    assert median(stay.days for stay in teds) == pytest.approx(41, abs=1.5)
    assert mean(stay.days for stay in teds) == pytest.approx(72, abs=2.5)


@pytest.mark.parametrize(
    ("causes", "fitted"),
    [
        ((COMPLETED,), 46.3),
        (("dropped_out",), 27.1),
        (("transferred_higher_level", "transferred_lower_or_lateral"), 13.7),
        (("terminated_by_facility",), 6.7),
        (("other",), 4.6),
        (("incarcerated",), 1.5),
        (("death",), 0.2),
    ],
)
def test_reasons_of_the_ninety_day_network(
    network: list[Course], causes: tuple[str, ...], fitted: float
) -> None:
    assert percent(network, *causes) == pytest.approx(fitted, abs=1.5)


def test_the_ninety_day_network_completes_within_reach_of_what_is_published(network: list[Course]) -> None:
    assert percent(network, COMPLETED) == pytest.approx(44.3, abs=3.5)


@pytest.mark.parametrize(("day", "fitted"), [(7, 94), (30, 75.6), (60, 58.6), (91, 18)])
def test_retention_of_the_ninety_day_network(network: list[Course], day: int, fitted: float) -> None:
    assert 100 * mean(stay.in_treatment(day) for stay in network) == pytest.approx(fitted, abs=1.5)


def test_completers_finish_around_day_86(network: list[Course]) -> None:
    ends = sorted(stay.days for stay in network if stay.exit == COMPLETED)
    fifth, half, last = (ends[int(len(ends) * share)] for share in (0.05, 0.5, 0.95))
    assert [fifth, half, last] == pytest.approx([67, 86, 114], abs=2)


def test_stays_and_extensions_of_the_ninety_day_network(network: list[Course]) -> None:
    assert median(stay.days for stay in network) == pytest.approx(70, abs=1.5)
    assert mean(stay.days for stay in network) == pytest.approx(61, abs=1.5)
    assert 100 * mean(stay.extension > 0 for stay in network) == pytest.approx(8.7, abs=1.5)


def shares_attended(intercept: float, count: int = 12_000) -> Iterator[tuple[int, int]]:
    rng = Random(f"check/attendance/{intercept}")
    chances = rng.random
    for course in courses("network_90d", count):
        taking = draw_taking(rng, course, FIGURES)
        per_week = int(pick(rng, FIGURES.week.days))
        here = booked = 0
        for week in range(math.ceil(course.days / 7)):
            for slot in range(per_week):
                day = 7 * week + 2 * slot if per_week == 3 else 7 * week + slot
                if day < course.days:
                    booked += 1
                    here += chances() < taking.chance(day, intercept, FIGURES)
        if booked:
            yield here, booked


def test_telehealth_attendance_of_those_who_stayed_a_while() -> None:
    ratios = [
        100 * here / booked
        for here, booked in shares_attended(FIGURES.attendance.telehealth_intercept)
        if here >= 7
    ]
    assert mean(ratios) == pytest.approx(85.9, abs=1.5)
    assert pstdev(ratios) == pytest.approx(16.48, abs=1.5)
    assert median(ratios) == pytest.approx(91, abs=1.5)


def test_in_person_attendance_is_that_of_sites_with_no_show_practices() -> None:
    ratios = [
        100 * here / booked for here, booked in shares_attended(FIGURES.attendance.in_person_intercept, 8_000)
    ]
    assert mean(ratios) == pytest.approx(80.1, abs=1.5)


def test_an_untuned_site_loses_four_sessions_in_ten() -> None:
    ratios = [
        100 * here / booked for here, booked in shares_attended(FIGURES.attendance.untuned_intercept, 8_000)
    ]
    assert mean(ratios) == pytest.approx(60.3, abs=1.5)


def test_depression_scores_follow_the_published_practices() -> None:
    rng = Random("check/phq9")
    first: list[int] = []
    last: list[int] = []
    for course in courses("network_90d", 12_000):
        totals = draw_phq9(rng, True, 12, FIGURES)
        first.append(totals[0])
        last.append(totals[min(12, int(course.days // 7))])
    assert mean(first) == pytest.approx(16.4, abs=0.5)
    assert pstdev(first) == pytest.approx(4.6, abs=0.7)
    assert 100 * mean(total < 10 for total in last) == pytest.approx(41, abs=2)
    assert 100 * mean(total < 5 for total in last) == pytest.approx(13, abs=2)
    assert 100 * mean(a - b >= 5 for a, b in zip(first, last, strict=True)) == pytest.approx(50, abs=2.5)


def test_lapses_slow_down_over_the_year() -> None:
    rng = Random("check/lapse")
    firsts = [uses[0].day if (uses := draw_uses(rng, 364, FIGURES)) else math.inf for _ in range(20_000)]
    assert 100 * mean(day < 84 for day in firsts) == pytest.approx(43, abs=1.5)
    assert 100 * mean(day < 364 for day in firsts) == pytest.approx(74, abs=1.5)


def test_requests_wait_and_show_as_published() -> None:
    people = people_of(7, "north", 6_000, 231, MONDAY)
    shown = 100 * mean(person.way.fate != "no_show" for person in people)
    assert shown == pytest.approx(55, abs=3)
    assert 100 * mean(person.way.fate == "admitted" for person in people) == pytest.approx(37, abs=3)
    waits = FIGURES.funnel.wait_factor.table
    plain = [p.way.days_to_assessment for p in people if waits.get(p.source) is None]
    assert mean(plain) == pytest.approx(7.5, abs=0.5)


def test_arrivals_keep_to_the_working_week_and_the_span() -> None:
    people = people_of(7, "north", 6_000, 231, MONDAY)
    days = [person.arrives for person in people]
    assert set(days) <= set(range(231))
    assert days == sorted(days)
    assert mean(day % 7 == 0 for day in days) > mean(day % 7 == 6 for day in days)


def test_the_same_seed_gives_the_same_people() -> None:
    assert people_of(7, "north", 40, 231, MONDAY) == people_of(7, "north", 40, 231, MONDAY)
    assert people_of(7, "north", 40, 231, MONDAY) != people_of(8, "north", 40, 231, MONDAY)


def test_another_site_changes_nobody_elsewhere() -> None:
    alone = {"north": people_of(7, "north", 20, 231, MONDAY)}
    both = {site: people_of(7, site, 20, 231, MONDAY) for site in ("east", "north")}
    assert both["north"] == alone["north"]
    assert both["north"] != both["east"]


def test_one_in_eight_with_a_disorder_needs_detox_first_and_only_from_what_causes_withdrawal() -> None:
    disorder = [p for p in people_of(7, "north", 6_000, 231, MONDAY) if p.substance]
    detox = [p for p in disorder if p.way.detox_days]
    assert 100 * len(detox) / len(disorder) == pytest.approx(12, abs=1.5)
    assert {p.substance for p in detox} == set(FIGURES.detox.substances)
    assert mean(p.way.detox_returns for p in detox) == pytest.approx(FIGURES.detox.returns, abs=0.05)


def test_a_small_network_has_its_rare_cases_too() -> None:
    people = people_of(7, "north", 20, 231, MONDAY)
    assert any(p.way.suicide == "high" and p.way.late for p in people)
    assert any(p.way.revokes == "part2_tpo" and p.way.signs_tpo for p in people)
    assert any(p.plan_kind == "medicare" for p in people)


def test_seats_have_a_margin_of_square_roots_that_small_sites_need_most() -> None:
    def beside(requests: int) -> float:
        census = requests * FIGURES.arrivals.admitted_per_request * FIGURES.arrivals.mean_stay_days / 231
        return sum(seats_of(requests, 231).values()) / census

    assert beside(20) > beside(100) > beside(2_000)
    expected = 2_000 * FIGURES.arrivals.admitted_per_request * FIGURES.arrivals.mean_stay_days / 231
    taken = expected * 3.28 / 5
    margin = FIGURES.capacity.margin * (math.sqrt(0.525 * taken) + math.sqrt(0.475 * taken))
    assert sum(seats_of(2_000, 231).values()) == pytest.approx(taken + margin, abs=2)
    assert min(seats_of(1, 231).values()) >= 1


def test_every_table_of_figures_names_its_source() -> None:
    assert "mix.substance" not in FIGURES.assumptions()
    assert {"waitlist", "after", "attendance.miss_kind"} <= set(FIGURES.assumptions())
