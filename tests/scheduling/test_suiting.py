"""Whom a group is for: one rule, held wherever the machine proposes and wherever people agree."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.decisions import Refused
from contracts.intake import SeatRequested
from contracts.rulebook import rulebook
from contracts.scheduling import Attributes
from contracts.vocabulary import AgeBand, ProgramKind
from services.scheduling.domain import bookings, calendar, folding, forecast, legality, plans
from services.scheduling.domain.bookings import Seating
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.plans import Shift
from services.scheduling.domain.siteweek import SiteWeek
from services.scheduling.domain.suiting import Traits, misfits
from tests.scheduling.test_domain import FRI, IOP, MON, NEW_YORK, THU, TUE, WED, admitted, at, offer
from tests.scheduling.test_roll_call import GROUP, SESSION
from tests.scheduling.test_weeks import ahead, legal, refused

NOW = at("2026-01-13 08:40")
HERS = Traits("pt-BR", "female", ("trauma",))
ASKED = {
    "age_band": Attributes(age_band=AgeBand.ADOLESCENT),
    "language": Attributes(language="es"),
    "gender": Attributes(gender="male"),
    "track": Attributes(track="matrix"),
}
OTHERS = pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)


def ann(**more: Any) -> Calendar:
    return replace(admitted(), traits=HERS, **more)


def week_of(asked: Attributes, *days: int, group_id: str = "g-1", **more: Any) -> list[Any]:
    return [offer(d, attributes=asked, group_id=group_id, **more) for d in days or (MON, WED, FRI)]


def test_a_group_that_asks_for_nothing_is_for_everybody() -> None:
    assert misfits(Attributes(), AgeBand.ADULT, Traits()) == {}


def test_who_is_what_a_group_asks_for_is_welcome() -> None:
    asked = Attributes(age_band=AgeBand.ADULT, language="pt", gender="Female", track="trauma")
    assert misfits(asked, AgeBand.ADULT, HERS) == {}
    assert legal(ann(), week_of(asked), NOW).minutes == 540


def test_what_is_not_known_of_a_person_is_not_taken_for_granted() -> None:
    asked = Attributes(language="en", gender="female", track="trauma")
    assert misfits(asked, AgeBand.ADULT, Traits()).keys() == {"language", "gender", "track"}


@OTHERS
def test_no_week_is_agreed_with_a_group_for_others(asked: Attributes) -> None:
    found = refused(ann(), [*week_of(Attributes(), MON, WED), *week_of(asked, FRI, group_id="g-2")], NOW)
    assert set(found) == {"suits_the_group"}
    (name,) = found["suits_the_group"]["asks_for"]
    assert getattr(asked, name) is not None


@OTHERS
def test_no_single_session_of_a_group_for_others_is_booked(asked: Attributes) -> None:
    seating = Seating(replace(GROUP, attributes=asked), 3, clashes=False)
    with pytest.raises(Refused) as raised:
        bookings.book(SESSION, ann(), seating, "make_up", at("2026-01-08 08:00"))
    assert [f["guard"] for f in raised.value.facts["failed"]] == ["suits_the_group"]


@OTHERS
def test_the_machine_proposes_no_group_for_others(asked: Attributes) -> None:
    state, moment = ann(), at("2026-01-19 09:30")
    assert legality.open_to(state, week_of(asked), ()) == []
    other = ahead("2026-01-20", attributes=asked)
    assert forecast.options(state, [other], moment.rules, moment.at) == []
    assert len(forecast.options(state, [ahead("2026-01-20")], moment.rules, moment.at)) == 1


@OTHERS
def test_no_plan_moves_anybody_into_a_group_for_others(asked: Attributes) -> None:
    now, then = week_of(Attributes(), MON, WED, FRI), week_of(asked, TUE, group_id="g-2")
    state = ann(seats=tuple(o.slot() for o in now), stage="scheduled")
    slots = tuple(o.slot() for o in (*now[1:], *then))
    shift = Shift(state.seats, slots)
    assert not plans.still_legal(state, shift, [*now, *then], (), NOW)
    welcome = [replace(o, attributes=Attributes()) for o in then]
    assert plans.still_legal(state, shift, [*now, *welcome], (), NOW)
    offers = [*now, *then, *week_of(Attributes(), THU, group_id="g-3")]
    counted, first = dict.fromkeys((True, False), offers), NOW.at.date()
    waiting = replace(state, stage="asked", seats=())
    site = SiteWeek("n-1", "s-1", first, 1, counted, [waiting], frozenset())
    (person,) = site.problem(rulebook(), NOW.at).people
    assert {item.partition("/")[0] for item in person.may} == {"g-1", "g-3"}


def test_who_sits_there_already_stays() -> None:
    mine = week_of(Attributes(gender="male"), mine=True)
    assert legality.open_to(ann(), mine, ()) == mine


def test_a_person_may_accept_all_but_another_age_and_writes_why() -> None:
    offers = week_of(Attributes(language="es"))
    assert legal(ann(), offers, NOW, override_reason="speaks_both").override_reason == "speaks_both"
    young = week_of(Attributes(age_band=AgeBand.ADOLESCENT, language="es"))
    found = refused(ann(), young, NOW, override_reason="speaks_both")
    assert set(found) == {"suits_the_group"}


def test_a_seat_request_says_what_groups_may_ask_for() -> None:
    event = SeatRequested(
        network_id="n-1",
        site_id="s-1",
        episode_id="e-1",
        patient_id="p-1",
        part2=True,
        actor=NOW.actor,
        request_id="r-1",
        earliest_start=NOW.at.date(),
        level=IOP,
        program_kind=ProgramKind.SUD,
        age_band=AgeBand.ADULT,
        weekly_minutes=540,
        days_per_week=3,
        language="pt-BR",
        gender="female",
        tracks=("trauma",),
    )
    state = folding.evolve(None, calendar.asked(event, NEW_YORK))
    assert state.traits == HERS
    later = event.model_copy(update={"gender": None, "request_id": "r-2"})
    assert folding.evolve(state, calendar.asked(later, NEW_YORK)).traits.gender is None
