"""The rules of intake, one guard at a time: each refusal is proved by the one thing that is wrong."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts import intake
from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Event
from contracts.intake import Availability, Diagnosis, Rating
from contracts.progress import PatientDischarged
from contracts.rulebook import rulebook
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable, SiteOpened
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    DeclineReason,
    DischargeReason,
    LevelOfCare,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Indication, Known, Person, Referral, Site, Stage

RULES = rulebook()
ACTOR = Actor(type=ActorType.USER, id="u1", role="admissions")
SITE = Site("albany", "net", "albany", "America/New_York", part2=True)
DANA = Person("Dana", "Unspoken-Name", date(1991, 5, 2), phone="+1 (518) 555-0101")
START = datetime(2026, 1, 6, 15, 12, tzinfo=UTC)
LEVEL = LevelOfCare(code="2.1")
NO_RISKS = domain.ScreenPatient(
    suicide_risk=Risk.NONE, home_safe=True, needs_24h_supervision=False, withdrawal_risk=Risk.LOW
)
WHOLE = tuple(Rating(dimension=n, rating="1") for n in range(1, 7))
ASSESSMENT = domain.AssessPatient(
    dimensions=WHOLE,
    recommended_level=LEVEL,
    assessor_credential="LCSW",
    diagnoses=(Diagnosis(system="icd10cm", code="F1020", rank=1),),
    availability=(Availability(dow=2, block="morning"),),
)
COVERED = domain.VerifyCoverage("payer-1", PlanKind.COMMERCIAL, "active", auth_required=False)
SEAT = domain.RequestSeat(date(2026, 1, 13), 720, 4)
ADMISSION = domain.AdmitPatient("adult_sud_day", "clinician-1", ProgramKind.SUD)
ACCEPT = domain.AnswerOffer("net", ("albany",), accept=True)
DECLINE = domain.AnswerOffer("net", ("albany",), accept=False)


def authorization(**changes: Any) -> domain.RecordAuthorization:
    approved = domain.RecordAuthorization("approved", LEVEL, "day", 44, date(2026, 1, 1), date(2026, 4, 30))
    return replace(approved, **changes)


def declined(reason: DeclineReason, *alternatives: str) -> domain.DeclineReferral:
    return domain.DeclineReferral(
        "net", ("albany",), reason, tuple(LevelOfCare(code=c) for c in alternatives)
    )


@dataclass
class Story:
    """A referral that lives through messages; remembers every fact."""

    state: Referral
    at: datetime = START
    facts: list[Any] = field(default_factory=list)
    count: int = 0

    def moment(self) -> Moment:
        self.count += 1
        return Moment(self.at, ACTOR, f"cause-{self.count}", RULES)

    def later(self, **duration: float) -> "Story":
        self.at += timedelta(**duration)
        return self

    def apply(self, facts: list[Any]) -> list[Any]:
        self.facts += facts
        for fact in facts:
            if not isinstance(fact, Wake | Unwake):
                self.state = domain.evolve(self.state, fact)
        return facts

    def do(self, decide: Any, message: Any) -> list[Any]:
        return self.apply(list(decide(self.state, message, self.moment())))

    def refused(self, decide: Any, message: Any) -> set[str]:
        """The guards that refuse a command; nothing changes."""
        with pytest.raises(Refused) as refusal:
            decide(self.state, message, self.moment())
        assert "Unspoken-Name" not in str(refusal.value) + repr(refusal.value.facts)
        return {f["guard"] for f in refusal.value.facts["failed"]}

    def heard(self, kind: type[Event], **more: Any) -> Any:
        s = self.state
        return kind(
            network_id=s.network_id, site_id=s.site_id, episode_id=s.id, patient_id=s.patient_id, part2=True,
            actor=ACTOR, **more,
        )  # fmt: skip

    def seat_held(self, hold: str = "hold-1", ends: timedelta = timedelta(days=7)) -> list[Any]:
        assert self.state.wish
        held = self.heard(
            SeatHeld, request_id=self.state.wish.request_id, seat_hold_id=hold, slots=(), weekly_minutes=720,
            start_on=date(2026, 1, 13), hold_expires_at=self.at + ends,
        )  # fmt: skip
        return self.do(domain.keep_seat, held)

    def seat_unavailable(self) -> list[Any]:
        assert self.state.wish
        heard = self.heard(SeatUnavailable, request_id=self.state.wish.request_id, cause="full")
        return self.do(domain.miss_seat, heard)

    def woke(self, decide: Any, what: str) -> list[Any]:
        return self.do(decide, Woke(self.at, what))

    def said(self, kind: type[Event]) -> list[Any]:
        return [f for f in self.facts if type(f) is kind]


def receive(
    known: Known | None = None, person: Person = DANA, at: datetime = START, **more: Any
) -> list[Any]:
    command = domain.ReceiveReferral(
        **{
            "network_id": "net",
            "site_id": "albany",
            "sites": ("albany",),
            "source": ReferralSource.PCP,
            "urgency": Urgency.ROUTINE,
            "person": person,
            **more,
        }
    )
    return domain.receive_referral(SITE, known or Known(), command, Moment(at, ACTOR, "c", RULES), "ref-1")


def referred(**more: Any) -> Story:
    opened, received = receive(**more)
    story = Story(domain.evolve(None, opened))
    story.facts += [opened, received]
    return story


def screened(command: domain.ScreenPatient = NO_RISKS) -> Story:
    story = referred()
    story.do(domain.grant_consent, domain.GrantConsent("treatment"))
    story.do(domain.screen_patient, command)
    return story


def assessed() -> Story:
    story = screened()
    story.do(domain.assess_patient, ASSESSMENT)
    return story


def seated() -> Story:
    story = assessed()
    story.do(domain.verify_coverage, COVERED)
    story.do(domain.request_seat, SEAT)
    story.seat_held()
    return story


def waiting() -> Story:
    story = assessed()
    story.do(domain.request_seat, SEAT)
    story.seat_unavailable()
    return story


def offered() -> Story:
    story = waiting()
    story.later(days=2)
    story.do(lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), story.at)
    story.seat_held("hold-2", timedelta(days=4))
    return story


def in_detox() -> Story:
    story = screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH, cows=15, ciwa=8))
    story.do(domain.refer_to_detox, domain.ReferToDetox("detox_facility", "cows"))
    return story


class TestReferral:
    """T1 and T31."""

    def test_a_referral_opens_with_one_event_that_names_nobody(self) -> None:
        opened, received = receive()
        assert received.source is ReferralSource.PCP
        assert (received.episode_id, received.tz, received.requested_program_kind) == ("ref-1", SITE.tz, None)
        assert "Unspoken-Name" not in received.model_dump_json() + repr(opened)
        assert "555" not in received.model_dump_json() + repr(opened)

    def test_an_open_way_of_the_same_person_makes_a_duplicate(self) -> None:
        known = Known(open_referral_id="ref-0", open_site_id="albany")
        with pytest.raises(Refused) as refusal:
            receive(known)
        assert (refusal.value.code, refusal.value.status) == ("duplicate_referral", 409)
        assert refusal.value.facts == {"referral_id": "ref-0"}

    def test_a_duplicate_at_a_site_of_others_points_nowhere(self) -> None:
        with pytest.raises(Refused) as refusal:
            receive(Known(open_referral_id="ref-0", open_site_id="worcester"))
        assert refusal.value.facts == {}

    def test_a_claim_held_by_nobody_who_can_be_shown_is_a_duplicate_all_the_same(self) -> None:
        with pytest.raises(Refused):
            receive(Known(open_referral_id=""))

    def test_a_closed_way_is_linked_and_keeps_the_patients_id(self) -> None:
        opened, received = receive(Known(prior_referral_id="ref-0", prior_patient_id="pat-0"))
        assert (received.prior_episode_id, received.patient_id) == ("ref-0", "pat-0")
        assert opened.referral.flags == ()

    def test_a_namesake_is_marked_and_never_linked(self) -> None:
        opened, received = receive(Known(looks_like_somebody=True))
        assert opened.referral.flags == ("possible_match",)
        assert received.prior_episode_id is None

    @pytest.mark.parametrize(
        "born, code",
        [
            (date(2013, 1, 7), "under_age"),
            (date(2013, 1, 6), None),
            (date(1905, 1, 6), "over_age"),
            (date(1905, 1, 7), None),
            (date(2030, 1, 1), "under_age"),
        ],
    )
    def test_age_is_judged_at_the_sites_day_of_the_referral(self, born: date, code: str | None) -> None:
        if code is None:
            assert receive(person=replace(DANA, birth_date=born))
            return
        with pytest.raises(Refused) as refusal:
            receive(person=replace(DANA, birth_date=born))
        assert refusal.value.code == code
        assert str(born.year) not in refusal.value.message

    def test_the_day_of_the_site_decides_about_a_birthday_not_the_day_in_utc(self) -> None:
        person = replace(DANA, birth_date=date(2013, 1, 7))
        with pytest.raises(Refused):
            receive(person=person, at=datetime(2026, 1, 7, 4, 59, tzinfo=UTC))
        assert receive(person=person, at=datetime(2026, 1, 7, 5, 0, tzinfo=UTC))

    def test_a_hundred_years_are_marked(self) -> None:
        assert receive(person=replace(DANA, birth_date=date(1915, 7, 3)))[0].referral.flags == ("check_age",)
        assert receive(person=replace(DANA, birth_date=date(1926, 7, 3)))[0].referral.flags == ()

    def test_an_old_overdose_stays_routine_and_is_asked_about(self) -> None:
        found = (Indication("snomed", "55680006", ("overdose",), date(2002, 10, 6)),)
        opened, received = receive(indications=found)
        assert (received.urgency, received.requested_program_kind) == (Urgency.ROUTINE, None)
        assert opened.referral.flags == ("overdose_check",)

    @pytest.mark.parametrize(
        "onset, urgency",
        [(None, Urgency.URGENT), (date(2025, 12, 20), Urgency.URGENT), (date(2012, 1, 1), Urgency.ROUTINE)],
    )
    def test_a_fresh_suicidal_crisis_is_urgent(self, onset: date | None, urgency: Urgency) -> None:
        assert (
            receive(indications=(Indication("snomed", "6471006", ("suicide",), onset),))[1].urgency is urgency
        )

    def test_the_end_of_an_episode_closes_the_way_once(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        gone = story.heard(
            PatientDischarged, reason=DischargeReason.COMPLETED_GOALS, teds_reason="completed",
            discharged_on=date(2026, 4, 1), admitted_on=date(2026, 1, 6), los_days=80, level_at_discharge=LEVEL,
            goals_total=1, goals_met=1,
        )  # fmt: skip
        assert story.do(domain.end_episode, gone)
        assert story.state.closed
        assert story.do(domain.end_episode, gone) == []


class TestKnowingAPerson:
    def test_each_identifier_and_the_name_with_the_phone_is_a_key(self) -> None:
        keys = domain.person_keys(replace(DANA, identifiers=(domain.Identifier("mrn", "A-17"),)))
        assert len(keys) == 2
        assert list(keys) == sorted(keys)
        assert not any("17" == k or "Dana" in k for k in keys)

    def test_spelling_and_phone_format_do_not_matter(self) -> None:
        other = Person(" DANA ", "unspoken-name", DANA.birth_date, phone="518.555.0101")
        assert domain.person_keys(other) == domain.person_keys(DANA)

    def test_another_phone_is_another_person_who_looks_alike(self) -> None:
        other = replace(DANA, phone="518 555 0199")
        assert not set(domain.person_keys(other)) & set(domain.person_keys(DANA))
        assert domain.likeness(other) == domain.likeness(DANA)

    def test_fillers_and_numbers_without_a_system_identify_nobody(self) -> None:
        fillers = (domain.Identifier("ssn", "999-99-9999"), domain.Identifier(" ", "A-17"))
        assert domain.person_keys(replace(DANA, phone=None, identifiers=fillers)) == ()

    @given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=20))
    def test_any_text_makes_keys(self, given_name: str, family: str, phone: str) -> None:
        person = Person(given_name, family, DANA.birth_date, phone=phone)
        assert domain.person_keys(person) == domain.person_keys(person)


class TestScreening:
    """T2."""

    def test_a_screening_needs_a_treatment_consent(self) -> None:
        story = referred()
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.do(domain.grant_consent, domain.GrantConsent("contact_preferences", ("sms",)))
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
        story.do(domain.screen_patient, NO_RISKS)
        assert story.state.stage is Stage.SCREENED

    def test_consents_use_the_words_of_the_field(self) -> None:
        story = referred()
        assert story.refused(domain.grant_consent, domain.GrantConsent("anything")) == {"consent_kind"}
        assert story.refused(domain.grant_consent, domain.GrantConsent("treatment", ("pigeon",))) == {
            "channel"
        }

    def test_instruments_are_scored_and_answers_stay_here(self) -> None:
        command = replace(
            NO_RISKS, phq9=(2, 2, 1, 2, 1, 2, 1, 1, 0), gad7=(2, 1, 2, 1, 1, 1, 1), ciwa=4, cows=13
        )
        said = screened(command).said(intake.PatientScreened)[0]
        totals = {r.instrument: (r.total, r.band, r.flags) for r in said.results}
        assert totals == {
            "phq9": (12, "moderate", ()),
            "gad7": (9, "mild", ()),
            "ciwa": (4, None, ()),
            "cows": (13, None, ("detox_gate",)),
        }
        assert "answers" not in said.model_dump_json()

    def test_item_nine_raises_the_suicide_risk_to_moderate_at_least(self) -> None:
        item9 = replace(NO_RISKS, phq9=(0, 0, 0, 0, 0, 0, 0, 0, 1))
        said = screened(item9).said(intake.PatientScreened)[0]
        assert said.suicide_risk is Risk.MODERATE
        assert said.results[0].flags == ("item9",)
        assert screened(replace(item9, suicide_risk=Risk.HIGH)).state.screening.suicide_risk is Risk.HIGH  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "changes",
        [
            {"phq9": (1,) * 8},
            {"phq9": (4, *(0,) * 8)},
            {"gad7": (0,) * 6 + (-1,)},
            {"ciwa": 68},
            {"cows": 49},
        ],
    )
    def test_impossible_answers_are_refused_as_such(self, changes: dict[str, Any]) -> None:
        story = referred()
        story.do(domain.grant_consent, domain.GrantConsent("treatment"))
        with pytest.raises(Refused) as refusal:
            domain.screen_patient(story.state, replace(NO_RISKS, **changes), story.moment())
        assert refusal.value.status == 422

    def test_nobody_is_screened_in_detox_or_after_the_end(self) -> None:
        assert in_detox().refused(domain.screen_patient, NO_RISKS) == {"stage"}
        story = screened()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert "stage" in story.refused(domain.screen_patient, NO_RISKS)
        assert story.refused(domain.grant_consent, domain.GrantConsent("treatment")) == {"not_closed"}


class TestDetox:
    """T3, T4, T5."""

    @pytest.mark.parametrize("trigger, scores", [("cows", {"cows": 12}), ("ciwa", {"ciwa": 9}), ("cows", {})])
    def test_a_score_below_its_gate_opens_nothing(self, trigger: str, scores: dict[str, int]) -> None:
        story = screened(replace(NO_RISKS, **scores))  # type: ignore[arg-type]
        assert story.refused(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger)) == {
            "detox_gate"
        }

    @pytest.mark.parametrize(
        "trigger, scores", [("cows", {"cows": 13}), ("ciwa", {"ciwa": 10}), ("clinician", {})]
    )
    def test_a_score_at_its_gate_or_a_clinician_opens_it(self, trigger: str, scores: dict[str, int]) -> None:
        story = screened(replace(NO_RISKS, **scores))  # type: ignore[arg-type]
        story.do(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger))
        assert story.state.stage is Stage.DETOX_REFERRED

    def test_the_screening_alone_never_refers(self) -> None:
        assert (
            screened(replace(NO_RISKS, cows=40, withdrawal_risk=Risk.HIGH)).said(intake.DetoxReferred) == []
        )

    def test_detox_needs_a_screening_and_known_words(self) -> None:
        assert "stage" in referred().refused(
            domain.refer_to_detox, domain.ReferToDetox("hospital", "clinician")
        )
        story = screened()
        unknown = domain.ReferToDetox("spa", "opioid_history")
        assert story.refused(domain.refer_to_detox, unknown) == {"detox_setting", "detox_trigger"}

    def test_whoever_is_cleared_comes_back_with_the_old_screening_void(self) -> None:
        story = in_detox()
        story.later(days=7).do(domain.return_from_detox, domain.ReturnFromDetox("completed", True))
        assert story.state.stage is Stage.SCREENED
        assert story.refused(domain.assess_patient, ASSESSMENT) == {"screening_current"}
        story.do(domain.screen_patient, NO_RISKS)
        assert story.state.stage is Stage.SCREENED
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.state.stage is Stage.ASSESSED

    def test_scores_from_before_the_detox_open_no_second_one(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, domain.ReturnFromDetox("completed", True))
        assert story.refused(domain.refer_to_detox, domain.ReferToDetox("hospital", "cows")) == {"detox_gate"}

    def test_whoever_is_not_cleared_stays_and_may_go_a_second_time(self) -> None:
        story = in_detox()
        again = domain.ReferToDetox("hospital", "clinician")
        assert story.refused(domain.refer_to_detox, again) == {"detox_not_running"}
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        assert story.state.stage is Stage.DETOX_REFERRED
        story.do(domain.refer_to_detox, again)
        assert len(story.said(intake.DetoxReferred)) == 2

    def test_a_return_needs_a_detox_and_a_known_outcome(self) -> None:
        assert "stage" in screened().refused(
            domain.return_from_detox, domain.ReturnFromDetox("completed", True)
        )
        assert in_detox().refused(domain.return_from_detox, domain.ReturnFromDetox("vanished", True)) == {
            "detox_outcome"
        }

    def test_who_left_early_is_unreachable_after_fourteen_civil_days(self) -> None:
        story = in_detox()
        gone = declined(DeclineReason.UNREACHABLE, "3.7")
        assert story.refused(domain.decline_referral, gone) == {"contact_days_over"}
        story.at = datetime(2026, 2, 8, 8, 0, tzinfo=UTC)
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        story.at = datetime(2026, 2, 21, 23, 0, tzinfo=UTC)
        assert story.refused(domain.decline_referral, gone) == {"contact_days_over"}
        story.at = datetime(2026, 2, 22, 5, 0, tzinfo=UTC)
        story.do(domain.decline_referral, gone)
        assert story.state.stage is Stage.DECLINED

    def test_who_completed_detox_is_not_given_up_as_lost(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, domain.ReturnFromDetox("transferred", False))
        story.later(days=40)
        assert story.refused(domain.decline_referral, declined(DeclineReason.UNREACHABLE)) == {
            "contact_days_over"
        }


class TestAssessment:
    """T6."""

    def test_high_withdrawal_risk_is_treated_first(self) -> None:
        story = screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH))
        assert story.refused(domain.assess_patient, ASSESSMENT) == {"withdrawal_not_high"}

    def test_the_assessor_must_hold_a_listed_credential(self) -> None:
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, assessor_credential="RN")) == {
            "assessor_credential"
        }

    @pytest.mark.parametrize("dimensions", [WHOLE[:5], (*WHOLE[:5], WHOLE[0]), (*WHOLE, WHOLE[0]), ()])
    def test_edition_three_rates_each_of_six_dimensions_once(self, dimensions: tuple[Rating, ...]) -> None:
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, dimensions=dimensions)) == {
            "dimensions_complete"
        }

    def test_edition_four_leaves_the_sixth_unrated(self) -> None:
        fourth = replace(ASSESSMENT, recommended_level=LevelOfCare(edition="4", code="2.1"))
        assert screened().refused(domain.assess_patient, fourth) == {"dimensions_complete"}
        assert screened().do(domain.assess_patient, replace(fourth, dimensions=WHOLE[:5]))

    def test_a_screening_counts_for_thirty_days(self) -> None:
        story = screened().later(days=30)
        domain.assess_patient(story.state, ASSESSMENT, story.moment())
        assert story.later(days=1).refused(domain.assess_patient, ASSESSMENT) == {"screening_current"}

    @pytest.mark.parametrize("ranks", [(), (2,), (1, 1)])
    def test_there_is_one_principal_diagnosis(self, ranks: tuple[int, ...]) -> None:
        diagnoses = tuple(Diagnosis(system="icd10cm", code="F1020", rank=r) for r in ranks)
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses)) == {
            "principal_diagnosis"
        }

    def test_nobody_is_assessed_unscreened_or_in_detox(self) -> None:
        assert "stage" in referred().refused(domain.assess_patient, ASSESSMENT)
        assert "stage" in in_detox().refused(domain.assess_patient, ASSESSMENT)

    def test_diagnoses_stay_with_intake(self) -> None:
        story = assessed()
        assert story.state.diagnoses[0].code == "F1020"
        assert "F1020" not in story.said(intake.PatientAssessed)[0].model_dump_json()


class TestDeclining:
    """T7, and the rows that GA17 adds."""

    def test_a_higher_level_needs_grounds_and_alternatives(self) -> None:
        story = screened()
        assert story.refused(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL)) == {
            "higher_level_grounds",
            "alternatives_listed",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"home_safe": False},
            {"needs_24h_supervision": True},
            {"suicide_risk": Risk.HIGH},
            {"withdrawal_risk": Risk.HIGH},
        ],
    )
    def test_a_finding_of_the_screening_is_ground_enough(self, changes: dict[str, Any]) -> None:
        story = screened(replace(NO_RISKS, **changes))
        assert story.refused(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL)) == {
            "alternatives_listed"
        }
        story.do(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL, "4"))
        said = story.said(intake.ReferralDeclined)[0]
        assert [str(a) for a in said.alternatives_offered] == ["4"]

    @pytest.mark.parametrize("code, grounds", [("2.5", True), ("3.1", True), ("2.1", False), ("1", False)])
    def test_a_recommended_level_above_the_served_is_ground_enough(self, code: str, grounds: bool) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code=code)))
        higher = declined(DeclineReason.NEEDS_HIGHER_LEVEL, "3.7")
        if grounds:
            assert story.do(domain.decline_referral, higher)
        else:
            assert story.refused(domain.decline_referral, higher) == {"higher_level_grounds"}

    def test_out_of_scope_names_an_alternative_too(self) -> None:
        assert referred().refused(domain.decline_referral, declined(DeclineReason.OUT_OF_SCOPE)) == {
            "alternatives_listed"
        }

    def test_the_machine_declines_nobody_for_a_finding(self) -> None:
        assert screened(replace(NO_RISKS, suicide_risk=Risk.HIGH)).said(intake.ReferralDeclined) == []

    def test_a_person_may_say_no_at_any_time_and_only_once(self) -> None:
        for story in (referred(), screened(), assessed(), in_detox(), waiting(), offered()):
            facts = story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
            assert {f.what for f in facts if isinstance(f, Unwake)} == {
                "offer_expires",
                "entry_expires",
                "ask_again",
            }
            assert story.state.closed
            assert story.refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}

    def test_an_admitted_person_is_discharged_not_declined(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        assert story.refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}


class TestAskingForASeat:
    def test_the_request_carries_what_scheduling_needs(self) -> None:
        story = assessed()
        story.do(domain.request_seat, SEAT)
        said = story.said(intake.SeatRequested)[0]
        assert (said.level, said.program_kind, said.age_band) == (LEVEL, ProgramKind.SUD, AgeBand.ADULT)
        assert said.availability == ASSESSMENT.availability

    @pytest.mark.parametrize(
        "changes, guard",
        [
            ({"weekly_minutes": 539}, "minutes_in_band"),
            ({"weekly_minutes": 1200}, "minutes_in_band"),
            ({"earliest_start": date(2026, 1, 5)}, "start_in_reach"),
            ({"earliest_start": date(9999, 12, 31)}, "start_in_reach"),
        ],
    )
    def test_the_week_must_be_legal_and_near(self, changes: dict[str, Any], guard: str) -> None:
        assert assessed().refused(domain.request_seat, replace(SEAT, **changes)) == {guard}

    def test_an_adolescent_has_the_band_of_the_age(self) -> None:
        story = assessed()
        story.state = replace(story.state, person=replace(DANA, birth_date=date(2010, 1, 1)))
        story.do(domain.request_seat, replace(SEAT, weekly_minutes=360))
        assert story.said(intake.SeatRequested)[0].age_band is AgeBand.ADOLESCENT

    def test_a_level_that_is_not_served_gets_no_seat(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code="2.5")))
        assert story.refused(domain.request_seat, replace(SEAT, weekly_minutes=1200)) == {"level_served"}

    def test_high_suicide_risk_or_an_unsafe_home_blocks(self) -> None:
        story = assessed()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH, home_safe=False))
        assert story.refused(domain.request_seat, SEAT) == {"suicide_risk_not_high", "can_live_at_home"}

    def test_only_the_assessed_ask_and_not_twice(self) -> None:
        assert "stage" in screened().refused(domain.request_seat, SEAT)
        story = assessed()
        story.do(domain.request_seat, SEAT)
        assert story.refused(domain.request_seat, SEAT) == {"no_open_request"}
        story.seat_held()
        assert story.refused(domain.request_seat, SEAT) == {"no_seat_held"}

    def test_an_old_assessment_is_made_again_in_place(self) -> None:
        story = assessed().later(days=31)
        soon = replace(SEAT, earliest_start=date(2026, 2, 10))
        assert story.refused(domain.request_seat, soon) == {"assessment_current"}
        story.do(domain.screen_patient, NO_RISKS)
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.do(domain.request_seat, soon)

    def test_the_kind_of_program_is_never_guessed_from_codes_that_say_nothing(self) -> None:
        story = screened()
        diagnoses = (Diagnosis(system="icd10cm", code="I10", rank=1),)
        story.do(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses))
        assert story.refused(domain.request_seat, SEAT) == {"program_kind"}
        assert story.do(domain.request_seat, replace(SEAT, program_kind=ProgramKind.MENTAL_HEALTH))

    @pytest.mark.parametrize(
        "codes, kind",
        [
            (("F1020", "F331"), ProgramKind.CO_OCCURRING),
            (("F331",), ProgramKind.MENTAL_HEALTH),
            (("F5001", "F331"), ProgramKind.EATING_DISORDER),
        ],
    )
    def test_diagnoses_name_the_kind_of_program(self, codes: tuple[str, ...], kind: ProgramKind) -> None:
        story = screened()
        diagnoses = tuple(Diagnosis(system="icd10cm", code=c, rank=n) for n, c in enumerate(codes, 1))
        story.do(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses))
        story.do(domain.request_seat, SEAT)
        assert story.said(intake.SeatRequested)[0].program_kind is kind

    def test_an_answer_to_another_request_changes_nothing(self) -> None:
        story = assessed()
        story.do(domain.request_seat, SEAT)
        stale = story.heard(SeatUnavailable, request_id="older", cause="full")
        assert story.do(domain.miss_seat, stale) == []
        held = story.heard(
            SeatHeld, request_id="older", seat_hold_id="h", slots=(), weekly_minutes=720,
            start_on=date(2026, 1, 13), hold_expires_at=story.at + timedelta(days=3),
        )  # fmt: skip
        assert story.do(domain.keep_seat, held) == []

    def test_hearing_the_same_answer_twice_changes_nothing(self) -> None:
        story = waiting()
        assert story.seat_unavailable() == []
        story = seated()
        assert story.seat_held() == []

    def test_a_seat_that_scheduling_lets_go_is_gone(self) -> None:
        story = seated()
        assert (
            story.do(domain.lose_seat, story.heard(SeatReleased, seat_hold_id="another", seats=1, cause="x"))
            == []
        )
        story.do(
            domain.lose_seat, story.heard(SeatReleased, seat_hold_id="hold-1", seats=1, cause="hold_over")
        )
        assert story.refused(domain.admit_patient, ADMISSION) == {"seat_held"}


class TestWaiting:
    """T8, T10, T11."""

    def test_without_a_seat_an_assessed_person_waits_thirty_days(self) -> None:
        story = waiting()
        said = story.said(intake.PatientWaitlisted)[0]
        assert story.state.stage is Stage.WAITLISTED
        assert said.expires_at == START + timedelta(days=30)
        assert Wake(said.expires_at, "entry_expires") in story.facts
        assert Wake(START + timedelta(days=1), "ask_again") in story.facts

    @pytest.mark.parametrize(
        "urgency, priority", [(Urgency.EMERGENT, 1), (Urgency.URGENT, 2), (Urgency.ROUTINE, 3)]
    )
    def test_urgency_is_the_place_in_the_queue(self, urgency: Urgency, priority: int) -> None:
        story = assessed()
        story.state = replace(story.state, urgency=urgency)
        story.do(domain.request_seat, SEAT)
        story.seat_unavailable()
        assert story.said(intake.PatientWaitlisted)[0].priority == priority

    def test_a_further_no_changes_nothing_for_who_already_waits(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.seat_unavailable()
        assert story.state.stage is Stage.WAITLISTED
        assert len(story.said(intake.PatientWaitlisted)) == 1

    def test_every_day_a_waiting_person_is_asked_for_again(self) -> None:
        story = waiting().later(days=1)
        facts = story.woke(domain.ask_again, "ask_again")
        assert Wake(story.at + timedelta(days=1), "ask_again") in facts
        first, second = story.said(intake.SeatRequested)
        assert first.request_id != second.request_id

    def test_a_new_request_starts_late_enough_for_offer_and_admission(self) -> None:
        story = waiting().later(days=10)
        story.woke(domain.ask_again, "ask_again")
        assert story.said(intake.SeatRequested)[-1].earliest_start == date(2026, 1, 19)

    def test_who_waits_no_more_is_not_asked_for(self) -> None:
        story = offered()
        assert not [f for f in story.woke(domain.ask_again, "ask_again") if isinstance(f, Event)]
        story.do(domain.answer_offer, ACCEPT)
        assert story.woke(domain.ask_again, "ask_again") == []

    def test_a_freed_seat_is_tried_once_for_each(self) -> None:
        story = waiting().later(days=2)
        released = story.at
        assert story.do(lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), released)
        assert story.do(lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), released) == []
        story.seat_unavailable()
        assert story.do(lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), released) == []
        assert story.do(
            lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), released + timedelta(seconds=1)
        )

    def test_an_unanswered_request_is_repeated_after_a_day(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.later(days=1).woke(domain.ask_again, "ask_again")
        assert len(story.said(intake.SeatRequested)) == 3

    def test_high_suicide_risk_asks_for_no_seat(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        facts = story.woke(domain.ask_again, "ask_again")
        assert [type(f) for f in facts] == [Wake]

    def test_the_wait_ends_at_the_instant_it_names(self) -> None:
        story = waiting().later(days=30, seconds=-1)
        assert story.woke(domain.expire_entry, "entry_expires") == []
        story.later(seconds=1).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.UNREACHABLE
        assert story.woke(domain.expire_entry, "entry_expires") == []

    def test_an_open_offer_outlives_the_wait(self) -> None:
        story = offered()
        assert story.state.entry
        story.state = replace(story.state, entry=replace(story.state.entry, expires_at=story.at))
        assert story.woke(domain.expire_entry, "entry_expires") == []
        story.later(hours=48).woke(domain.expire_offer, "offer_expires")
        assert story.state.stage is Stage.DECLINED

    def test_staff_cannot_give_a_waiting_person_up_early(self) -> None:
        story = waiting()
        assert story.refused(domain.decline_referral, declined(DeclineReason.UNREACHABLE)) == {"wait_over"}

    def test_a_pended_authorization_waits_and_its_approval_ends_that(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, authorization(status="pended"))
        assert story.said(intake.PatientWaitlisted)[0].priority_reason == "authorization_pended"
        assert not [
            f for f in story.later(days=1).woke(domain.ask_again, "ask_again") if isinstance(f, Event)
        ]
        story.do(domain.record_authorization, authorization(status="denied"))
        assert story.state.stage is Stage.WAITLISTED
        story.do(domain.record_authorization, authorization())
        assert story.state.stage is Stage.ASSESSED

    def test_an_approval_does_not_end_the_wait_for_a_seat(self) -> None:
        story = waiting()
        story.do(domain.record_authorization, authorization())
        assert story.state.stage is Stage.WAITLISTED

    def test_an_authorization_that_never_comes_is_no_coverage(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, authorization(status="pended"))
        story.later(days=30).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.NO_COVERAGE


class TestOffers:
    """T9 and T10."""

    def test_a_seat_held_for_a_waiting_person_is_offered_for_two_days(self) -> None:
        story = offered()
        said = story.said(intake.WaitlistOfferMade)[0]
        assert said.offer_expires_at == story.at + timedelta(hours=48)
        assert Wake(said.offer_expires_at, "offer_expires") in story.facts

    def test_an_offer_never_outlives_its_hold(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(hours=5))
        assert story.said(intake.WaitlistOfferMade)[0].offer_expires_at == story.at + timedelta(hours=5)

    def test_accepting_in_time_on_fresh_findings_leads_back_to_admission(self) -> None:
        story = offered()
        story.do(domain.verify_coverage, COVERED)
        facts = story.later(hours=47).do(domain.answer_offer, ACCEPT)
        assert {f.what for f in facts if isinstance(f, Unwake)} == {
            "offer_expires",
            "entry_expires",
            "ask_again",
        }
        assert story.state.stage is Stage.ASSESSED
        story.do(domain.admit_patient, ADMISSION)
        assert story.said(intake.PatientAdmitted)[0].seat_hold_id == "hold-2"

    def test_at_the_instant_it_names_an_offer_is_over_said_or_not(self) -> None:
        story = offered().later(hours=48)
        assert story.refused(domain.answer_offer, ACCEPT) == {"offer_in_time"}
        assert story.refused(domain.answer_offer, DECLINE) == {"offer_in_time"}
        story.woke(domain.expire_offer, "offer_expires")
        assert story.refused(domain.answer_offer, ACCEPT) == {"offer_open", "seat_held"}

    def test_an_old_suicide_screen_must_be_renewed_first(self) -> None:
        story = offered()
        story.at = START + timedelta(days=8)
        assert story.state.entry
        assert story.state.entry.offer
        assert story.state.hold
        ends = story.at + timedelta(days=1)
        story.state = replace(
            story.state,
            hold=replace(story.state.hold, expires_at=ends),
            entry=replace(story.state.entry, offer=replace(story.state.entry.offer, expires_at=ends)),
        )
        assert story.refused(domain.answer_offer, ACCEPT) == {"suicide_screen_current"}
        story.do(domain.screen_patient, NO_RISKS)
        assert story.state.stage is Stage.WAITLISTED
        story.do(domain.answer_offer, ACCEPT)
        assert story.state.stage is Stage.ASSESSED

    def test_an_old_assessment_must_be_renewed_first(self) -> None:
        story = waiting().later(days=29)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(days=4))
        story.later(hours=47)
        story.do(domain.screen_patient, NO_RISKS)
        assert story.refused(domain.answer_offer, ACCEPT) == {"assessment_current"}
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.state.stage is Stage.WAITLISTED
        story.do(domain.answer_offer, ACCEPT)

    def test_high_suicide_risk_blocks_acceptance_but_not_a_no(self) -> None:
        story = offered()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        assert story.refused(domain.answer_offer, ACCEPT) == {"suicide_risk_not_high"}
        assert story.do(domain.answer_offer, DECLINE)

    def test_there_must_be_an_offer(self) -> None:
        assert "offer_open" in waiting().refused(domain.answer_offer, DECLINE)
        assert "stage" in assessed().refused(domain.answer_offer, ACCEPT)

    def test_an_early_or_stale_wake_expires_nothing(self) -> None:
        story = offered().later(hours=47)
        assert story.woke(domain.expire_offer, "offer_expires") == []
        story.do(domain.answer_offer, ACCEPT)
        assert story.later(hours=2).woke(domain.expire_offer, "offer_expires") == []

    def test_a_miss_goes_behind_those_who_wait(self) -> None:
        story = offered()
        assert story.state.entry
        assert story.state.entry.queued_at == START
        story.later(hours=48).woke(domain.expire_offer, "offer_expires")
        assert story.state.entry.queued_at == story.at
        assert story.state.entry.misses == 1
        assert story.state.hold is None
        assert story.woke(domain.expire_offer, "offer_expires") == []

    def _third_miss(self, answer: domain.AnswerOffer | None) -> Story:
        story = offered()
        for n in range(3):
            if answer is None:
                story.later(hours=48).woke(domain.expire_offer, "offer_expires")
            else:
                story.do(domain.answer_offer, answer)
            if n < 2:
                assert story.state.stage is Stage.WAITLISTED
                story.later(hours=1)
                story.do(lambda s, m, moment: domain.ask_for_freed_seat(s, m, moment), story.at)
                story.seat_held(f"hold-{n + 3}")
        return story

    def test_three_misses_end_the_wait(self) -> None:
        story = self._third_miss(None)
        assert story.state.stage is Stage.DECLINED
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.UNREACHABLE
        assert [e.misses for e in story.said(intake.WaitlistOfferExpired)] == [1, 2, 3]

    def test_three_refusals_are_the_persons_own_no(self) -> None:
        assert (
            self._third_miss(DECLINE).said(intake.ReferralDeclined)[0].reason
            is DeclineReason.PATIENT_DECLINED
        )

    def test_an_offer_whose_seats_are_let_go_ends_without_a_miss(self) -> None:
        story = offered()
        story.do(domain.lose_seat, story.heard(SeatReleased, seat_hold_id="hold-2", seats=1, cause="closed"))
        assert story.said(intake.WaitlistOfferExpired)[0].misses == 0
        assert story.state.stage is Stage.WAITLISTED
        assert "offer_open" in story.refused(domain.answer_offer, ACCEPT)


class TestAdmission:
    """T12."""

    def test_admission_begins_an_episode(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        said = story.said(intake.PatientAdmitted)[0]
        assert (said.admitted_on, said.planned_end_on) == (date(2026, 1, 6), date(2026, 4, 6))
        assert (said.prescribed_weekly_minutes, said.days_per_week) == (720, 4)
        assert said.authorization_id is None
        assert story.state.stage is Stage.ADMITTED
        assert story.refused(domain.admit_patient, ADMISSION) == {"stage"}

    def test_a_refusal_names_everything_that_is_missing(self) -> None:
        missing = referred().refused(domain.admit_patient, ADMISSION)
        assert missing == {
            "stage", "level_served", "assessment_current", "seat_held", "treatment_consent",
            "coverage_decided", "minutes_in_band",
        }  # fmt: skip

    def test_the_hold_must_still_run(self) -> None:
        story = seated()
        assert story.state.hold
        story.at = story.state.hold.expires_at
        assert story.refused(domain.admit_patient, ADMISSION) == {"seat_held"}

    def test_a_verbal_consent_is_not_enough(self) -> None:
        story = seated()
        story.state = replace(story.state, consents=())
        story.do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
        assert story.refused(domain.admit_patient, ADMISSION) == {"treatment_consent"}

    @pytest.mark.parametrize(
        "cover, decided",
        [
            (replace(COVERED, status="inactive"), False),
            (replace(COVERED, status="inactive", plan_kind=PlanKind.SELF_PAY), True),
            (replace(COVERED, status="inactive", plan_kind=PlanKind.SLIDING_FEE), True),
        ],
    )
    def test_coverage_is_active_or_the_person_pays(self, cover: domain.VerifyCoverage, decided: bool) -> None:
        story = seated()
        story.do(domain.verify_coverage, cover)
        if decided:
            assert story.do(domain.admit_patient, ADMISSION)
        else:
            assert story.refused(domain.admit_patient, ADMISSION) == {"coverage_decided"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "denied"},
            {"status": "pended"},
            {"valid_from": date(2026, 1, 7)},
            {"valid_to": date(2026, 1, 5)},
            {"units_approved": 0},
            {"level": LevelOfCare(code="1")},
        ],
    )
    def test_where_the_payer_asks_only_a_fitting_authorization_admits(self, changes: dict[str, Any]) -> None:
        story = seated()
        story.do(domain.verify_coverage, replace(COVERED, auth_required=True))
        assert story.refused(domain.admit_patient, ADMISSION) == {"authorization_approved"}
        story.do(domain.record_authorization, authorization(**changes))
        assert story.refused(domain.admit_patient, ADMISSION) == {"authorization_approved"}
        story.do(domain.record_authorization, authorization())
        story.do(domain.admit_patient, ADMISSION)
        assert story.said(intake.PatientAdmitted)[0].authorization_id

    def test_medicare_needs_a_physicians_certification(self) -> None:
        story = seated()
        story.do(domain.verify_coverage, replace(COVERED, plan_kind=PlanKind.MEDICARE))
        assert story.refused(domain.admit_patient, ADMISSION) == {"physician_certification"}
        assert story.do(domain.admit_patient, replace(ADMISSION, certified_by="physician-1"))

    def test_an_old_assessment_does_not_admit(self) -> None:
        story = seated()
        assert story.state.assessment
        old = replace(story.state.assessment, at=story.at - timedelta(days=31))
        story.state = replace(story.state, assessment=old)
        assert story.refused(domain.admit_patient, ADMISSION) == {"assessment_current"}

    @pytest.mark.parametrize(
        "changes, guard",
        [
            ({"suicide_risk": Risk.HIGH}, "suicide_risk_not_high"),
            ({"withdrawal_risk": Risk.HIGH}, "withdrawal_not_high"),
            ({"home_safe": False}, "can_live_at_home"),
            ({"needs_24h_supervision": True}, "can_live_at_home"),
        ],
    )
    def test_what_a_new_screening_finds_still_counts(self, changes: dict[str, Any], guard: str) -> None:
        story = seated()
        story.do(domain.screen_patient, replace(NO_RISKS, **changes))
        assert story.refused(domain.admit_patient, ADMISSION) == {guard}

    def test_a_level_above_the_served_admits_nobody(self) -> None:
        story = seated()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code="3.1")))
        assert story.refused(domain.admit_patient, ADMISSION) == {"level_served", "minutes_in_band"}

    def test_the_prescribed_week_must_fit_the_level(self) -> None:
        story = seated()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code="1")))
        assert story.refused(domain.admit_patient, ADMISSION) == {"minutes_in_band"}

    def test_the_planned_end_lies_within_the_longest_stay(self) -> None:
        story = seated()
        short = RULES.model_copy(update={"program": RULES.program.model_copy(update={"max_days": 60})})
        with pytest.raises(Refused) as refusal:
            domain.admit_patient(story.state, ADMISSION, replace(story.moment(), rules=short))
        assert [f["guard"] for f in refusal.value.facts["failed"]] == ["planned_end"]

    def test_what_counts_as_baseline_is_the_newest_screening(self) -> None:
        story = seated()
        story.do(domain.screen_patient, replace(NO_RISKS, phq9=(1,) * 8 + (0,)))
        story.do(domain.admit_patient, ADMISSION)
        assert [r.total for r in story.said(intake.PatientAdmitted)[0].baseline] == [8]


class TestPayer:
    def test_words_and_dates_hold(self) -> None:
        story = referred()
        assert story.refused(domain.verify_coverage, replace(COVERED, status="maybe")) == {"coverage_status"}
        upside_down = authorization(status="perhaps", valid_to=date(2025, 1, 1))
        assert story.refused(domain.record_authorization, upside_down) == {
            "authorization_status",
            "valid_dates",
        }

    def test_nothing_is_recorded_for_a_closed_referral(self) -> None:
        story = referred()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert story.refused(domain.verify_coverage, COVERED) == {"not_closed"}
        assert story.refused(domain.record_authorization, authorization()) == {"not_closed"}


class TestSites:
    def test_a_site_is_kept_once_and_belongs_to_its_network(self) -> None:
        moment = Moment(START, ACTOR, "c", RULES)
        opened = SiteOpened(
            network_id="net", site_id="albany", tz="America/New_York", opens_local="08:00", closes_local="22:00",
            part2=True,
        )  # fmt: skip
        (kept,) = domain.open_site(None, opened, moment)
        site = domain.evolve_site(None, kept)
        assert site == SITE
        assert domain.open_site(site, opened, moment) == []
        assert domain.open_site(site, opened.model_copy(update={"network_id": "other"}), moment) == []


def test_the_journal_folds_to_the_state_through_json() -> None:
    story = offered()
    story.do(domain.verify_coverage, COVERED)
    story.do(domain.answer_offer, ACCEPT)
    story.do(domain.admit_patient, ADMISSION)
    folded: Referral | None = None
    for fact in story.facts:
        if isinstance(fact, Wake | Unwake):
            continue
        if isinstance(fact, Event):
            folded = domain.evolve(
                folded, type(fact).model_validate_json(fact.model_dump_json(exclude_none=True))
            )
        else:
            adapter = TypeAdapter(type(fact))
            folded = domain.evolve(folded, adapter.validate_json(adapter.dump_json(fact)))
    assert folded == story.state
    adapter = TypeAdapter(Referral)
    assert adapter.validate_json(adapter.dump_json(story.state)) == story.state


def test_no_event_of_a_whole_way_carries_the_person() -> None:
    story = offered()
    story.do(domain.answer_offer, ACCEPT)
    said = " ".join(f.model_dump_json() for f in story.facts if isinstance(f, Event))
    for secret in ("Dana", "Unspoken-Name", "1991", "555"):
        assert secret not in said


STEPS: list[tuple[Any, Any]] = [
    (domain.grant_consent, domain.GrantConsent("treatment")),
    (domain.screen_patient, NO_RISKS),
    (domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH, cows=20)),
    (domain.refer_to_detox, domain.ReferToDetox("hospital", "clinician")),
    (domain.return_from_detox, domain.ReturnFromDetox("completed", True)),
    (domain.assess_patient, ASSESSMENT),
    (domain.verify_coverage, COVERED),
    (domain.record_authorization, authorization(status="pended")),
    (domain.record_authorization, authorization()),
    (domain.request_seat, replace(SEAT, earliest_start=date(2026, 3, 1))),
    (domain.answer_offer, ACCEPT),
    (domain.answer_offer, DECLINE),
    (domain.admit_patient, ADMISSION),
    (domain.ask_again, Woke(START, "ask_again")),
    (domain.expire_offer, Woke(START, "offer_expires")),
    (domain.expire_entry, Woke(START, "entry_expires")),
    ("held", None),
    ("unavailable", None),
    ("released", None),
    ("later", timedelta(hours=30)),
    ("later", timedelta(days=9)),
]


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_comes_in_whatever_order_the_story_stays_whole(steps: list[tuple[Any, Any]]) -> None:
    """Heard events and wakes never raise, commands raise only Refused, and nobody is admitted without a seat."""
    story = referred()
    for step, message in steps:
        match step:
            case "later":
                story.at += message
            case "held" if story.state.wish:
                story.seat_held(f"hold-{story.count}", timedelta(days=3))
            case "unavailable" if story.state.wish:
                story.seat_unavailable()
            case "released":
                hold = story.state.hold.id if story.state.hold else "none"
                story.do(domain.lose_seat, story.heard(SeatReleased, seat_hold_id=hold, seats=1, cause="x"))
            case str():
                pass
            case domain.ask_again | domain.expire_offer | domain.expire_entry:
                story.do(step, message)
            case _:
                try:
                    story.do(step, message)
                except Refused:
                    continue
    state = story.state
    assert (state.entry is not None) == (state.stage is Stage.WAITLISTED)
    if state.stage is Stage.ADMITTED:
        assert state.hold
        assert state.screening
        assert state.assessment
        assert state.coverage
    if state.entry and state.entry.offer:
        assert state.hold
    assert len(story.said(intake.PatientAdmitted)) <= 1
    assert len(story.said(intake.ReferralDeclined)) <= 1
