"""Admission: T12."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Refused
from contracts.vocabulary import AgeBand, PlanKind, Risk
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ADMISSION,
    ASSESSMENT,
    BOTH,
    COVERED,
    KAI,
    NO_RISKS,
    RULES,
    TREATMENT,
    authorization,
    level,
    measured,
    referred,
    seated,
)


class TestAdmission:
    """T12."""

    def test_admission_begins_an_episode(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        said = story.said(intake.PatientAdmitted)[0]
        assert (said.admitted_on, said.planned_end_on) == (date(2026, 1, 6), date(2026, 4, 6))
        assert (said.prescribed_weekly_minutes, said.days_per_week) == (720, 4)
        assert said.authorization_id is None
        assert story.stands() is Stage.ADMITTED
        assert story.refused(domain.admit_patient, ADMISSION) == {"stage"}

    def test_a_refusal_names_everything_that_is_missing(self) -> None:
        missing = referred().refused(domain.admit_patient, ADMISSION)
        assert missing == {
            "stage", "level_served", "assessment_current", "seat_held", "treatment_consent",
            "coverage_decided", "minutes_in_band", "screening_current",
        }  # fmt: skip

    def test_the_hold_must_still_run(self) -> None:
        story = seated()
        assert story.state.hold
        story.at = story.state.hold.expires_at
        assert story.refused(domain.admit_patient, ADMISSION) == {"seat_held"}

    def test_a_verbal_consent_is_not_enough(self) -> None:
        story = seated()
        story.change(consents=()).do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
        assert story.refused(domain.admit_patient, ADMISSION) == {"treatment_consent"}

    @pytest.mark.parametrize(
        ("cover", "decided"),
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
            {"level": level("1")},
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

    def test_medicare_needs_a_physicians_certification_that_is_current(self) -> None:
        story = seated()
        story.do(domain.verify_coverage, replace(COVERED, plan_kind=PlanKind.MEDICARE))
        assert story.refused(domain.admit_patient, ADMISSION) == {"physician_certification"}
        story.do(domain.certify, domain.Certify("dr", "MD", date(2025, 11, 6)))
        (failed,) = story.refusal(domain.admit_patient, ADMISSION).facts["failed"]
        assert (failed["guard"], failed["next_due_on"]) == ("physician_certification", "2026-01-05")
        story.do(domain.certify, domain.Certify("dr", "MD", date(2025, 11, 7)))
        story.do(domain.admit_patient, ADMISSION)
        said = story.said(intake.PatientAdmitted)[0].certification
        assert (said.certified_by, said.next_due_on) == ("dr", date(2026, 1, 6))

    def test_what_a_person_used_up_admits_nobody(self) -> None:
        story = seated()
        story.do(domain.verify_coverage, replace(COVERED, auth_required=True))
        story.do(domain.record_authorization, authorization(units_approved=1))
        story.day_closed(date(2026, 1, 5))
        assert story.refused(domain.admit_patient, ADMISSION) == {"authorization_approved"}
        story.do(domain.record_authorization, authorization(valid_to=date(2026, 6, 30)))
        story.do(domain.admit_patient, ADMISSION)
        assert story.said(intake.PatientAdmitted)[0].authorization_id == story.state.authorizations[1].id

    def test_old_findings_do_not_admit(self) -> None:
        story = seated()
        assert story.state.assessment
        assert story.state.screening
        old = story.at - timedelta(days=31)
        story.change(assessment=replace(story.state.assessment, at=old))
        assert story.refused(domain.admit_patient, ADMISSION) == {"assessment_current"}
        story.change(screening=replace(story.state.screening, at=old))
        story.do(domain.screen_patient, NO_RISKS)
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.do(domain.admit_patient, ADMISSION)

    @pytest.mark.parametrize(
        ("changes", "guards"),
        [
            ({"suicide_risk": Risk.HIGH}, {"suicide_risk_not_high", "no_high_alert"}),
            ({"withdrawal_risk": Risk.HIGH}, {"withdrawal_not_high"}),
            ({"home_safe": False}, {"can_live_at_home"}),
            ({"needs_24h_supervision": True}, {"can_live_at_home"}),
        ],
    )
    def test_what_a_new_screening_finds_still_counts(self, changes: dict[str, Any], guards: set[str]) -> None:
        story = seated()
        story.do(domain.screen_patient, replace(NO_RISKS, **changes))
        assert story.refused(domain.admit_patient, ADMISSION) == guards

    def test_another_roof_admits(self) -> None:
        story = seated()
        story.do(domain.screen_patient, replace(NO_RISKS, home_safe=False, alternative_housing=True))
        assert story.do(domain.admit_patient, ADMISSION)

    def test_a_high_alert_stops_admission_until_it_is_resolved(self) -> None:
        story = seated()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        story.do(domain.screen_patient, NO_RISKS)
        assert story.acknowledge().refused(domain.admit_patient, ADMISSION) == {"no_high_alert"}
        assert story.resolve().do(domain.admit_patient, ADMISSION)

    def test_a_level_above_the_served_admits_nobody(self) -> None:
        story = seated()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level("3.1")))
        assert story.refused(domain.admit_patient, ADMISSION) == {
            "level_served",
            "minutes_in_band",
            "program_level",
        }

    @pytest.mark.parametrize(("minutes", "fits"), [(539, False), (540, True), (1199, True), (1200, False)])
    def test_the_prescribed_week_must_fit_the_level(self, minutes: int, fits: bool) -> None:
        story = seated()
        assert story.state.wish
        story.change(wish=replace(story.state.wish, weekly_minutes=minutes))
        if fits:
            assert story.do(domain.admit_patient, ADMISSION)
        else:
            assert story.refused(domain.admit_patient, ADMISSION) == {"minutes_in_band"}

    def test_the_program_is_one_that_is_offered_and_meant_for_such_a_person(self) -> None:
        story = seated()
        nowhere = replace(ADMISSION, program_id="spa")
        assert story.refused(domain.admit_patient, nowhere) == {"program_offered"}
        other_kind = replace(ADMISSION, program_id="mh_12w")
        assert story.refused(domain.admit_patient, other_kind) == {"program_kind"}
        for_others = replace(ADMISSION, program_id="adolescent_6h")
        assert story.refused(domain.admit_patient, for_others) == {"program_age"}
        assert story.do(domain.admit_patient, replace(ADMISSION, program_id="iop-adult"))

    @pytest.mark.parametrize(
        ("program", "ends"),
        [("adult_sud_day", date(2026, 4, 6)), ("matrix_16w", date(2026, 4, 28))],
    )
    def test_a_program_has_its_own_length(self, program: str, ends: date) -> None:
        story = seated()
        story.do(domain.admit_patient, replace(ADMISSION, program_id=program))
        assert story.said(intake.PatientAdmitted)[0].planned_end_on == ends

    def test_an_adolescent_is_admitted_in_the_band_of_the_age(self) -> None:
        story = seated().change(person=KAI)
        story.do(domain.grant_consent, replace(TREATMENT, signers=BOTH))
        assert story.state.wish
        story.change(wish=replace(story.state.wish, weekly_minutes=360))
        story.do(domain.admit_patient, replace(ADMISSION, program_id="adolescent_6h"))
        assert story.said(intake.PatientAdmitted)[0].age_band is AgeBand.ADOLESCENT

    def test_the_planned_end_lies_within_the_longest_stay(self) -> None:
        story = seated()
        short = RULES.model_copy(update={"program": RULES.program.model_copy(update={"max_days": 60})})
        with pytest.raises(Refused) as refusal:
            domain.admit_patient(story.state, ADMISSION, replace(story.moment(), rules=short))
        assert [f["guard"] for f in refusal.value.facts["failed"]] == ["planned_end"]

    def test_what_counts_as_baseline_is_the_newest_screening(self) -> None:
        story = seated()
        story.do(domain.screen_patient, measured(phq9=(1,) * 8 + (0,)))
        story.do(domain.admit_patient, ADMISSION)
        assert [r.total for r in story.said(intake.PatientAdmitted)[0].baseline] == [8]
