"""Admission: T12."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Refused
from contracts.vocabulary import (
    LevelOfCare,
    PlanKind,
    Risk,
)
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ADMISSION,
    ASSESSMENT,
    COVERED,
    NO_RISKS,
    RULES,
    authorization,
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
        ("changes", "guard"),
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
