"""T2: what a screening must hold, how it is scored, and what it raises."""

from dataclasses import replace
from typing import Any

import pytest

from contracts import intake
from contracts.event import Event
from contracts.vocabulary import DeclineReason, Risk
from services.intake import domain
from services.intake.domain import Administered, Stage
from tests.intake.story import (
    NO_RISKS,
    RULES,
    Story,
    consented,
    declined,
    in_detox,
    measured,
    referred,
    screened,
)

UNJUDGED = replace(NO_RISKS, suicide_risk=None, withdrawal_risk=None)
QUIET = (0, 0, None, None, None, 0)
ITEM_9 = (0, 0, 0, 0, 0, 0, 0, 0, 1)
AUDIT_21 = (4, 2, 3, 2, 2, 1, 2, 1, 2, 2)


def risks(story: Story) -> tuple[Risk, Risk]:
    found = story.state.screening
    assert found
    return found.suicide_risk, found.withdrawal_risk


def test_a_screening_needs_a_treatment_consent_signed_or_said() -> None:
    story = referred()
    assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
    story.do(domain.grant_consent, domain.GrantConsent("contact_preferences", ("sms",)))
    assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
    story.do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
    story.do(domain.screen_patient, NO_RISKS)
    assert story.stands() is Stage.SCREENED


def test_instruments_are_scored_and_answers_stay_here() -> None:
    command = measured(
        phq9=(2, 2, 1, 2, 1, 2, 1, 1, 0), gad7=(2, 1, 2, 1, 1, 1, 1), ciwa_ar=(1, 1, 1, 1, 0, 0, 0, 0, 0, 0),
        cows=13, audit=AUDIT_21, cssrs=QUIET,
    )  # fmt: skip
    story = screened(command)
    said = story.said(intake.PatientScreened)[0]
    totals = {r.instrument: (r.total, r.band) for r in said.results}
    assert totals == {
        "phq9": (12, "moderate"),
        "gad7": (9, "mild"),
        "ciwa_ar": (4, "mild"),
        "cows": (13, "moderate"),
        "audit": (21, "zone_4"),
        "cssrs": (None, "none"),
    }
    assert {r.administered_at for r in said.results} == {story.at}
    assert "answers" not in said.model_dump_json()
    assert story.state.screening
    assert story.state.screening.answers["audit"] == AUDIT_21


def test_the_old_name_of_an_instrument_is_understood() -> None:
    command = replace(NO_RISKS, instruments=(Administered("CIWA", (0,) * 10),))
    assert [r.instrument for r in screened(command).said(intake.PatientScreened)[0].results] == ["ciwa_ar"]


class TestSuicideRisk:
    @pytest.mark.parametrize(
        ("answers", "risk"),
        [
            ((1, 1, 1, 1, 0, 0), Risk.HIGH),
            ((1, 0, None, None, None, 2), Risk.MODERATE),
            ((0, 0, None, None, None, 1), Risk.HIGH),
            ((1, 1, 0, 0, 0, 0), Risk.LOW),
            (QUIET, Risk.NONE),
        ],
    )
    def test_the_screener_says_how_high_it_is(self, answers: tuple[int | None, ...], risk: Risk) -> None:
        assert risks(screened(measured(replace(NO_RISKS, suicide_risk=None), cssrs=answers)))[0] is risk

    def test_item_nine_alone_is_moderate(self) -> None:
        story = screened(measured(replace(NO_RISKS, suicide_risk=None), phq9=ITEM_9))
        assert risks(story)[0] is Risk.MODERATE
        assert story.said(intake.PatientScreened)[0].results[0].flags == ("item9",)
        assert story.alert().severity is Risk.MODERATE
        assert story.alert().reasons == ("phq9:item9",)

    @pytest.mark.parametrize(
        ("judged", "answers", "risk"),
        [
            (Risk.HIGH, QUIET, Risk.HIGH),
            (Risk.NONE, (1, 1, 1, 1, 0, 0), Risk.HIGH),
            (Risk.LOW, (1, 0, None, None, None, 2), Risk.MODERATE),
            (None, QUIET, Risk.NONE),
        ],
    )
    def test_the_worst_of_judgement_and_score_counts(
        self, judged: Risk | None, answers: tuple[int | None, ...], risk: Risk
    ) -> None:
        assert risks(screened(measured(replace(NO_RISKS, suicide_risk=judged), cssrs=answers)))[0] is risk

    def test_without_screener_and_judgement_it_is_no_screening(self) -> None:
        unjudged = replace(NO_RISKS, suicide_risk=None)
        assert consented().refused(domain.screen_patient, unjudged) == {"suicide_screen"}

    @pytest.mark.parametrize("risk", [Risk.MODERATE, Risk.HIGH])
    def test_whoever_reads_the_bus_learns_of_the_danger_first(self, risk: Risk) -> None:
        story = screened(replace(NO_RISKS, suicide_risk=risk))
        said = [type(f).__name__ for f in story.facts if isinstance(f, Event)]
        assert said.index("SafetyAlertRaised") < said.index("PatientScreened")
        assert story.alert().reasons == ("clinician",)

    @pytest.mark.parametrize("risk", [Risk.NONE, Risk.LOW])
    def test_a_low_risk_alarms_nobody(self, risk: Risk) -> None:
        assert screened(replace(NO_RISKS, suicide_risk=risk)).state.alerts == ()

    def test_one_screening_with_two_signs_makes_one_alert_that_holds_both(self) -> None:
        story = screened(measured(phq9=(3, 3, 2, 3, 2, 2, 2, 1, 2), cssrs=(1, 1, 1, 1, 0, 0)))
        assert len(story.said(intake.SafetyAlertRaised)) == 1
        assert story.alert().reasons == ("cssrs:high", "phq9:item9")
        assert story.alert().severity is Risk.HIGH


