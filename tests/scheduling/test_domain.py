"""The rules of scheduling as sentences: minutes, days that change their length, legal weeks, closings."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused, Wake
from contracts.progress import StepDownApproved, StepUpApproved
from contracts.rulebook import Rulebook, rulebook
from contracts.scheduling import (
    AttendanceCorrected,
    Break,
    SessionAttended,
    SessionMissed,
    TreatmentDayClosed,
    TreatmentWeekClosed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    LevelOfCare,
    MissKind,
    ServiceKind,
    Slot,
)
from services.scheduling.domain import (
    agreement,
    attendance,
    candidates,
    closing,
    folding,
    localtime,
    sessions,
    week,
)
from services.scheduling.domain.calendar import (
    Admitted,
    Calendar,
    CalendarEnded,
    LevelSet,
    Request,
    SeatsKept,
)
from services.scheduling.domain.sessions import Mark, Presence, Session
from services.scheduling.domain.sites import Site

NEW_YORK = "America/New_York"
ACTOR = Actor(type=ActorType.USER, id="u-1", role="clinician")
IOP = LevelOfCare(code="2.1")
MEADOW = Site("s-1", "n-1", "s-1", NEW_YORK, "08:00", "24:00", True)
BREAKS = tuple(Break(offset=at, minutes=10) for at in (50, 100, 150))
MON, TUE, WED, THU, FRI = 1, 2, 3, 4, 5


def rules(*, breaks_creditable: bool = True, max_gap_days: int = 7) -> Rulebook:
    book = rulebook()
    changed = {"breaks_creditable": breaks_creditable, "max_gap_days": max_gap_days}
    return book.model_copy(update={"attendance": book.attendance.model_copy(update=changed)})


def at(local: str, book: Rulebook | None = None, tz: str = NEW_YORK) -> Moment:
    day, _, wall = local.partition(" ")
    return Moment(localtime.instant(date.fromisoformat(day), wall, tz), ACTOR, "cause", book or rules())


def offer(dow: int, start: str = "09:00", end: str = "12:00", **more: Any) -> week.Offer:
    minutes = more.pop("minutes", localtime.wall_length(start, end))
    more = {"free": 12, "levels": ("2.1",), **more}
    return week.Offer(more.pop("group_id", "g-1"), dow, start, end, minutes, **more)


def request(weekly_minutes: int = 540, days: int = 3, level: LevelOfCare = IOP) -> Request:
    return Request("r-1", date(2026, 1, 13), level, weekly_minutes, days, ())


def admitted(
    on: date = date(2026, 1, 13),
    *,
    age_band: AgeBand = AgeBand.ADULT,
    level: LevelOfCare = IOP,
    tz: str = NEW_YORK,
    seats: Sequence[Slot] = (),
) -> Calendar:
    fact = Admitted("e-1", "n-1", "s-1", "p-1", True, tz, age_band, level, on, "commercial", request())
    return folding.evolve(folding.evolve(None, fact), SeatsKept(tuple(seats)))


def fold(state: Calendar, facts: Sequence[object]) -> Calendar:
    for fact in facts:
        if not isinstance(fact, Wake):
            state = folding.evolve(state, fact)
    return state


def agreed(
    state: Calendar, offers: Sequence[week.Offer], moment: Moment, first: date | None = None
) -> Calendar:
    command = agree_command(tuple(o.slot() for o in offers), effective_from=first)
    legal = agreement.check(state, command, MEADOW, {o.key: o for o in offers}, moment)
    seated = folding.evolve(state, SeatsKept(legal.slots))
    return fold(
        seated,
        agreement.agree(seated, legal.slots, legal.first, legal.minutes, "patient_request", moment),
    )


def agree_command(slots: tuple[Slot, ...] | None, **more: Any) -> agreement.AgreeSchedule:
    fields = {"agreed_by_patient": True, "agreed_by_clinician": True, "slots": slots, **more}
    return agreement.AgreeSchedule("n-1", ("s-1",), **fields)


def meeting(
    day: str, start: str = "09:00", end: str = "12:00", breaks: tuple[Break, ...] = (), tz: str = NEW_YORK
) -> Session:
    on = date.fromisoformat(day)
    return Session(
        id=f"session-{day}",
        network_id="n-1",
        site_id="s-1",
        group_id="g-1",
        service_kind=ServiceKind.GROUP,
        start_at=localtime.instant(on, start, tz),
        end_at=localtime.instant(on, end, tz),
        tz=tz,
        local_date=on,
        capacity=12,
        breaks=breaks,
    )


def live(state: Calendar, session: Session, mark: Mark | None, book: Rulebook | None = None) -> Calendar:
    """What becomes of one session: attended as marked, or missed."""
    moment = Moment(session.end_at, ACTOR, session.id, book or rules())
    if mark is None:
        return fold(state, attendance.miss(state, session, MissKind.NO_SHOW, moment))
    return fold(state, attendance.attend(state, session, mark, 1, moment))


def only(kind: type, facts: Sequence[object]) -> Any:
    found = [f for f in facts if isinstance(f, kind)]
    assert len(found) == 1, facts
    return found[0]


class TestLocalTime:
    def test_the_evening_block_ends_with_the_day(self) -> None:
        ends = localtime.instant(date(2026, 1, 13), "24:00", NEW_YORK)
        assert ends == datetime(2026, 1, 14, 5, tzinfo=UTC)
        assert ends == localtime.midnight_after(date(2026, 1, 13), NEW_YORK)

    def test_a_wall_time_keeps_its_place_when_summer_time_begins_and_ends(self) -> None:
        spring = [localtime.instant(date(2026, 3, d), "09:00", NEW_YORK).hour for d in (7, 8, 9)]
        autumn = [localtime.instant(date(2026, 10, 31), "09:00", NEW_YORK).hour]
        autumn += [localtime.instant(date(2026, 11, 1), "09:00", NEW_YORK).hour]
        assert (spring, autumn) == ([14, 13, 13], [13, 14])

    @pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-01", 24)])
    def test_a_day_is_as_long_as_the_clocks_make_it(self, day: str, hours: int) -> None:
        on = date.fromisoformat(day)
        length = localtime.midnight_after(on, NEW_YORK) - localtime.midnight(on, NEW_YORK)
        assert length == timedelta(hours=hours)

    def test_a_session_over_the_change_is_counted_in_elapsed_minutes(self) -> None:
        shorter = meeting("2026-03-08", "00:30", "03:30")
        longer = meeting("2026-11-01", "00:30", "03:30")
        lengths = [sessions.count_minutes(s, 0, 0, breaks_creditable=True).length for s in (shorter, longer)]
        assert lengths == [120, 240]

    def test_where_midnight_is_skipped_the_day_begins_at_one(self) -> None:
        begins = localtime.midnight(date(2025, 4, 25), "Africa/Cairo")
        assert begins == datetime(2025, 4, 24, 22, tzinfo=UTC)
        assert localtime.civil_date(begins, "Africa/Cairo") == date(2025, 4, 25)

    @given(
        st.dates(date(2020, 1, 1), date(2035, 1, 1)),
        st.sampled_from([NEW_YORK, "America/Phoenix", "Asia/Beirut"]),
    )
    def test_every_day_ends_where_the_next_begins(self, day: date, tz: str) -> None:
        assert localtime.instant(day, "24:00", tz) == localtime.midnight(day + timedelta(days=1), tz)
        assert localtime.civil_date(localtime.midnight(day, tz), tz) == day


class TestMinutes:
    @pytest.mark.parametrize(
        ("late", "early", "present", "pauses"),
        [(0, 0, 210, 30), (25, 0, 185, 30), (0, 55, 155, 25)],
        ids=["whole block", "in at 09:25", "out inside the third break"],
    )
    def test_two_payers_count_one_room(self, late: int, early: int, present: int, pauses: int) -> None:
        block = meeting("2026-03-02", "09:00", "12:30", BREAKS)
        art = sessions.count_minutes(block, late, early, breaks_creditable=True)
        bea = sessions.count_minutes(block, late, early, breaks_creditable=False)
        assert (art.present, art.breaks, art.creditable) == (present, pauses, present)
        assert (bea.present, bea.breaks, bea.creditable) == (present, pauses, present - pauses)

    @given(st.integers(0, 400), st.integers(0, 400), st.booleans())
    def test_late_present_and_left_early_are_the_whole_session(
        self, late: int, early: int, credited: bool
    ) -> None:
        counted = sessions.count_minutes(
            meeting("2026-03-02", "09:00", "12:30", BREAKS), late, early, credited
        )
        assert counted.late + counted.present + counted.left_early == counted.length == 210
        assert 0 <= counted.creditable <= counted.present
        assert counted.creditable == counted.present - (0 if credited else counted.breaks)


class TestChoosingAWeek:
    def test_three_days_of_five_are_spread_out(self) -> None:
        best = choices([offer(d) for d in range(1, 6)])[0]
        assert [o.dow for o in best] == [MON, WED, FRI]

    def test_the_next_person_goes_where_there_is_more_room(self) -> None:
        busy = [offer(d, taken_permille=900 if d == WED else 100) for d in range(1, 6)]
        assert [o.dow for o in choices(busy)[0]] in ([MON, TUE, FRI], [MON, THU, FRI])

    def test_a_full_day_is_never_chosen(self) -> None:
        found = choices([offer(d, free=0 if d == MON else 3) for d in range(1, 6)])
        assert found
        assert all(o.dow != MON for choice in found for o in choice)

    def test_one_group_comes_before_a_mixture(self) -> None:
        mixed = [offer(d, group_id="g-b") for d in (MON, WED, FRI)] + [offer(d) for d in (MON, TUE, WED)]
        assert {o.group_id for o in choices(mixed)[0]} == {"g-b"}

    def test_morning_and_evening_are_mixed_only_where_nothing_else_is_left(self) -> None:
        mixed = [offer(MON), offer(WED), offer(FRI, "18:00", "21:00", group_id="g-2")]
        assert [o.dow for o in choices(mixed)[0]] == [MON, WED, FRI]
        best = choices([*mixed, offer(THU)])[0]
        assert ({o.block for o in best}, [o.dow for o in best]) == ({"morning"}, [MON, WED, THU])

    def test_a_person_is_placed_only_when_they_can_come(self) -> None:
        from contracts.intake import Availability

        evening = [offer(d, "18:00", "21:00", group_id="g-2") for d in (MON, WED, THU)]
        can = [Availability(dow=d, block="evening") for d in (MON, WED, THU)]
        found = week.reachable([*evening, *(offer(d) for d in range(1, 6))], can)
        assert {o.group_id for o in found} == {"g-2"}

    def test_why_there_is_no_week_is_said(self) -> None:
        state = admitted()
        full = [offer(d, free=0) for d in range(1, 6)]
        short = [offer(d, "09:00", "11:00") for d in range(1, 6)]
        other = [offer(d, levels=("1",)) for d in range(1, 6)]
        causes = [
            candidates.for_request(request(), o, state, at("2026-01-12 10:00"))[1]
            for o in (full, short, other)
        ]
        assert causes == ["no_free_seat", "no_legal_week", "no_group"]

    @given(
        st.sets(
            st.tuples(st.sampled_from(["g-1", "g-2", "g-3"]), st.integers(1, 7), st.integers(0, 2)),
            max_size=18,
        )
    )
    def test_every_choice_is_open_distinct_and_in_the_band(self, free: set[tuple[str, int, int]]) -> None:
        distinct = {(g, d): f for g, d, f in free}
        for choice in choices([offer(d, group_id=g, free=f) for (g, d), f in distinct.items()]):
            assert len({o.dow for o in choice}) == len(choice) == 3
            assert all(o.open for o in choice)
            assert 540 <= week.minutes_of(choice) <= 1199


def choices(offers: Sequence[week.Offer]) -> list[week.Choice]:
    return candidates.for_request(request(), offers, admitted(), at("2026-01-12 10:00"))[0]


class TestAgreement:
    @pytest.mark.parametrize(
        ("band", "minutes", "legal"),
        [
            (AgeBand.ADULT, (180, 180, 179), False),
            (AgeBand.ADULT, (180, 180, 180), True),
            (AgeBand.ADOLESCENT, (120, 120, 119), False),
            (AgeBand.ADOLESCENT, (120, 120, 120), True),
            (AgeBand.ADOLESCENT, (240, 240, 240, 240, 239), True),
            (AgeBand.ADOLESCENT, (240, 240, 240, 240, 240), False),
        ],
    )
    def test_minutes_lie_in_the_band_of_the_age(
        self, band: AgeBand, minutes: tuple[int, ...], legal: bool
    ) -> None:
        offers = [offer(d, minutes=m) for d, m in zip(range(1, 6), minutes, strict=False)]
        state = admitted(age_band=band)
        if legal:
            assert agreed(state, offers, at("2026-01-13 08:40")).weeks[-1].planned_weekly_minutes == sum(
                minutes
            )
        else:
            assert failed(state, offers) == {"minutes_in_band"}

    def test_breaks_that_are_not_credited_make_the_week_too_short(self) -> None:
        credited = week.slot_minutes("09:00", "12:00", BREAKS, breaks_creditable=False)
        offers = [offer(d, minutes=credited) for d in (MON, WED, FRI)]
        with pytest.raises(Refused) as refused:
            check(admitted(), offers, at("2026-02-19 14:00"))
        facts = refused.value.facts["failed"][0]
        assert (facts["scheduled_minutes"], facts["creditable_minutes"], facts["min_minutes"]) == (
            540,
            450,
            540,
        )

    def test_a_longer_block_makes_up_for_the_breaks(self) -> None:
        credited = week.slot_minutes("09:00", "12:30", BREAKS, breaks_creditable=False)
        book = rules(breaks_creditable=False, max_gap_days=2)
        spread = [offer(d, end="12:30", minutes=credited) for d in (MON, WED, FRI)]
        state = agreed(admitted(date(2026, 2, 19)), spread, at("2026-02-19 14:00", book))
        assert (credited, state.weeks[-1].planned_weekly_minutes) == (180, 540)
        bunched = [offer(d, end="12:30", minutes=credited) for d in (MON, TUE, WED)]
        assert failed(admitted(), bunched, at("2026-02-19 14:00", book)) == {"max_gap"}

    def test_both_must_agree(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        assert failed(admitted(), offers, agreed_by_patient=False) == {"agreed_by_patient"}
        assert failed(admitted(), offers, agreed_by_clinician=False) == {"agreed_by_clinician"}

    def test_a_week_before_admission_or_in_the_past_is_refused(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        assert failed(replace(admitted(), stage="held"), offers) == {"admitted"}
        assert failed(admitted(), offers, effective_from=date(2026, 1, 12)) == {"not_in_the_past"}

    def test_a_week_begins_between_admission_and_the_longest_program(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        later = admitted(date(2026, 1, 20))
        assert failed(later, offers, effective_from=date(2026, 1, 19)) == {"not_in_the_past"}
        assert failed(admitted(), offers, effective_from=date(2027, 1, 14)) == {"not_too_far_ahead"}
        assert failed(admitted(), offers, effective_from=date.max) == {"not_too_far_ahead"}
        last = agreed(admitted(), offers, at("2026-01-13 08:40"), date(2027, 1, 13))
        assert last.begun_on == date(2027, 1, 13)

    def test_a_change_to_an_earlier_day_has_its_weeks_closed(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        state = agreed(admitted(), offers, at("2026-01-13 08:40"), date(2026, 3, 2))
        slots = state.weeks[-1].slots
        asked_at = at("2026-01-13 09:00")
        facts = agreement.agree(state, slots, date(2026, 1, 19), 540, "patient_request", asked_at)
        assert "week:2026-01-19" in {f.what for f in facts if isinstance(f, Wake)}
        sooner = fold(state, facts)
        closed = closing.close_week(sooner, date(2026, 1, 19), at("2026-01-26 00:01"))
        assert not only(TreatmentWeekClosed, closed).short_week
        assert only(Wake, closed).what == "week:2026-01-26"
        later = agreement.agree(sooner, slots, date(2026, 2, 2), 540, "patient_request", asked_at)
        assert {f.what for f in later if isinstance(f, Wake)} == {"swap:3"}

    def test_slots_lie_inside_the_hours_and_beside_each_other(self) -> None:
        early = [offer(d, "07:00", "10:00") for d in (MON, WED, FRI)]
        twice = [*(offer(d) for d in (MON, WED, FRI)), offer(MON, "11:00", "14:00", group_id="g-2")]
        assert failed(admitted(), early) == {"inside_site_hours"}
        assert failed(admitted(), twice) == {"no_double_booking"}

    def test_the_held_week_is_taken_when_no_slots_are_sent(self) -> None:
        offers = [offer(d, "21:00", "24:00") for d in (TUE, WED, THU, FRI)]
        state = admitted(seats=[o.slot() for o in offers])
        command = agree_command(None)
        moment = at("2026-01-13 08:40")
        legal = agreement.check(state, command, MEADOW, {o.key: o for o in offers}, moment)
        facts = agreement.agree(state, legal.slots, legal.first, legal.minutes, "", moment)
        event = only(WeeklyScheduleAgreed, facts)
        assert (event.planned_weekly_minutes, event.days_per_week, event.max_gap_days) == (720, 4, 3)
        assert event.effective_from == date(2026, 1, 13)

    def test_a_second_agreement_changes_the_first(self) -> None:
        state = agreed(admitted(), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"))
        slots = state.weeks[-1].slots
        facts = agreement.agree(
            state, slots, date(2026, 2, 2), 540, "patient_request", at("2026-01-20 10:00")
        )
        event = only(WeeklyScheduleChanged, facts)
        assert (event.version, event.previous_version, event.reason) == (2, 1, "patient_request")
        after = fold(state, facts)
        assert [after.week_on(date(2026, d // 100, d % 100)).version for d in (201, 202)] == [1, 2]  # type: ignore[union-attr]

    def test_a_hold_lasts_through_the_start_day_and_never_less_than_two_days(self) -> None:
        asked_at = datetime(2026, 1, 9, 16, tzinfo=UTC)
        far = agreement.hold_ends(date(2026, 1, 13), NEW_YORK, asked_at)
        near = agreement.hold_ends(date(2026, 1, 9), NEW_YORK, asked_at)
        assert (far, near) == (datetime(2026, 1, 14, 5, tzinfo=UTC), asked_at + timedelta(hours=48))


def check(state: Calendar, offers: Sequence[week.Offer], moment: Moment, **more: Any) -> object:
    command = agree_command(tuple(o.slot() for o in offers), **more)
    return agreement.check(state, command, MEADOW, {o.key: o for o in offers}, moment)


def failed(
    state: Calendar, offers: Sequence[week.Offer], moment: Moment | None = None, **more: Any
) -> set[str]:
    with pytest.raises(Refused) as refused:
        check(state, offers, moment or at("2026-01-13 08:40"), **more)
    return {guard["guard"] for guard in refused.value.facts["failed"]}


class TestSteps:
    def four_days(self) -> Calendar:
        return agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, THU, FRI)], at("2026-01-13 08:40"))

    def mine(self, **more: Any) -> list[week.Offer]:
        return [offer(d, mine=d != MON, **more) for d in range(1, 6)]

    def test_fewer_minutes_keep_some_of_the_days(self) -> None:
        found, cause = rearranged(self.four_days(), down(540), self.mine())
        assert cause == ""
        assert week.minutes_of(found[0]) == 540
        assert {o.dow for o in found[0]} < {TUE, WED, THU, FRI}

    def test_fewer_minutes_than_the_level_asks_for_make_no_week(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        found, cause = rearranged(kept, down(360), [offer(d, mine=d in (TUE, WED, FRI)) for d in range(1, 6)])
        assert (found, cause) == ([], "no_legal_week")

    def test_a_taper_may_go_below_the_levels_minimum(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        found, cause = rearranged(kept, taper(360, date(2026, 3, 2)), self.offers_of(TUE, WED, FRI))
        assert cause == ""
        assert week.minutes_of(found[0]) == 360
        assert {o.dow for o in found[0]} < {TUE, WED, FRI}

    def test_a_taper_heard_of_after_its_days_makes_no_week(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        late = taper(360, date(2026, 2, 16))
        assert rearranged(kept, late, self.offers_of(TUE, WED, FRI)) == ([], "no_legal_week")

    def test_the_minimum_binds_again_after_the_last_day_of_a_taper(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        until_on = date(2026, 3, 2)
        tapering = fold(kept, [LevelSet(date(2026, 2, 17), IOP, 360, until_on)])
        fewer, now = self.offers_of(TUE, FRI)[:2], at("2026-02-18 08:00", rules(max_gap_days=2))
        assert check(tapering, fewer, now, effective_from=until_on)
        later = date(2026, 3, 3)
        assert failed(tapering, fewer, now, effective_from=later) == {"minutes_in_band", "max_gap"}

    def offers_of(self, *days: int) -> list[week.Offer]:
        return [offer(d, mine=True) for d in days] + [offer(d) for d in range(1, 6) if d not in days]

    def test_a_lower_level_moves_to_a_group_that_serves_it(self) -> None:
        evening = [offer(TUE, "17:00", "19:00", group_id="g-e", levels=("1",))]
        evening += [offer(THU, "17:00", "18:00", group_id="g-f", levels=("1",))]
        found, _ = rearranged(self.four_days(), down(180, "level_change", "1"), [*self.mine(), *evening])
        assert [(o.group_id, o.dow) for o in found[0]] == [("g-e", TUE), ("g-f", THU)]
        assert week.minutes_of(found[0]) == 180

    def test_more_minutes_add_a_day(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        found, _ = rearranged(kept, up(720), [offer(d, mine=d in (TUE, WED, FRI)) for d in range(1, 6)])
        assert week.minutes_of(found[0]) == 720
        assert {TUE, WED, FRI} < {o.dow for o in found[0]}

    def test_more_minutes_without_a_free_seat_make_no_week(self) -> None:
        kept = agreed(admitted(), [offer(d, mine=True) for d in (TUE, WED, FRI)], at("2026-01-13 08:40"))
        offers = [offer(d, mine=d in (TUE, WED, FRI), free=0) for d in range(1, 6)]
        assert rearranged(kept, up(720), offers) == ([], "no_free_seat")


def rearranged(
    state: Calendar, event: StepDownApproved | StepUpApproved, offers: Sequence[week.Offer]
) -> tuple[list[week.Choice], str]:
    return candidates.for_step(state, event, offers, event.effective_on, at("2026-02-11 15:00"))


def approved(kind: type, minutes: int, what: str, level: str) -> Any:
    return kind(
        network_id="n-1", site_id="s-1", episode_id="e-1", patient_id="p-1", part2=True, actor=ACTOR,
        recommendation_id="rec-1", kind=what, to_level=LevelOfCare(code=level), to_weekly_minutes=minutes,
        effective_on=date(2026, 2, 17), approver_id="u-1", patient_agreed=True,
    )  # fmt: skip


def down(minutes: int, kind: str = "intensity_reduction", level: str = "2.1") -> StepDownApproved:
    event: StepDownApproved = approved(StepDownApproved, minutes, kind, level)
    return event


def taper(minutes: int, until_on: date) -> StepDownApproved:
    return down(minutes, "transition_taper").model_copy(update={"until_on": until_on})


def up(minutes: int) -> StepUpApproved:
    event: StepUpApproved = approved(StepUpApproved, minutes, "intensity_increase", "2.1")
    return event


class TestAttendance:
    def test_coming_after_the_grace_corrects_the_absence(self) -> None:
        state = agreed(admitted(), [offer(d) for d in (TUE, WED, THU, FRI)], at("2026-01-13 08:40"))
        session = meeting("2026-01-22")
        missed = live(state, session, None)
        facts = attendance.correct(
            missed, session, Mark(Presence.PRESENT, 45), "e-1", "came_late", at("2026-01-22 12:00")
        )
        event = only(AttendanceCorrected, facts)
        after = fold(missed, facts)
        assert (event.attended, event.creditable_minutes, event.late_minutes) == (True, 135, 45)
        assert (missed.consecutive_missed, after.consecutive_missed) == (1, 0)

    def test_missing_twice_in_a_row_is_counted_and_attending_ends_it(self) -> None:
        state = agreed(admitted(), [offer(d) for d in (TUE, WED, THU, FRI)], at("2026-01-13 08:40"))
        counted = []
        for day, mark in (("2026-01-13", None), ("2026-01-14", None), ("2026-01-15", Mark(Presence.PRESENT))):
            state = live(state, meeting(day), mark)
            counted.append(state.consecutive_missed)
        assert counted == [1, 2, 0]

    def test_an_excused_day_is_not_a_day_in_a_row(self) -> None:
        session = meeting("2026-01-14")
        facts = attendance.miss(admitted(), session, MissKind.EXCUSED, at("2026-01-14 09:30"))
        assert only(SessionMissed, facts).consecutive_missed == 0

    def test_the_day_is_asked_to_close_just_after_the_block_that_ends_it(self) -> None:
        session = meeting("2026-01-13", "21:00", "24:00")
        facts = attendance.attend(admitted(), session, Mark(Presence.PRESENT), 1, at("2026-01-13 23:00"))
        assert only(Wake, facts) == Wake(session.end_at + timedelta(seconds=1), "day:2026-01-13")
        assert only(SessionAttended, facts).creditable_minutes == 180

    def test_a_day_below_the_rule_draws_no_unit(self) -> None:
        state = live(admitted(), meeting("2026-01-28"), Mark(Presence.PRESENT, late_minutes=15))
        event = closed_day(state, "2026-01-28")
        assert (event.total_creditable_minutes, event.meets_day_rule, event.units_used_today) == (
            165,
            False,
            0,
        )

    def test_a_full_day_at_a_lower_level_meets_the_rule_and_draws_no_unit(self) -> None:
        state = live(
            admitted(level=LevelOfCare(edition="4", code="1.5")),
            meeting("2026-04-06"),
            Mark(Presence.PRESENT),
        )
        event = closed_day(state, "2026-04-06")
        assert (event.meets_day_rule, event.units_used_today) == (True, 0)

    def test_a_day_closes_once_and_again_after_a_change(self) -> None:
        state = live(admitted(), meeting("2026-01-28"), Mark(Presence.PRESENT))
        day, midnight = date(2026, 1, 28), at("2026-01-29 00:01")
        closed = fold(state, closing.close_day(state, day, midnight))
        assert closing.close_day(closed, day, midnight) == []
        late = live(closed, meeting("2026-01-28", "18:00", "20:00"), Mark(Presence.PRESENT))
        assert only(TreatmentDayClosed, closing.close_day(late, day, midnight)).reopened_count == 1


def closed_day(state: Calendar, day: str) -> TreatmentDayClosed:
    on = date.fromisoformat(day)
    moment = Moment(localtime.midnight_after(on, state.tz) + timedelta(seconds=1), ACTOR, "close", rules())
    event: TreatmentDayClosed = only(TreatmentDayClosed, closing.close_day(state, on, moment))
    return event


def closed_week(state: Calendar, monday: str, book: Rulebook | None = None) -> TreatmentWeekClosed:
    on = date.fromisoformat(monday)
    moment = Moment(closing.week_over_at(on, state.tz), ACTOR, "close", book or rules())
    event: TreatmentWeekClosed = only(TreatmentWeekClosed, closing.close_week(state, on, moment))
    return event


def lived(
    state: Calendar, monday: str, marks: dict[int, Mark | None], book: Rulebook | None = None, **block: Any
) -> TreatmentWeekClosed:
    first = date.fromisoformat(monday)
    for dow, mark in marks.items():
        state = live(state, meeting(str(first + timedelta(days=dow - 1)), **block), mark, book)
    return closed_week(state, monday, book)


HERE = Mark(Presence.PRESENT)


class TestWeeks:
    """The week tables of plain completion, of the broken floor, and of two payers in one room."""

    def dana(self) -> Calendar:
        return agreed(admitted(), [offer(d) for d in (TUE, WED, THU, FRI)], at("2026-01-13 08:40"))

    @pytest.mark.parametrize(
        ("monday", "marks", "creditable", "permille"),
        [
            ("2026-01-12", {TUE: HERE, WED: HERE, THU: HERE, FRI: HERE}, 720, 1000),
            ("2026-01-19", {TUE: HERE, WED: HERE, THU: None, FRI: HERE}, 540, 750),
            ("2026-01-26", {TUE: HERE, WED: Mark(Presence.PRESENT, 15), THU: HERE, FRI: HERE}, 705, 979),
        ],
    )
    def test_dana(self, monday: str, marks: dict[int, Mark | None], creditable: int, permille: int) -> None:
        event = lived(self.dana(), monday, marks)
        assert (event.creditable_minutes, event.scheduled_minutes) == (creditable, 720)
        assert event.attendance_ratio_permille == permille
        assert not event.below_level_minimum
        assert event.short_week == (monday == "2026-01-12")

    def test_one_missed_day_of_three_breaks_the_floor(self) -> None:
        luis = agreed(admitted(date(2026, 2, 2)), [offer(d) for d in (MON, WED, FRI)], at("2026-02-02 08:00"))
        event = lived(luis, "2026-03-09", {MON: HERE, WED: None, FRI: HERE})
        assert (event.creditable_minutes, event.attendance_ratio_permille) == (360, 666)
        assert event.below_level_minimum
        assert not event.short_week

    def test_a_day_that_the_site_cancelled_is_not_held_against_anyone(self) -> None:
        luis = agreed(admitted(date(2026, 2, 2)), [offer(d) for d in (MON, WED, FRI)], at("2026-02-02 08:00"))
        holiday = attendance.miss(
            luis, meeting("2026-02-16"), MissKind.SITE_CANCELLED, at("2026-02-16 09:00")
        )
        event = lived(fold(luis, holiday), "2026-02-16", {WED: HERE, FRI: HERE})
        assert (event.creditable_minutes, event.scheduled_minutes, event.attendance_ratio_permille) == (
            360,
            360,
            1000,
        )
        assert event.below_level_minimum
        assert event.short_week

    @pytest.mark.parametrize(
        ("credited", "creditable", "scheduled", "permille", "below"),
        [(True, 550, 630, 873, False), (False, 465, 540, 861, True)],
        ids=["Art", "Bea"],
    )
    def test_two_payers(
        self, credited: bool, creditable: int, scheduled: int, permille: int, below: bool
    ) -> None:
        book = rules(breaks_creditable=credited)
        minutes = week.slot_minutes("09:00", "12:30", BREAKS, credited)
        offers = [offer(d, end="12:30", minutes=minutes) for d in (MON, WED, FRI)]
        state = agreed(admitted(date(2026, 2, 19)), offers, at("2026-02-19 14:00", book))
        marks: dict[int, Mark | None] = {
            MON: HERE,
            WED: Mark(Presence.PRESENT, 25),
            FRI: Mark(Presence.PRESENT, 0, 55),
        }
        event = lived(state, "2026-03-02", marks, book, end="12:30", breaks=BREAKS)
        assert (event.creditable_minutes, event.scheduled_minutes) == (creditable, scheduled)
        assert (event.attendance_ratio_permille, event.below_level_minimum) == (permille, below)

    def test_an_adolescent_is_held_against_their_own_floor(self) -> None:
        state = admitted(date(2026, 4, 20), age_band=AgeBand.ADOLESCENT)
        offers = [offer(d, "16:00", "18:00") for d in (MON, TUE, WED, FRI)]
        kai = agreed(state, offers, at("2026-04-20 15:30"))
        event = lived(
            kai, "2026-04-27", {MON: HERE, TUE: HERE, WED: None, FRI: HERE}, start="16:00", end="18:00"
        )
        assert (event.creditable_minutes, event.level_min_minutes, event.below_level_minimum) == (
            360,
            360,
            False,
        )
        assert event.attendance_ratio_permille == 750

    def test_a_week_with_nothing_scheduled_has_no_ratio(self) -> None:
        assert closed_week(self.dana(), "2026-01-19").attendance_ratio_permille is None

    def test_the_week_in_which_a_person_leaves_is_short_and_the_last(self) -> None:
        state = fold(self.dana(), [CalendarEnded(date(2026, 1, 21), "discharged")])
        moment = at("2026-01-26 00:00")
        facts = closing.close_week(state, date(2026, 1, 19), moment)
        assert only(TreatmentWeekClosed, facts).short_week
        assert [f for f in facts if isinstance(f, Wake)] == []
        assert closing.close_week(state, date(2026, 1, 26), moment) == []

    def test_the_next_week_is_asked_for_in_the_sites_own_time(self) -> None:
        facts = closing.close_week(self.dana(), date(2026, 3, 2), at("2026-03-09 00:00"))
        wake = only(Wake, facts)
        assert wake == Wake(datetime(2026, 3, 16, 4, 0, 2, tzinfo=UTC), "week:2026-03-09")

    @given(st.integers(0, 5000), st.integers(0, 5000))
    def test_a_ratio_is_never_rounded_up(self, scheduled: int, attended: int) -> None:
        creditable = min(attended, scheduled)
        ratio = closing.ratio_permille(creditable, scheduled)
        if scheduled == 0:
            assert ratio is None
        else:
            assert ratio is not None
            assert ratio * scheduled <= 1000 * creditable < (ratio + 1) * scheduled
