"""What makes a week legal, who pays for a day, what days and weeks come to, and what is ahead."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decisions import Moment, Refused, Wake
from contracts.intake import Availability
from contracts.rulebook import Rulebook, rulebook
from contracts.scheduling import (
    Attributes,
    BoosterProposed,
    ScheduleInfeasible,
    TreatmentDayClosed,
    WeekAtRisk,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import AgeBand, GroupKind, LevelOfCare, MissKind, ProgramKind, ServiceKind
from services.scheduling.domain import (
    agreement,
    attendance,
    calendar,
    closing,
    folding,
    forecast,
    legality,
    riskdates,
    terms,
    week,
)
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.forecast import Ahead
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import midnight
from services.scheduling.domain.sessions import Mark, Presence, Session
from services.scheduling.domain.terms import Authorization, Coverage
from services.scheduling.handlers import seats
from tests.scheduling.test_domain import (
    BREAKS,
    FRI,
    HERE,
    IOP,
    MEADOW,
    MON,
    NEW_YORK,
    THU,
    TUE,
    WED,
    admitted,
    agree_command,
    agreed,
    at,
    fold,
    live,
    meeting,
    offer,
    only,
    request,
)

JANUARY = date(2026, 1, 13)
LOWER = LevelOfCare(code="1")


def payer_rules(payer: str = "p-2", **attendance_rules: Any) -> Rulebook:
    """Handrail's rules, with one payer that asks for more."""
    layer = {"payer": payer, "cite": "a contract", "set": {"attendance": attendance_rules}}
    book = rulebook().model_dump(mode="json")
    return Rulebook.model_validate(book | {"layers": [layer]})


def covered(state: Calendar, payer: str = "p-2", since: date = JANUARY, **more: Any) -> Calendar:
    fields = {"plan_kind": "medicaid", "auth_required": False, **more}
    return fold(state, [terms.Covered(Coverage(payer, since=since, **fields))])


def authorized(state: Calendar, **more: Any) -> Calendar:
    fields: dict[str, Any] = {"id": "a-1", "granted": True, "level": IOP, "service_codes": ("H0015",)}
    fields |= {"valid_from": JANUARY, "valid_to": date(2026, 12, 31)}
    return fold(state, [terms.Authorized(Authorization(**fields | more))])


def refused(state: Calendar, offers: Sequence[week.Offer], moment: Moment, **more: Any) -> dict[str, Any]:
    """Every guard that fails, with its facts."""
    barred = more.pop("barred", ())
    site = more.pop("site", MEADOW)
    command = agree_command(tuple(o.slot() for o in offers), **more)
    with pytest.raises(Refused) as raised:
        agreement.check(state, command, site, {o.key: o for o in offers}, moment, barred)
    for guard in raised.value.facts["failed"]:
        assert guard["why"] in raised.value.message
    return {guard["guard"]: guard for guard in raised.value.facts["failed"]}


def legal(state: Calendar, offers: Sequence[week.Offer], moment: Moment, **more: Any) -> agreement.Agreed:
    command = agree_command(tuple(o.slot() for o in offers), **more)
    return agreement.check(state, command, MEADOW, {o.key: o for o in offers}, moment)


class TestWhoPays:
    def test_a_coverage_holds_from_its_first_day_until_the_next_begins(self) -> None:
        state = covered(covered(admitted(), "p-1"), "p-2", date(2026, 3, 16))
        days = [date(2026, 1, 1), date(2026, 3, 15), date(2026, 3, 16)]
        assert [state.terms.payer_on(day)[0] for day in days] == ["p-1", "p-1", "p-2"]
        assert state.terms.changes_after(date(2026, 1, 13)) == [date(2026, 3, 16)]

    def test_a_coverage_that_has_ended_stands_until_somebody_says_otherwise(self) -> None:
        state = covered(admitted(), through=date(2026, 1, 31))
        assert state.terms.payer_on(date(2026, 2, 10)) == ("p-2", "medicaid")
        renewed = covered(state, "p-3", date(2026, 2, 5), through=date(2026, 3, 1))
        assert [renewed.terms.payer_on(date(2026, 2, d))[0] for d in (4, 5)] == ["p-2", "p-3"]

    def test_without_a_coverage_the_plan_of_the_admission_decides(self) -> None:
        book = payer_rules("commercial", day_rule_minutes=120)
        assert admitted().rules_on(JANUARY, book).attendance.day_rule_minutes == 120

    def test_what_ends_first_is_drawn_first_and_only_at_its_level(self) -> None:
        state = authorized(authorized(admitted()), id="a-2", valid_to=date(2026, 2, 1))
        state = authorized(state, id="a-3", level=LOWER, valid_to=date(2026, 1, 20))
        state = authorized(state, id="a-4", granted=False, valid_to=date(2026, 1, 15))
        found = [
            state.terms.authorization_on(level, day)
            for level, day in ((IOP, JANUARY), (IOP, date(2026, 2, 2)), (LOWER, JANUARY))
        ]
        assert [a and a.id for a in found] == ["a-2", "a-1", "a-3"]

    def test_a_decision_taken_back_covers_nothing(self) -> None:
        state = authorized(authorized(admitted()), granted=False)
        assert state.terms.authorization_on(IOP, JANUARY) is None