class TestWithdrawal:
    @pytest.mark.parametrize(
        ("totals", "risk"),
        [
            ({"ciwa_ar": 0}, Risk.NONE),
            ({"ciwa_ar": 1}, Risk.LOW),
            ({"ciwa_ar": 9}, Risk.LOW),
            ({"ciwa_ar": 10}, Risk.HIGH),
            ({"cows": 0}, Risk.NONE),
            ({"cows": 4}, Risk.LOW),
            ({"cows": 5}, Risk.MODERATE),
            ({"cows": 12}, Risk.MODERATE),
            ({"cows": 13}, Risk.HIGH),
            ({"cows": 15, "ciwa_ar": 8}, Risk.HIGH),
            ({"cows": 3, "ciwa_ar": 11}, Risk.HIGH),
        ],
    )
    def test_the_scales_say_how_high_it_is(self, totals: dict[str, Any], risk: Risk) -> None:
        assert risks(screened(measured(replace(NO_RISKS, withdrawal_risk=None), **totals)))[1] is risk

    @pytest.mark.parametrize(
        ("judged", "cows", "risk"),
        [(Risk.HIGH, 0, Risk.HIGH), (Risk.NONE, 13, Risk.HIGH), (Risk.LOW, 5, Risk.MODERATE)],
    )
    def test_the_worst_of_judgement_and_score_counts(self, judged: Risk, cows: int, risk: Risk) -> None:
        assert risks(screened(measured(replace(NO_RISKS, withdrawal_risk=judged), cows=cows)))[1] is risk

    def test_neither_measured_nor_judged_is_no_screening(self) -> None:
        unjudged = replace(NO_RISKS, withdrawal_risk=None)
        assert consented().refused(domain.screen_patient, unjudged) == {"withdrawal_risk"}

    @pytest.mark.parametrize(("audit", "wanted"), [(19, False), (20, True), (40, True)])
    def test_an_alcohol_score_of_twenty_wants_a_withdrawal_scale(self, audit: int, wanted: bool) -> None:
        story = consented()
        command = measured(audit=audit)
        if not wanted:
            assert story.do(domain.screen_patient, command)
            return
        refusal = story.refusal(domain.screen_patient, command)
        (failed,) = refusal.facts["failed"]
        assert (failed["guard"], failed["one_of"]) == ("withdrawal_screen", ["ciwa_ar", "cows"])
        assert story.do(domain.screen_patient, measured(audit=audit, ciwa_ar=4))

    @pytest.mark.parametrize(
        ("totals", "alerts"),
        [({"ciwa_ar": 18}, 0), ({"ciwa_ar": 19}, 1), ({"cows": 24}, 0)],
    )
    def test_severe_withdrawal_is_an_emergency(self, totals: dict[str, Any], alerts: int) -> None:
        story = screened(measured(**totals))
        assert len(story.state.alerts) == alerts
        if alerts:
            assert story.alert("withdrawal").severity is Risk.HIGH
            assert story.alert("withdrawal").reasons == tuple(totals)

    def test_the_cuts_are_of_the_site(self) -> None:
        story = consented()
        changes = {"instruments": {"cows": {"cuts": {"detox_gate": 1}, "cite": "the site"}}}
        story.rules = RULES.model_copy(update=changes)
        story.do(domain.screen_patient, measured(cows=1))
        assert risks(story)[1] is Risk.HIGH


class TestImpossibleAnswers:
    @pytest.mark.parametrize(
        ("instrument", "answers"),
        [
            ("phq9", (1,) * 8),
            ("phq9", (4, *(0,) * 8)),
            ("gad7", (0,) * 6 + (-1,)),
            ("ciwa_ar", (8, *(0,) * 9)),
            ("cows", (3, *(0,) * 10)),
            ("cssrs", (0, 0, 1, None, None, 0)),
            ("nothing", (0,)),
        ],
    )
    def test_they_are_refused_as_such_and_say_where(self, instrument: str, answers: tuple[Any, ...]) -> None:
        command = replace(NO_RISKS, instruments=(Administered(instrument, answers),))
        refusal = consented().refusal(domain.screen_patient, command)
        assert (refusal.code, refusal.status) == ("bad_answers", 422)
        assert refusal.facts["items"][0]["instrument"] == instrument

    def test_an_instrument_is_given_once(self) -> None:
        twice = replace(NO_RISKS, instruments=(Administered("phq9", (0,) * 9),) * 2)
        items = consented().refusal(domain.screen_patient, twice).facts["items"]
        assert items == [{"instrument": "phq9", "why": "it is given twice"}]

    def test_everything_that_is_wrong_is_named_at_once(self) -> None:
        command = replace(NO_RISKS, instruments=(Administered("nothing", ()), Administered("phq9", (9,) * 9)))
        items = consented().refusal(domain.screen_patient, command).facts["items"]
        assert {i["instrument"] for i in items} == {"nothing", "phq9"}


def test_nobody_is_screened_in_detox_or_after_the_end() -> None:
    assert in_detox().refused(domain.screen_patient, NO_RISKS) == {"stage"}
    story = screened()
    story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
    assert "stage" in story.refused(domain.screen_patient, NO_RISKS)


def test_the_screening_alone_sends_nobody_anywhere() -> None:
    story = screened(measured(replace(NO_RISKS, suicide_risk=Risk.HIGH), cows=40))
    assert story.said(intake.DetoxReferred) == []
    assert story.said(intake.ReferralDeclined) == []
    assert story.stands() is Stage.SCREENED


def test_both_unknown_risks_are_named_together() -> None:
    assert consented().refused(domain.screen_patient, UNJUDGED) == {"suicide_screen", "withdrawal_risk"}
