"""Sites, rooms, clinicians and groups: what may open, what closes, who leads instead."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused
from contracts.rule_tables import HolidayRules
from contracts.rulebook import Rulebook, rulebook
from contracts.scheduling import (
    Break,
    SessionCancelled,
    SessionReassigned,
    SessionRestored,
    SessionScheduled,
    WorkingHours,
)
from contracts.vocabulary import Actor, ActorType, GroupKind, Modality, ServiceKind
from services.scheduling.domain import board as boards
from services.scheduling.domain import clinicians, groups, localtime, openings, sessions, sites
from services.scheduling.domain.board import Board
from services.scheduling.domain.clinicians import Clinician
from services.scheduling.domain.groups import Group
from services.scheduling.domain.holidays import holidays_of
from services.scheduling.domain.sites import Site

NEW_YORK, PHOENIX = "America/New_York", "America/Phoenix"
ACTOR = Actor(type=ActorType.USER, id="u-1", role="director")
MONDAY = date(2026, 1, 12)
MON, TUE, WED, THU, FRI, SAT = 1, 2, 3, 4, 5, 6
WEEKDAYS = (MON, TUE, WED, THU, FRI)
DAYTIME = ("08:00", "20:00")


def at(local: str, book: Rulebook | None = None, tz: str = NEW_YORK) -> Moment:
    day, _, wall = local.partition(" ")
    return Moment(localtime.instant(date.fromisoformat(day), wall, tz), ACTOR, "cause", book or rulebook())


NOW = at("2026-01-12 06:00")


def capped(group: int, **kinds: int) -> Rulebook:
    """Rules under which groups have at most so many seats."""
    layer = {
        "network": "north",
        "cite": "Connecticut 17b-262-822",
        "set": {"groups": {"max_capacity": group, "max_capacity_of": kinds}},
    }
    book = rulebook()
    return Rulebook.model_validate(
        book.model_dump(mode="json") | {"layers": [*book.model_dump(mode="json")["layers"], layer]}
    ).at("north")


@dataclass
class Place:
    """A network of sites on which decisions are put the way the handlers do."""

    sites: dict[str, Site] = field(default_factory=dict)
    board: Board = field(init=False)
    moment: Moment = NOW

    def __post_init__(self) -> None:
        self.board = Board(self.sites, {}, {}, {})
        self.open_site("elm")

    def open_site(self, site_id: str, tz: str = NEW_YORK, **more: Any) -> None:
        command = sites.OpenSite("north", site_id, tz, "08:00", "20:00", part2=True, **more)
        self._site(site_id, sites.open_site(None, command, self.moment))

    def _site(self, site_id: str, facts: Any) -> None:
        for fact in facts:
            self.sites[site_id] = sites.evolve_site(self.sites.get(site_id), fact)

    def room(self, room_id: str, capacity: int = 12, site: str = "elm") -> None:
        command = sites.OpenRoom(room_id, capacity)
        self._site(site, sites.open_room(self.sites[site], command, self.moment))

    def lists(self, who: str, *dows: int, site: str = "elm", credential: str = "LCSW") -> None:
        hours = tuple(
            WorkingHours(dow=d, start_local=DAYTIME[0], end_local=DAYTIME[1]) for d in dows or WEEKDAYS
        )
        command = clinicians.ListClinician("north", site, credential, hours, 20)
        state = self.board.clinicians.get(who)
        for fact in clinicians.list_clinician(self.sites[site], who, command):
            state = clinicians.evolve_clinician(state, fact)
        assert state is not None
        since = localtime.civil_date(self.moment.at, NEW_YORK)
        if misfits := openings.misfits(self.board, state, since):
            raise Refused("clinician_refused", "hours", groups=misfits)
        self.board.clinicians[who] = state
        self._settle(lambda s: s.site_id == site)

    def opens(self, group_id: str, site: str = "elm", **changes: Any) -> None:
        about: dict[str, Any] = {
            "network_id": "north",
            "site_id": site,
            "kind": GroupKind.CBT,
            "levels": ("2.1",),
            "capacity": 8,
            "dow": (MON, WED, FRI),
            "start_local": "09:00",
            "end_local": "12:00",
        }
        command = groups.OpenGroup(**about | changes)
        facts = openings.open_group(
            self.board.groups.get(group_id), self.sites[site], self.board, group_id, command, self.moment
        )
        self.board.groups[group_id] = groups.evolve_group(None, facts[0])
        self.plan(group_id)

    def sees(self, group_id: str, who: str, **changes: Any) -> None:
        """A clinician has a weekly time for one patient."""
        about: dict[str, Any] = {
            "network_id": "north",
            "sites": ("elm",),
            "site_id": "elm",
            "clinician_id": who,
            "service_kind": ServiceKind.INDIVIDUAL,
            "levels": ("2.1",),
            "dow": TUE,
            "start_local": "13:00",
            "end_local": "14:00",
        }
        command = groups.OpenAppointment(**about | changes)
        facts = openings.open_appointment(None, self.sites["elm"], self.board, group_id, command, self.moment)
        self.board.groups[group_id] = groups.evolve_group(None, facts[0])
        self.plan(group_id)

    def plan(self, group_id: str) -> None:
        group = self.board.groups[group_id]
        days, through = groups.days_to_plan(group, self.moment)
        new = []
        for day in days:
            for fact in sessions.schedule(group, day, self.moment):
                if isinstance(fact, SessionScheduled):
                    self.board.sessions[fact.session_id] = sessions.evolve(None, fact)
                    new.append(fact.session_id)
        self._settle(lambda s: s.id in new)
        self.board.groups[group_id] = groups.evolve_group(group, groups.SessionsPlanned(through))

    def changes(self, group_id: str, on: date, **what: Any) -> None:
        group = self.board.groups[group_id]
        command = groups.ChangeGroup("north", (group.site_id,), on, **what)
        facts = openings.change_group(group, self.sites[group.site_id], self.board, command, self.moment)
        self.board.groups[group_id] = groups.evolve_group(group, facts[0])
        self._settle(lambda s: s.group_id == group_id)

    def closes(self, group_id: str, on: date) -> None:
        group = self.board.groups[group_id]
        command = groups.CloseGroup("north", (group.site_id,), on, "too_few")
        self.board.groups[group_id] = groups.evolve_group(
            group, openings.close_group(group, command, self.moment)[0]
        )
        self._settle(lambda s: s.group_id == group_id)

    def shuts(self, closure_id: str, first: date, last: date, site: str = "elm", cause: str = "snow") -> None:
        command = sites.SetClosure("north", closure_id, first, last, cause)
        self._site(site, sites.set_closure(self.sites[site], command, self.moment))
        self._settle(lambda s: s.site_id == site and first <= s.local_date <= last)

    def lifts(self, closure_id: str, site: str = "elm") -> None:
        closure = next(c for c in self.sites[site].closures if c.id == closure_id)
        self._site(site, sites.lift_closure(self.sites[site], closure))
        self._settle(lambda s: s.site_id == site and closure.covers(s.local_date))

    def away(self, who: str, absence_id: str, first: str, last: str, *, individuals: bool = False) -> None:
        command = clinicians.BeAway(
            "north",
            ("elm",),
            absence_id,
            datetime.fromisoformat(first),
            datetime.fromisoformat(last),
            individuals,
        )
        self._clinician(who, clinicians.be_away(self.board.clinicians[who], command, self.moment))
        self._settle_absence(self.board.clinicians[who], who, absence_id)

    def back(self, who: str, absence_id: str) -> None:
        before = self.board.clinicians[who]
        absence = clinicians.absence_of(before, absence_id)
        assert absence is not None
        self._clinician(who, clinicians.come_back(before, absence))
        self._settle_absence(before, who, absence_id)

    def _clinician(self, who: str, facts: Any) -> None:
        for fact in facts:
            self.board.clinicians[who] = clinicians.evolve_clinician(self.board.clinicians[who], fact)

    def _settle_absence(self, known: Clinician, who: str, absence_id: str) -> None:
        absence = clinicians.absence_of(known, absence_id)
        assert absence is not None
        listed = {x.site_id for x in self.board.clinicians[who].listings}
        self._settle(lambda s: s.site_id in listed and absence.overlaps(s.start_at, s.end_at))

    def _settle(self, affected: Callable[[sessions.Session], bool]) -> None:
        chosen = [s.id for s in self.board.sessions.values() if affected(s)]
        self.said = boards.settle(self.board, chosen, "settled", self.moment)

    said: dict[str, Any] = field(default_factory=dict)

    def of(self, group_id: str) -> list[sessions.Session]:
        return sorted(
            (s for s in self.board.sessions.values() if s.group_id == group_id), key=lambda s: s.start_at
        )

    def led(self, group_id: str) -> list[str]:
        """Who leads each planned session of a group; why not, where it does not take place."""
        return [s.cancelled or str(s.facilitator_id) for s in self.of(group_id)]


@pytest.fixture
def place() -> Place:
    return Place()


def failed(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [g["guard"] for g in refused.value.facts["failed"]]


class TestSites:
    def test_a_zone_must_exist(self) -> None:
        command = sites.OpenSite("n-1", "s-1", "America/Nowhere", "08:00", "24:00", part2=True)
        with pytest.raises(Refused) as refused:
            sites.open_site(None, command, NOW)
        assert (refused.value.code, refused.value.status) == ("unknown_zone", 422)

    def test_a_room_opens_once(self, place: Place) -> None:
        place.room("blue")
        with pytest.raises(Refused) as refused:
            place.room("blue")
        assert refused.value.code == "room_exists"

    def test_a_closure_runs_forward_from_today_for_at_most_a_year(self, place: Place) -> None:
        with pytest.raises(Refused) as refused:
            place.shuts("c", date(2026, 2, 2), date(2026, 2, 1))
        assert (refused.value.code, refused.value.status) == ("closure_reversed", 422)
        with pytest.raises(Refused) as refused:
            place.shuts("c", date(2026, 1, 11), date(2027, 6, 1))
        assert failed(refused) == ["not_in_the_past", "not_too_long"]
        with pytest.raises(Refused) as refused:
            place.shuts("c", date(2090, 1, 1), date(2090, 1, 1))
        assert failed(refused) == ["not_too_far_ahead"]
        place.shuts("c", MONDAY, date(2027, 1, 12))
        with pytest.raises(Refused) as refused:
            place.shuts("c", MONDAY, MONDAY)
        assert refused.value.code == "closure_exists"

    def test_today_at_the_site_decides_what_is_past(self, place: Place) -> None:
        place.open_site("hilo", "Pacific/Honolulu")
        place.moment = at("2026-01-13 00:30")
        place.shuts("c", MONDAY, MONDAY, "hilo")
        with pytest.raises(Refused):
            place.shuts("c", MONDAY, MONDAY)

    def test_closed_days_cancel_and_the_last_lifting_restores(self, place: Place) -> None:
        place.opens("g-1")
        place.shuts("snow", MONDAY, date(2026, 1, 14))
        assert [s.cancelled for s in place.of("g-1")] == ["snow", "snow"] + [""] * 5
        place.shuts("storm", date(2026, 1, 14), date(2026, 1, 16), cause="storm")
        assert [type(f) for f in next(iter(place.said.values()))] == [SessionCancelled, sessions.HeldBack]
        assert len(place.said) == 1, "what is closed already is not said again"
        place.lifts("snow")
        assert [s.cancelled for s in place.of("g-1")][:4] == ["", "snow", "storm", ""]
        place.lifts("storm")
        assert not any(s.cancelled for s in place.of("g-1"))

    def test_what_somebody_cancelled_by_hand_stays_cancelled(self, place: Place) -> None:
        place.opens("g-1")
        first = place.of("g-1")[0]
        by_hand = sessions.cancel(first, "fire_drill")
        place.board.sessions[first.id] = sessions.evolve(first, by_hand[0])
        place.shuts("snow", MONDAY, MONDAY)
        place.lifts("snow")
        assert place.of("g-1")[0].cancelled == "fire_drill"

    def test_a_session_under_way_goes_on(self, place: Place) -> None:
        place.opens("g-1")
        place.moment = at("2026-01-12 10:00")
        place.shuts("snow", MONDAY, MONDAY)
        assert place.of("g-1")[0].cancelled == ""

    def test_closed_days_are_planned_and_cancelled_at_once(self, place: Place) -> None:
        place.shuts("snow", date(2026, 1, 14), date(2026, 1, 14))
        place.opens("g-1")
        assert [s.cancelled for s in place.of("g-1")][:3] == ["", "snow", ""]


class TestHolidays:
    @pytest.mark.parametrize(
        ("year", "observed"),
        [
            # Worked out by hand from 5 U.S.C. 6103.
            (
                2026,
                "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
            ),
            (
                2027,
                "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
            ),
            (2028, "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25"),
        ],
    )
    def test_the_days_that_the_law_names(self, year: int, observed: str) -> None:
        found = holidays_of(year, rulebook().holidays)
        assert [f"{h.observed_on:%m-%d}" for h in found] == observed.split()

    def test_a_network_keeps_its_own(self) -> None:
        own = [{"name": "patriots_day", "month": 4, "dow": 1, "nth": 3}]
        rules = HolidayRules.model_validate({"days": own, "observed": {}, "cite": "M.G.L. c. 6 s. 12J"})
        assert [h.on for h in holidays_of(2026, rules)] == [date(2026, 4, 20)]
        for wrong in ({"day": 30}, {"dow": 1}, {"dow": 1, "nth": 2, "day": 3}, {}):
            with pytest.raises(ValueError, match="2"):
                HolidayRules.model_validate(
                    {"days": [{"name": "x", "month": 2} | wrong], "observed": {}, "cite": "2"}
                )


class TestGroups:
    def test_everything_that_fails_is_named(self, place: Place) -> None:
        place.open_site("oak", service_days=(MON, TUE))
        place.room("small", 4, "oak")
        place.lists("ann", FRI, site="oak", credential="CPRS")
        with pytest.raises(Refused) as refused:
            place.opens(
                "g-1",
                "oak",
                start_local="07:30",
                capacity=300,
                min_to_run=301,
                room_id="small",
                facilitator_id="ann",
            )
        assert refused.value.code == "group_refused"
        assert failed(refused) == [
            "inside_site_hours",
            "on_service_days",
            "capacity_allowed",
            "census_reachable",
            "room_large_enough",
            "facilitator_credentialed",
            "facilitator_works_then",
        ]
        assert refused.value.facts["failed"][4]["room_capacity"] == 4

    def test_rooms_and_leaders_must_be_known_at_the_site(self, place: Place) -> None:
        place.open_site("oak")
        place.room("blue", site="oak")
        place.lists("ann", site="oak")
        with pytest.raises(Refused) as refused:
            place.opens("g-1", room_id="blue", facilitator_id="ann")
        assert failed(refused) == ["room_exists", "facilitator_listed"]

    def test_breaks_lie_inside_the_session(self, place: Place) -> None:
        with pytest.raises(Refused) as refused:
            place.opens("g-1", breaks=(Break(offset=175, minutes=10),))
        assert refused.value.code == "breaks_misplaced"

    def test_a_state_caps_groups_of_a_kind_in_a_layer(self, place: Place) -> None:
        place.opens("big", capacity=30)
        place.moment = replace(NOW, rules=capped(12, family_education=24))
        place.opens("fits", capacity=12)
        place.opens("families", capacity=24, kind=GroupKind.FAMILY_EDUCATION)
        with pytest.raises(Refused) as refused:
            place.opens("crowd", capacity=13)
        assert (failed(refused), refused.value.facts["failed"][0]["max_capacity"]) == (
            ["capacity_allowed"],
            12,
        )

    @pytest.mark.parametrize(
        ("start", "end", "dow", "free"),
        [
            ("11:59", "13:00", (FRI,), False),
            ("12:00", "13:00", (FRI,), True),
            ("08:00", "09:00", (MON,), True),
            ("08:00", "20:00", (WED,), False),
            ("09:00", "12:00", (TUE, THU), True),
        ],
    )
    def test_a_room_and_a_leader_are_in_one_place_at_a_time(
        self, place: Place, start: str, end: str, dow: tuple[int, ...], free: bool
    ) -> None:
        place.room("blue")
        place.lists("ann")
        place.opens("g-1", room_id="blue", facilitator_id="ann")
        what: dict[str, Any] = {
            "start_local": start,
            "end_local": end,
            "dow": dow,
            "room_id": "blue",
            "facilitator_id": "ann",
        }
        if free:
            place.opens("g-2", **what)
            return
        with pytest.raises(Refused) as refused:
            place.opens("g-2", **what)
        assert failed(refused) == ["room_free", "facilitator_free"]
        assert refused.value.facts["failed"][0]["groups"] == ["g-1"]

    def test_nobody_leads_in_two_zones_at_once_in_any_season(self, place: Place) -> None:
        place.open_site("mesa", PHOENIX)
        place.lists("ann")
        place.lists("ann", site="mesa")
        place.opens("winter", facilitator_id="ann", start_local="14:00", end_local="15:00")
        # 11:30 in Phoenix is 13:30 in New York in winter and 14:30 in summer.
        with pytest.raises(Refused) as refused:
            place.opens("g-2", "mesa", facilitator_id="ann", start_local="11:30", end_local="11:55")
        assert failed(refused) == ["facilitator_free"]
        place.opens("g-3", "mesa", facilitator_id="ann", start_local="13:00", end_local="14:00")

    def test_a_group_by_video_needs_no_large_room(self, place: Place) -> None:
        place.room("booth", 1)
        place.opens("g-1", room_id="booth", modality=Modality.VIDEO)
        assert place.of("g-1")[0].modality is Modality.VIDEO

    def test_a_change_holds_from_its_day_on(self, place: Place) -> None:
        place.lists("ann")
        place.lists("bob")
        place.opens("g-1", facilitator_id="ann")
        place.changes("g-1", date(2026, 1, 16), facilitator_id="bob")
        assert place.led("g-1") == ["ann", "ann"] + ["bob"] * 5
        place.changes("g-1", date(2026, 1, 14), min_to_run=3)
        group = place.board.groups["g-1"]
        assert [(group.on(d).facilitator_id, group.on(d).min_to_run) for d in days(MONDAY, 6)] == [
            ("ann", 0),
            ("ann", 0),
            ("ann", 3),
            ("ann", 3),
            ("bob", 3),
            ("bob", 3),
        ]

    def test_a_leader_stays_taken_until_the_change(self, place: Place) -> None:
        place.lists("ann")
        place.lists("bob")
        place.opens("g-1", facilitator_id="ann")
        place.changes("g-1", date(2026, 2, 2), facilitator_id="bob")
        for who in ("ann", "bob"):
            with pytest.raises(Refused):
                place.opens("g-2", facilitator_id=who)
        place.opens("g-2")
        place.changes("g-2", date(2026, 2, 2), facilitator_id="ann")

    def test_a_closed_group_meets_no_more_and_frees_its_room(self, place: Place) -> None:
        place.room("blue")
        place.opens("g-1", room_id="blue")
        place.closes("g-1", date(2026, 1, 19))
        assert place.led("g-1") == ["None"] * 3 + ["too_few"] * 4
        with pytest.raises(Refused):
            place.opens("g-2", room_id="blue")
        place.moment = at("2026-01-19 06:00")
        place.opens("g-2", room_id="blue")
        place.plan("g-1")
        assert len(place.of("g-1")) == 7
        with pytest.raises(Refused) as refused:
            place.changes("g-1", date(2026, 1, 20), min_to_run=1)
        assert failed(refused) == ["not_closed"]

    def test_changes_are_announced_not_backdated(self, place: Place) -> None:
        place.opens("g-1")
        with pytest.raises(Refused) as refused:
            place.changes("g-1", date(2026, 1, 11), min_to_run=9)
        assert failed(refused) == ["not_in_the_past", "census_reachable"]
        with pytest.raises(Refused) as refused:
            place.closes("g-1", date(2099, 1, 1))
        assert failed(refused) == ["not_too_far_ahead"]

    def test_sessions_are_planned_two_weeks_ahead_and_never_twice(self) -> None:
        group = Group(
            "g-1",
            "north",
            "elm",
            GroupKind.CBT,
            (),
            12,
            (MON, WED, FRI),
            "09:00",
            "12:00",
            (),
            NEW_YORK,
        )
        planned, through = groups.days_to_plan(group, at("2026-01-12 10:00"))
        assert (planned[0], planned[-1], len(planned)) == (MONDAY, date(2026, 1, 26), 7)
        again, _ = groups.days_to_plan(replace(group, planned_through=through), at("2026-01-19 00:00"))
        assert (again[0], again[-1]) == (date(2026, 1, 28), date(2026, 2, 2))
        assert sessions.schedule(group, planned[0], at("2026-01-12 10:00")) == []
        said = sessions.schedule(group, planned[1], at("2026-01-12 10:00"))[0]
        assert isinstance(said, SessionScheduled)
        assert said.start_at == datetime(2026, 1, 14, 14, tzinfo=UTC)


def days(first: date, n: int) -> list[date]:
    return [first + timedelta(days=i) for i in range(n)]


class TestClinicians:
    def test_a_substitute_is_whoever_can_and_leads_least(self, place: Place) -> None:
        for who in ("ann", "bob", "cat"):
            place.lists(who)
        place.lists("dan", credential="CPRS")
        place.lists("abe", MON, TUE)
        place.opens("g-1", facilitator_id="ann")
        place.opens("g-2", facilitator_id="bob", start_local="13:00", end_local="14:00")
        place.away("ann", "flu", "2026-01-12T00:00", "2026-01-16T11:00")
        assert place.led("g-1") == ["abe", "cat", "cat", *["ann"] * 4]
        place.back("ann", "flu")
        assert place.led("g-1") == ["ann"] * 7
        assert [type(f) for facts in place.said.values() for f in facts] == [SessionReassigned] * 3

    def test_who_is_busy_elsewhere_is_no_substitute(self, place: Place) -> None:
        place.open_site("oak")
        place.lists("ann")
        place.lists("bob")
        place.lists("bob", site="oak")
        place.opens("g-1", facilitator_id="ann")
        place.opens("g-2", "oak", facilitator_id="bob", start_local="11:00", end_local="12:30")
        place.away("ann", "flu", "2026-01-12T00:00", "2026-01-13T00:00")
        assert place.led("g-1")[:2] == ["clinician_unavailable", "ann"]

    def test_one_substitute_cannot_stand_in_twice_at_once(self, place: Place) -> None:
        for who in ("ann", "bob", "cat"):
            place.lists(who)
        place.opens("g-1", facilitator_id="ann", dow=(MON,))
        place.opens("g-2", facilitator_id="bob", dow=(MON,))
        place.away("ann", "a", "2026-01-12T00:00", "2026-01-13T00:00")
        place.away("bob", "b", "2026-01-12T00:00", "2026-01-13T00:00")
        assert (place.led("g-1")[0], place.led("g-2")[0]) == ("cat", "clinician_unavailable")
        with pytest.raises(Refused) as refused:
            place.opens("g-3", facilitator_id="cat", dow=(MON,))
        assert failed(refused) == ["facilitator_free"]
        place.back("ann", "a")
        assert place.led("g-2")[0] == "cat", "who is free again helps where somebody is missing"

    def test_a_substitute_who_falls_ill_is_substituted(self, place: Place) -> None:
        for who in ("ann", "bob", "cat"):
            place.lists(who)
        place.opens("g-1", facilitator_id="ann", dow=(MON,))
        place.away("ann", "a", "2026-01-12T00:00", "2026-01-13T00:00")
        place.away("bob", "b", "2026-01-12T00:00", "2026-01-13T00:00")
        assert place.led("g-1")[0] == "cat"
        place.back("bob", "b")
        assert place.led("g-1")[0] == "cat", "a substitute who still can stays"

    def test_individual_time_is_a_relationship(self, place: Place) -> None:
        place.lists("ann")
        place.lists("bob")
        place.sees("i-1", "ann")
        place.away("ann", "flu", "2026-01-13T00:00", "2026-01-14T00:00")
        assert place.led("i-1")[0] == "clinician_unavailable"
        place.back("ann", "flu")
        assert place.led("i-1")[0] == "ann"
        place.away("ann", "leave", "2026-01-13T00:00", "2026-01-14T00:00", individuals=True)
        assert place.led("i-1")[0] == "bob"

    def test_an_absence_known_before_is_planned_around(self, place: Place) -> None:
        place.lists("ann")
        place.lists("bob")
        place.away("ann", "leave", "2026-01-14T00:00", "2026-01-15T00:00")
        place.opens("g-1", facilitator_id="ann")
        assert place.led("g-1")[:3] == ["ann", "bob", "ann"]

    def test_an_absence_on_a_closed_day_leaves_it_closed(self, place: Place) -> None:
        place.lists("ann")
        place.opens("g-1", facilitator_id="ann")
        place.shuts("snow", MONDAY, MONDAY)
        place.away("ann", "flu", "2026-01-12T00:00", "2026-01-13T00:00")
        place.lifts("snow")
        assert place.led("g-1")[0] == "snow", "nobody is there to lead it"
        place.back("ann", "flu")
        assert place.led("g-1")[0] == "ann"
        assert isinstance(next(iter(place.said.values()))[0], SessionRestored)

    def test_absences_run_forward_and_are_not_over(self, place: Place) -> None:
        place.lists("ann")
        with pytest.raises(Refused) as refused:
            place.away("ann", "a", "2026-01-15T00:00", "2026-01-15T00:00")
        assert (refused.value.code, refused.value.status) == ("absence_reversed", 422)
        with pytest.raises(Refused) as refused:
            place.away("ann", "a", "2026-01-10T00:00", "2026-01-11T00:00")
        assert failed(refused) == ["not_in_the_past"]
        with pytest.raises(Refused) as refused:
            place.away("ann", "a", "2026-01-10T00:00", "2199-01-11T00:00")
        assert failed(refused) == ["not_too_far_ahead"]

    def test_times_without_a_zone_are_those_of_the_clinicians_site(self, place: Place) -> None:
        place.lists("ann")
        place.away("ann", "a", "2026-01-12T09:00", "2026-01-12T18:00+00:00")
        [absence] = place.board.clinicians["ann"].absences
        assert (absence.from_at.hour, absence.to_at.hour) == (14, 18)

    def test_hours_cannot_shrink_away_from_a_group(self, place: Place) -> None:
        place.lists("ann")
        place.opens("g-1", facilitator_id="ann")
        with pytest.raises(Refused) as refused:
            place.lists("ann", MON)
        assert refused.value.facts["groups"] == ["g-1"]

    def test_an_appointment_is_guarded_like_a_group(self, place: Place) -> None:
        place.lists("ann", credential="RN")
        place.opens("g-1", facilitator_id="ann", dow=(TUE,), start_local="13:30", end_local="14:30")
        with pytest.raises(Refused) as refused:
            place.sees("i-1", "ann")
        assert (refused.value.code, failed(refused)) == (
            "appointment_refused",
            ["facilitator_credentialed", "facilitator_free"],
        )


STAFF, ROOMS, GROUPS = ("ann", "bob", "cat"), ("blue", "red"), ("g-1", "g-2", "g-3", "g-4")
DAYS = st.integers(0, 14).map(lambda n: MONDAY + timedelta(days=n))
SITES = st.sampled_from(("elm", "elm", "mesa"))
WHO, WHERE = st.sampled_from(STAFF), st.sampled_from(ROOMS)
DOWS = st.lists(st.sampled_from((MON, TUE, WED)), min_size=1, max_size=3, unique=True)
OPEN = st.tuples(
    st.just("open"), st.sampled_from(GROUPS), SITES, DOWS, st.integers(0, 2), st.none() | WHERE, WHO
)
AWAY = st.tuples(st.just("away"), WHO, st.integers(0, 2), DAYS, st.integers(0, 23), st.integers(1, 200))
BACK = st.tuples(st.just("back"), WHO, st.integers(0, 2))
CHANGE = st.tuples(st.just("change"), st.sampled_from(GROUPS), DAYS, st.none() | WHERE, st.none() | WHO)
STEP = st.one_of(
    OPEN,
    AWAY,
    AWAY,
    BACK,
    CHANGE,
    CHANGE,
    st.tuples(st.just("close"), st.sampled_from(GROUPS), DAYS),
    st.tuples(st.just("shut"), st.integers(0, 3), SITES, DAYS, st.integers(0, 9)),
    st.tuples(st.just("lift"), st.integers(0, 3), SITES),
    st.tuples(st.just("list"), WHO, SITES, DOWS),
    st.tuples(st.just("wait"), st.integers(1, 4)),
)


def take(place: Place, step: tuple[Any, ...]) -> None:
    match step:
        case ("open", group, site, dow, hour, room, who):
            times = {"start_local": f"{9 + hour:02}:00", "end_local": f"{12 + hour:02}:00"}
            place.opens(group, site, dow=tuple(sorted(dow)), room_id=room, facilitator_id=who, **times)
        case ("change", group, on, room, who):
            place.changes(group, on, room_id=room, facilitator_id=who)
        case ("close", group, on):
            place.closes(group, on)
        case ("shut", n, site, first, length):
            place.shuts(f"c-{n}", first, first + timedelta(days=length), site)
        case ("lift", n, site):
            place.lifts(f"c-{n}", site)
        case ("away", who, n, day, hour, hours):
            begins = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
            place.away(who, f"a-{n}", begins.isoformat(), (begins + timedelta(hours=hours)).isoformat())
        case ("back", who, n):
            place.back(who, f"a-{n}")
        case ("list", who, site, dow):
            place.lists(who, *dow, site=site)
        case ("wait", n):
            place.moment = replace(place.moment, at=place.moment.at + timedelta(days=n))
            for group in list(place.board.groups):
                place.plan(group)


def check(place: Place) -> None:
    board = place.board
    coming = [s for s in board.sessions.values() if s.start_at > place.moment.at]
    held = [s for s in coming if not s.cancelled]
    for s in coming:
        group = board.groups[s.group_id].on(s.local_date)
        closed = any(c.from_on <= s.local_date <= c.to_on for c in board.sites[s.site_id].closures)
        open_then = not closed and not group.closed_on(s.local_date)
        if not s.cancelled:
            assert open_then, s
            assert s.room_id == group.room_id
            assert (s.facilitator_id is None) == (group.facilitator_id is None)
            if s.facilitator_id is not None:
                leader = board.clinicians[s.facilitator_id]
                assert not leader.away(s.start_at, s.end_at), s
                assert leader.works(
                    s.site_id, s.local_date.isoweekday(), group.start_local, group.end_local
                ), s
        elif open_then:
            assert group.facilitator_id is not None, s
            assert board.clinicians[group.facilitator_id].away(s.start_at, s.end_at), s
    for a, b in combinations(held, 2):
        if a.start_at < b.end_at and b.start_at < a.end_at:
            assert a.room_id is None or (a.site_id, a.room_id) != (b.site_id, b.room_id), (a, b)
            assert a.facilitator_id is None or a.facilitator_id != b.facilitator_id, (a, b)


@settings(max_examples=200, deadline=None)
@given(st.lists(OPEN, min_size=3, max_size=5), st.lists(STEP, min_size=5, max_size=25))
def test_the_calendar_stays_true_whatever_happens_in_any_order(
    opened: list[tuple[Any, ...]], steps: list[tuple[Any, ...]]
) -> None:
    place = Place()
    place.open_site("mesa", PHOENIX)
    for site in ("elm", "mesa"):
        for room in ROOMS:
            place.room(room, site=site)
        for who in STAFF:
            place.lists(who, site=site)
    for step in (*opened, *steps):
        try:
            take(place, step)
        except (Refused, KeyError, StopIteration, AssertionError):
            continue
        check(place)