class TestLegalWeeks:
    """What vignettes 3 and 4 try: each rule refuses, and says its numbers."""

    def breaks(self, *days: int, end: str = "12:00") -> list[week.Offer]:
        minutes = week.slot_minutes("09:00", end, BREAKS, breaks_creditable=False)
        return [offer(d, end=end, minutes=minutes) for d in days]

    def bea(self) -> tuple[Calendar, Moment]:
        book = payer_rules(breaks_creditable=False, day_min_creditable=180, min_days=3, max_gap_days=2)
        return covered(admitted()), at("2026-01-13 08:40", book)

    def test_too_few_minutes_and_unpaid_days_are_both_named(self) -> None:
        found = refused(self.bea()[0], self.breaks(MON, WED, FRI), self.bea()[1])
        assert set(found) == {"minutes_in_band", "day_min_creditable"}
        minutes = found["minutes_in_band"]
        assert [minutes[f"{k}_minutes"] for k in ("scheduled", "creditable", "min")] == [540, 450, 540]

    def test_days_that_are_never_paid_need_a_persons_reason(self) -> None:
        state, moment = self.bea()
        offers = self.breaks(MON, TUE, WED, FRI)
        found = refused(state, offers, moment)
        assert found["day_min_creditable"]["creditable_minutes"] == {"1": 150, "2": 150, "3": 150, "5": 150}
        accepted = legal(state, offers, moment, override_reason="patient_pays")
        assert (accepted.minutes, accepted.override_reason) == (600, "patient_pays")
        facts = agreement.agree(
            state, accepted.slots, accepted.first, 600, "", moment, accepted.override_reason
        )
        assert facts[0].override_reason == "patient_pays"  # type: ignore[attr-defined]

    def test_a_reason_that_nobody_needed_is_not_said(self) -> None:
        state, moment = self.bea()
        offers = self.breaks(MON, WED, FRI, end="12:30")
        assert legal(state, offers, moment, override_reason="patient_pays").override_reason is None

    def test_a_reason_heals_nothing_else(self) -> None:
        state, moment = self.bea()
        found = refused(state, self.breaks(MON, WED, FRI), moment, override_reason="patient_pays")
        assert set(found) == {"minutes_in_band"}

    def test_four_days_without_service_are_too_many(self) -> None:
        state, moment = self.bea()
        found = refused(state, self.breaks(MON, TUE, WED, end="12:30"), moment)
        assert set(found) == {"max_gap"}
        assert (found["max_gap"]["max_gap_days"], found["max_gap"]["limit"]) == (4, 2)

    def test_an_authorized_code_asks_for_its_days(self) -> None:
        kai = admitted(age_band=AgeBand.ADOLESCENT)
        offers = [offer(d) for d in (TUE, THU)]
        assert legal(kai, offers, at("2026-01-13 08:40")).minutes == 360
        found = refused(authorized(kai), offers, at("2026-01-13 08:40"))
        assert set(found) == {"min_days"}
        assert (found["min_days"]["days_per_week"], found["min_days"]["min_days"]) == (2, 3)
        assert "H0015" in found["min_days"]["cite"]

    def test_a_payer_may_ask_for_more_days_than_a_code(self) -> None:
        state = authorized(covered(admitted()))
        moment = at("2026-01-13 08:40", payer_rules(min_days=4))
        found = refused(state, [offer(d) for d in (MON, WED, FRI)], moment)
        assert found["min_days"]["min_days"] == 4

    def test_more_days_than_are_authorized_need_a_persons_reason(self) -> None:
        state = authorized(admitted(), days_per_week=3)
        offers = [offer(d) for d in (TUE, WED, THU, FRI)]
        found = refused(state, offers, at("2026-01-13 08:40"))
        assert set(found) == {"authorized_days"}
        assert (found["authorized_days"]["days_per_week"], found["authorized_days"]["authorized_days"]) == (
            4,
            3,
        )
        accepted = legal(state, offers, at("2026-01-13 08:40"), override_reason="needed")
        assert accepted.override_reason == "needed"

    def test_a_payers_kinds_of_service_must_all_be_there(self) -> None:
        moment = at("2026-01-13 08:40", payer_rules(required_kinds=["individual", "family_education"]))
        groups = [offer(d, kind=GroupKind.FAMILY_EDUCATION) for d in (MON, WED, FRI)]
        found = refused(covered(admitted()), groups, moment)
        assert found["required_kinds"]["missing"] == ["individual"]
        alone = offer(THU, "10:00", "11:00", group_id="i-1", service_kind=ServiceKind.INDIVIDUAL)
        assert legal(covered(admitted()), [*groups, alone], moment).minutes == 600

    def test_the_days_of_level_one_are_not_the_payers_iop_days(self) -> None:
        state = covered(admitted(level=LOWER))
        moment = at("2026-01-13 08:40", self.bea()[1].rules)
        offers = [offer(TUE, "17:00", "19:00", levels=("1",)), offer(THU, "17:00", "18:00", levels=("1",))]
        assert legal(state, offers, moment).minutes == 180

    def test_a_site_gives_service_on_its_days(self) -> None:
        site = replace(MEADOW, service_days=(MON, TUE, WED, THU))
        found = refused(admitted(), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"), site=site)
        assert (set(found), found["service_days"]["dow"]) == ({"service_days"}, [FRI])

    def test_an_adult_is_not_booked_into_a_group_for_adolescents(self) -> None:
        young = Attributes(age_band=AgeBand.ADOLESCENT)
        offers = [offer(d, attributes=young) for d in (MON, WED, FRI)]
        assert set(refused(admitted(), offers, at("2026-01-13 08:40"))) == {"suits_the_group"}
        assert legality.open_to(admitted(), offers, ()) == []

    def test_who_is_kept_apart_is_refused_without_a_word_about_anybody(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        found = refused(admitted(), offers, at("2026-01-13 08:40"), barred={("g-1", WED)})
        assert found == {
            "keep_apart": {
                "guard": "keep_apart",
                "why": "a slot cannot be given to this person; choose another",
                "dow": [WED],
            }
        }
        seated = admitted(seats=[o.slot() for o in offers])
        command = agree_command(tuple(o.slot() for o in offers))
        moment = at("2026-01-13 08:40")
        known = {o.key: o for o in offers}
        assert agreement.check(seated, command, MEADOW, known, moment, {("g-1", WED)}).minutes == 540

    def test_the_machine_never_proposes_where_somebody_sits_who_must_not_be_met(self) -> None:
        offers = [offer(MON), offer(WED), offer(FRI, mine=True)]
        assert {o.dow for o in legality.open_to(admitted(), offers, {("g-1", WED), ("g-1", FRI)})} == {
            MON,
            FRI,
        }

    def test_the_machine_proposes_no_week_that_its_payer_would_not_pay(self) -> None:
        state, moment = self.bea()
        unpaid = tuple(self.breaks(MON, TUE, WED, FRI))
        paid = tuple(self.breaks(MON, WED, FRI, end="12:30"))
        assert seats.first_legal(state, [unpaid, paid, unpaid], JANUARY, moment) == [paid]

    def test_a_group_that_closes_is_no_place_for_a_week_after(self) -> None:
        offers = [offer(d, closes_on=date(2026, 2, 1)) for d in (MON, WED, FRI)]
        assert legal(admitted(), offers, at("2026-01-13 08:40")).minutes == 540
        later = {"effective_from": date(2026, 2, 1)}
        assert "slots_exist" in refused(admitted(), offers, at("2026-01-13 08:40"), **later)

    def test_care_is_not_blocked_where_an_authorization_is_missing_but_it_is_said(self) -> None:
        offers = [offer(d) for d in (MON, WED, FRI)]
        state = covered(admitted(), auth_required=True)
        without = agreed(state, offers, at("2026-01-13 08:40"))
        assert [w["code"] for w in legality.warnings(without)] == ["no_authorization"]
        assert legality.warnings(authorized(without)) == []

    def test_a_person_may_come_when_they_had_said_they_cannot_and_is_reminded_of_it(self) -> None:
        mornings = tuple(Availability(dow=d, block="morning") for d in (MON, WED))
        state = replace(admitted(), request=replace(request(), availability=mornings))
        after = agreed(state, [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"))
        assert [(w["code"], w["dow"]) for w in legality.warnings(after)] == [("outside_availability", [FRI])]


LENGTHS = st.sampled_from([60, 120, 150, 180, 210, 240])
WEEKS = st.dictionaries(st.integers(1, 7), LENGTHS, min_size=1, max_size=7)
ASKED = st.fixed_dictionaries(
    {
        "breaks_creditable": st.booleans(),
        "min_days": st.integers(1, 6),
        "max_gap_days": st.integers(0, 6),
        "day_min_creditable": st.sampled_from([0, 90, 120, 150, 180]),
        "required_kinds": st.sampled_from([[], ["group"], ["individual"]]),
    }
)


def wall(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@settings(deadline=None, max_examples=150)
@given(
    lengths=WEEKS,
    asked=ASKED,
    alone=st.booleans(),
    most=st.sampled_from([None, 2, 3, 5]),
    adult=st.booleans(),
)
def test_a_refusal_names_exactly_the_rules_that_a_week_breaks(
    lengths: dict[int, int], asked: dict[str, Any], alone: bool, most: int | None, adult: bool
) -> None:
    credited = asked["breaks_creditable"]
    ends = {dow: wall(540 + length) for dow, length in lengths.items()}
    offers = [
        offer(dow, end=ends[dow], minutes=week.slot_minutes("09:00", ends[dow], BREAKS, credited))
        for dow in lengths
    ]
    if alone:
        extra = {"group_id": "i-1", "service_kind": ServiceKind.INDIVIDUAL}
        offers.append(offer(min(lengths), "15:00", "16:00", **extra))
    band = AgeBand.ADULT if adult else AgeBand.ADOLESCENT
    state = authorized(covered(admitted(age_band=band)), days_per_week=most, service_codes=())

    # The same week, counted by hand.
    pauses = {dow: sum(min(at + 10, n) - at for at in (50, 100, 150) if at < n) for dow, n in lengths.items()}
    by_day = {dow: n - (0 if credited else pauses[dow]) for dow, n in lengths.items()}
    if alone:
        by_day[min(lengths)] += 60
    scheduled, creditable = sum(lengths.values()) + 60 * alone, sum(by_day.values())
    fortnight = [(n % 7) + 1 in lengths for n in range(21)]
    gaps = "".join("x" if served else "." for served in fortnight).strip(".").split("x")
    least = 540 if adult else 360
    broken = {
        "minutes_in_band": not least <= creditable <= 1199,
        "max_gap": max(map(len, gaps)) > asked["max_gap_days"],
        "min_days": len(lengths) < asked["min_days"],
        "authorized_days": most is not None and len(lengths) > most,
        "day_min_creditable": min(by_day.values()) < asked["day_min_creditable"],
        "required_kinds": asked["required_kinds"] == ["individual"] and not alone,
    }
    moment = at("2026-01-13 08:40", payer_rules(**asked))
    expected = {guard for guard, is_broken in broken.items() if is_broken}
    assert creditable <= scheduled
    if expected:
        found = refused(state, offers, moment)
        assert set(found) == expected
        if "minutes_in_band" in found:
            told = found["minutes_in_band"]
            assert (told["scheduled_minutes"], told["creditable_minutes"]) == (scheduled, creditable)
    else:
        assert legal(state, offers, moment).minutes == creditable


class TestAnotherPayer:
    def art(self) -> Calendar:
        offers = [offer(d, end="12:30") for d in (MON, WED, FRI)]
        return agreed(covered(admitted(), "p-1"), offers, at("2026-01-13 08:40"))

    def recounted(self, state: Calendar, end: str) -> Sequence[object]:
        minutes = week.slot_minutes("09:00", end, BREAKS, breaks_creditable=False)
        offers = {o.key: o for o in (offer(d, end=end, minutes=minutes) for d in (MON, WED, FRI))}
        moment = at("2026-03-12 10:00", payer_rules(breaks_creditable=False, day_min_creditable=180))
        return agreement.recounted(
            covered(state, "p-2", date(2026, 3, 16)), offers, date(2026, 3, 16), moment
        )

    def test_a_week_that_stays_legal_is_counted_by_the_new_rules_from_then_on(self) -> None:
        event = only(WeeklyScheduleChanged, self.recounted(self.art(), "12:30"))
        assert (event.reason, event.planned_weekly_minutes, event.effective_from) == (
            "coverage",
            540,
            date(2026, 3, 16),
        )
        after = fold(self.art(), self.recounted(self.art(), "12:30"))
        planned = [w.planned_weekly_minutes for w in (after.week_on(date(2026, 3, d)) for d in (15, 16)) if w]
        assert planned == [630, 540]

    def test_a_week_that_is_not_paid_any_more_is_for_a_person_to_decide(self) -> None:
        on_block_one = agreed(
            covered(admitted(), "p-1"), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40")
        )
        facts = self.recounted(on_block_one, "12:00")
        assert only(ScheduleInfeasible, facts).cause == "payer_rules"
        assert len(facts) == 1

    def test_a_week_that_counts_the_same_is_not_told_to_have_changed(self) -> None:
        offers = {o.key: o for o in (offer(d, end="12:30") for d in (MON, WED, FRI))}
        moment = at("2026-03-12 10:00")
        assert agreement.recounted(self.art(), offers, date(2026, 3, 16), moment) == []

    def test_an_approved_step_stays_one_when_a_payer_changes_on_its_day(self) -> None:
        state = self.art()
        slots, on = state.weeks[-1].slots, date(2026, 3, 16)
        state = fold(state, agreement.agree(state, slots, on, 630, "step_down", at("2026-03-01 10:00")))
        counted = fold(state, self.recounted(state, "12:30"))
        sooner = agreement.agree(
            counted, slots, date(2026, 3, 9), 630, "patient_request", at("2026-03-02 10:00")
        )
        after = fold(counted, sooner)
        assert [(w.reason, w.effective_from.day) for w in after.weeks][-2:] == [
            ("patient_request", 9),
            ("step_down", 16),
        ]

    def test_a_week_agreed_for_later_is_kept(self) -> None:
        state = self.art()
        slots = state.weeks[-1].slots
        later = agreement.agree(
            state, slots, date(2026, 4, 6), 630, "patient_request", at("2026-03-01 10:00")
        )
        state = fold(state, later)
        after = fold(state, self.recounted(state, "12:30"))
        assert [w.effective_from for w in after.weeks][-2:] == [date(2026, 3, 16), date(2026, 4, 6)]

    def test_a_day_that_is_over_is_not_counted_again(self) -> None:
        event = terms_event(valid_from=date(2026, 1, 1))
        assert terms.coverage_of(event, NEW_YORK, date(2026, 3, 12)).since == date(2026, 3, 12)
        assert terms.coverage_of(event, NEW_YORK, None).since == date(2026, 1, 1)


def terms_event(**more: Any) -> Any:
    from contracts.intake import CoverageVerified
    from deploy.local.contract_examples import example_of

    event = CoverageVerified.model_validate(example_of(CoverageVerified), strict=False)
    return event.model_copy(update=more)


class TestClosing:
    def day(self, state: Calendar, on: str, book: Rulebook | None = None) -> TreatmentDayClosed:
        moment = at(f"{date.fromisoformat(on) + timedelta(days=1)} 00:00", book)
        event: TreatmentDayClosed = only(
            TreatmentDayClosed, closing.close_day(state, date.fromisoformat(on), moment)
        )
        return event

    def test_a_day_says_what_it_was_made_of_and_who_authorized_it(self) -> None:
        state = authorized(live(admitted(), meeting("2026-01-14"), HERE))
        event = self.day(state, "2026-01-14")
        assert (event.authorization_id, event.meets_180_min, event.units_used_today) == ("a-1", True, 1)
        (service,) = event.services
        assert (service.session_id, service.creditable_minutes) == ("session-2026-01-14", 180)
        assert [c.code for c in service.service_codes] == ["H0015"]

    def test_a_missed_session_is_no_service_of_the_day(self) -> None:
        state = live(live(admitted(), meeting("2026-01-14"), HERE), meeting_later("2026-01-14"), None)
        event = self.day(state, "2026-01-14")
        assert (event.service_count, [s.session_id for s in event.services]) == (1, ["session-2026-01-14"])

    def test_a_day_below_the_rule_has_no_code_that_stands_for_a_day(self) -> None:
        event = self.day(live(admitted(), meeting("2026-01-14"), Mark(Presence.PRESENT, 15)), "2026-01-14")
        assert (event.meets_180_min, event.meets_day_rule, event.services[0].service_codes) == (
            False,
            False,
            (),
        )

    def test_the_day_rule_is_the_payers_and_three_hours_are_three_hours(self) -> None:
        book = payer_rules(day_rule_minutes=120)
        state = covered(admitted(age_band=AgeBand.ADOLESCENT))
        state = live(state, meeting("2026-01-14", "16:00", "18:00"), HERE, book)
        event = self.day(state, "2026-01-14", book)
        assert (event.total_creditable_minutes, event.meets_180_min, event.units_used_today) == (
            120,
            False,
            1,
        )
        assert event.day_rule_minutes == 120

    @pytest.mark.parametrize(
        ("level", "program", "kind", "minutes", "expected"),
        [
            ("2.1", ProgramKind.SUD, ServiceKind.GROUP, 180, ["H0015"]),
            ("2.1", ProgramKind.CO_OCCURRING, ServiceKind.INDIVIDUAL, 60, ["H0015"]),
            ("2.1", ProgramKind.MENTAL_HEALTH, ServiceKind.GROUP, 180, ["S9480"]),
            ("1.5", ProgramKind.SUD, ServiceKind.GROUP, 180, ["H0005"]),
            ("1", ProgramKind.SUD, ServiceKind.FAMILY, 60, ["T1006"]),
            ("1", ProgramKind.MENTAL_HEALTH, ServiceKind.INDIVIDUAL, 60, ["90837"]),
            ("1", ProgramKind.MENTAL_HEALTH, ServiceKind.INDIVIDUAL, 50, ["90834"]),
            ("1", ProgramKind.MENTAL_HEALTH, ServiceKind.INDIVIDUAL, 30, ["90832"]),
            ("3.7", ProgramKind.SUD, ServiceKind.GROUP, 180, []),
        ],
    )
    def test_codes_follow_level_program_kind_and_minutes(
        self, level: str, program: ProgramKind, kind: ServiceKind, minutes: int, expected: list[str]
    ) -> None:
        found = terms.service_codes(rulebook(), LevelOfCare(code=level), program, kind, minutes, True)
        assert [c.code for c in found] == expected

    def test_a_held_week_is_short_has_no_ratio_and_says_what_is_prescribed(self) -> None:
        state = agreed(admitted(), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"))
        state = fold(state, [calendar.Paused(date(2026, 1, 19), date(2026, 2, 2))])
        facts = closing.close_week(state, date(2026, 1, 19), at("2026-01-26 00:00"))
        event: Any = facts[0]
        assert (event.scheduled_minutes, event.attendance_ratio_permille, event.short_week) == (0, None, True)
        assert event.prescribed_minutes == 540
        back = fold(state, [calendar.Returned(date(2026, 1, 26))])
        after: Any = closing.close_week(back, date(2026, 1, 26), at("2026-02-02 00:00"))[0]
        assert not after.short_week

    def test_another_prescription_counts_from_its_day(self) -> None:
        state = fold(admitted(), [calendar.LevelSet(date(2026, 2, 17), IOP, 720)])
        assert [state.prescribed_on(date(2026, 2, d)) for d in (16, 17)] == [540, 720]


def meeting_later(on: str) -> Session:
    return replace(meeting(on, "18:00", "19:00"), id=f"evening-{on}")


def group(dow: int, start: str = "09:00", end: str = "12:00", **more: Any) -> Group:
    fields: dict[str, Any] = {"levels": (IOP,), "kind": GroupKind.CBT} | more
    return Group(
        id=f"g-{dow}", network_id="n-1", site_id="s-1", capacity=12, dow=(dow,), start_local=start,
        end_local=end, breaks=(), tz=NEW_YORK, **fields,
    )  # fmt: skip


def ahead(on: str, *, booked: bool = False, coming: int = 0, barred: bool = False, **more: Any) -> Ahead:
    hours = {k: more.pop(k) for k in ("start", "end") if k in more}
    session: Session = meeting(on, **hours)
    return Ahead(session, group(session.local_date.isoweekday(), **hours, **more), booked, coming, barred)


class TestForecast:
    """The week of Monday 19 January: one missed day of three."""

    MONDAY = date(2026, 1, 19)

    def state(self) -> Calendar:
        state = agreed(admitted(), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"))
        facts = attendance.miss(state, meeting("2026-01-19"), MissKind.NO_SHOW, at("2026-01-19 09:30"))
        assert Wake(at("2026-01-19 09:30").at, "forecast:2026-01-19") in facts
        return fold(state, facts)

    def week(self, *others: Ahead) -> list[Ahead]:
        return [
            ahead("2026-01-19", booked=True),
            ahead("2026-01-21", booked=True),
            ahead("2026-01-23", booked=True),
            *others,
        ]

    def found(self, *others: Ahead, when: str = "2026-01-19 09:30") -> forecast.Forecast:
        moment = at(when)
        return forecast.forecast(self.state(), self.MONDAY, self.week(*others), moment.rules, moment.at)

    def test_a_missed_session_is_not_to_come_any_more(self) -> None:
        found = self.found()
        assert (found.planned_minutes, found.credited_minutes, found.booked_minutes) == (540, 0, 360)
        assert (found.at_risk, found.lost, found.reachable_minutes) == (True, True, 360)

    @pytest.mark.parametrize(("until", "at_risk"), [(17, True), (18, True), (19, False), (25, False)])
    def test_a_week_of_a_taper_is_not_at_risk(self, until: int, at_risk: bool) -> None:
        moment = at("2026-01-19 09:30")
        taper = calendar.LevelSet(date(2026, 1, 13), IOP, 360, date(2026, 1, until))
        state = fold(self.state(), [taper])
        found = forecast.forecast(state, self.MONDAY, self.week(), moment.rules, moment.at)
        assert (found.at_risk, bool(forecast.at_risk(state, found, moment))) == (at_risk, at_risk)

    def test_a_free_morning_could_make_up_for_it(self) -> None:
        found = self.found(ahead("2026-01-20"), ahead("2026-01-22"))
        assert (found.lost, found.reachable_minutes) == (False, 720)
        assert [o.session_id for o in found.options] == ["session-2026-01-20", "session-2026-01-22"]

    @pytest.mark.parametrize(
        "closed",
        [
            ahead("2026-01-20", coming=12),
            ahead("2026-01-20", barred=True),
            ahead("2026-01-20", levels=(LOWER,)),
            ahead("2026-01-20", attributes=Attributes(age_band=AgeBand.ADOLESCENT)),
            ahead("2026-01-21", start="11:00", end="14:00"),
            ahead("2026-01-19", start="08:00", end="09:00"),
        ],
        ids=["full", "kept apart", "another level", "another age", "meets their own", "has begun"],
    )
    def test_what_they_cannot_take_is_no_option(self, closed: Ahead) -> None:
        found = self.found(closed)
        assert (found.options, found.lost) == ((), True)

    def test_options_are_when_the_person_can_come(self) -> None:
        can = (Availability(dow=TUE, block="evening"),)
        state = replace(self.state(), request=replace(request(), availability=can))
        moment = at("2026-01-19 09:30")
        others = self.week(ahead("2026-01-20"), ahead("2026-01-20", start="18:00", end="21:00"))
        found = forecast.forecast(state, self.MONDAY, others, moment.rules, moment.at)
        assert [o.start_at.hour for o in found.options] == [23]

    def test_two_at_once_add_the_longer_one_only(self) -> None:
        found = self.found(
            ahead("2026-01-20", start="09:00", end="11:00"), ahead("2026-01-20", start="10:00", end="13:00")
        )
        assert found.reachable_minutes == 540

    def test_the_same_figures_are_said_once(self) -> None:
        state, moment = self.state(), at("2026-01-19 09:30")
        facts = forecast.at_risk(state, self.found(), moment)
        event = only(WeekAtRisk, facts)
        assert (event.cause, event.lost, event.slack_minutes) == ("no_show", True, 0)
        after = fold(state, facts)
        assert forecast.at_risk(after, self.found(), moment) == []
        better = self.found(ahead("2026-01-20"))
        assert not only(WeekAtRisk, forecast.at_risk(after, better, moment)).lost

    def test_a_week_that_is_over_is_not_at_risk(self) -> None:
        assert forecast.at_risk(self.state(), self.found(), at("2026-01-26 00:00")) == []

    def test_a_week_with_room_to_spare_is_not_at_risk(self) -> None:
        found = self.found(ahead("2026-01-20", booked=True))
        assert (found.booked_minutes, found.at_risk) == (540, False)

    def test_a_week_that_began_too_late_lost_nothing(self) -> None:
        moment = at("2026-01-19 09:30")
        short = [ahead("2026-01-19", booked=True), ahead("2026-01-21", booked=True)]
        found = forecast.forecast(self.state(), self.MONDAY, short, moment.rules, moment.at)
        assert (found.planned_minutes, found.at_risk) == (360, False)

    def test_coming_late_asks_to_look_again_and_coming_whole_does_not(self) -> None:
        state, session = self.state(), meeting("2026-01-21")
        whole, late = (
            attendance.attend(state, session, mark, 1, at("2026-01-21 12:00"))
            for mark in (HERE, Mark(Presence.PRESENT, 15))
        )
        asked = [[f.what for f in facts if isinstance(f, Wake)] for facts in (whole, late)]
        assert asked == [["day:2026-01-21"], ["day:2026-01-21", "forecast:2026-01-19"]]


class TestRiskDates:
    CHRISTMAS = date(2026, 12, 25)

    def state(self) -> Calendar:
        return agreed(admitted(), [offer(d) for d in (MON, WED, FRI)], at("2026-01-13 08:40"))

    def set(self, on: date, when: str = "2026-11-01 10:00") -> tuple[Calendar, str, Wake]:
        facts = riskdates.set_date(self.state(), riskdates.SetRiskDate(on, "holiday"), at(when))
        state = fold(self.state(), facts)
        return state, next(iter(state.risk_dates)), only(Wake, facts)

    def test_it_is_looked_at_two_weeks_before(self) -> None:
        _, risk_date_id, wake = self.set(self.CHRISTMAS)
        assert wake == Wake(midnight(date(2026, 12, 11), NEW_YORK), f"booster:{risk_date_id}")
        assert self.set(date(2026, 11, 3))[2].at == at("2026-11-01 10:00").at

    @pytest.mark.parametrize(
        ("on", "guard"), [("2026-10-31", "to_come"), ("2028-01-01", "not_too_far_ahead")]
    )
    def test_a_day_that_is_over_or_out_of_reach_is_refused(self, on: str, guard: str) -> None:
        with pytest.raises(Refused) as raised:
            self.set(date.fromisoformat(on))
        assert [f["guard"] for f in raised.value.facts["failed"]] == [guard]

    def test_the_same_date_is_not_set_twice(self) -> None:
        state = self.set(self.CHRISTMAS)[0]
        with pytest.raises(Refused) as raised:
            riskdates.set_date(
                state, riskdates.SetRiskDate(self.CHRISTMAS, "holiday"), at("2026-11-02 10:00")
            )
        assert [f["guard"] for f in raised.value.facts["failed"]] == ["not_twice"]

    def test_sessions_around_it_are_proposed_once(self) -> None:
        state, risk_date_id, _ = self.set(self.CHRISTMAS)
        moment = at("2026-12-11 00:00")
        found = forecast.options(
            state, [ahead("2026-12-23"), ahead("2026-12-24", booked=True)], moment.rules, moment.at
        )
        facts = riskdates.propose(state, risk_date_id, found, moment)
        event = only(BoosterProposed, facts)
        assert [o.session_id for o in event.options] == ["session-2026-12-23"]
        assert riskdates.propose(fold(state, facts), risk_date_id, found, moment) == []

    def test_while_no_session_is_planned_it_is_looked_at_again_and_at_last_said(self) -> None:
        state, risk_date_id, _ = self.set(self.CHRISTMAS)
        again = only(Wake, riskdates.propose(state, risk_date_id, [], at("2026-12-11 00:00")))
        assert again.at == midnight(date(2026, 12, 12), NEW_YORK)
        last = riskdates.propose(state, risk_date_id, [], at("2026-12-18 00:00"))
        assert only(BoosterProposed, last).options == ()

    def test_a_cleared_date_is_forgotten(self) -> None:
        state, risk_date_id, _ = self.set(self.CHRISTMAS)
        facts = riskdates.clear_date(state, riskdates.ClearRiskDate(risk_date_id), at("2026-11-02 10:00"))
        cleared = folding.evolve(state, facts[0])
        assert cleared.risk_dates == {}
        with pytest.raises(Refused) as raised:
            riskdates.clear_date(cleared, riskdates.ClearRiskDate(risk_date_id), at("2026-11-02 10:00"))
        assert raised.value.status == 404
