"""Results in the order in which they were taken, profiles, corrections, and what a result raises."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contracts.intake import InstrumentResult, OpenAlert
from contracts.progress import (
    MeasureRecorded,
    ProfileRecorded,
    RecommendationDeclined,
    SafetyAlertEscalated,
    SafetyAlertRaised,
    StepUpRecommended,
    SubstanceUseReported,
)
from contracts.rulebook import rulebook
from contracts.vocabulary import Risk
from services.progress import domain
from tests.progress.story import ADMITTED_ON, Story, attending, local, recommended

NO, YES, SKIPPED = 0, 1, None
MODERATE = (YES, NO, SKIPPED, SKIPPED, SKIPPED, 2)
HIGH = (YES, YES, YES, NO, NO, YES)
LOW = (YES, NO, SKIPPED, SKIPPED, SKIPPED, NO)
NONE = (NO, NO, SKIPPED, SKIPPED, SKIPPED, NO)


def baseline(name: str, *, at: datetime | None = None, **subscales: int) -> InstrumentResult:
    version = "likert" if name == "bam" else "1"
    return InstrumentResult(instrument=name, version=version, subscales=subscales, administered_at=at)


def begun(*found: InstrumentResult) -> Story:
    story = Story().admitted(baseline=found)
    story.agreed()
    story.on(ADMITTED_ON, "12:00").attended()
    return story


class TestOrder:
    def test_a_result_entered_late_stands_where_it_was_taken(self) -> None:
        story = attending().on("2026-01-27")
        story.phq9_total(9)
        story.phq9_total(11, administered_at=local(date(2026, 1, 20), "10:00"))

        late = story.last(MeasureRecorded)
        assert (late.previous_total, late.change_from_previous, late.change) == (12, -1, -1)
        assert [r.total for r in story.state.scores("phq9")] == [11, 9]

    def test_the_change_from_the_one_before_stands_beside_the_change_from_the_start(self) -> None:
        story = attending()
        for day, total in (("2026-01-20", 11), ("2026-01-27", 9)):
            story.on(day).phq9_total(total)

        measured = story.last(MeasureRecorded)
        assert (measured.change, measured.change_from_previous, measured.previous_total) == (-3, -2, 11)
        assert measured.measure_id == story.state.scores("phq9")[-1].measure_id

    def test_of_two_at_one_instant_the_one_entered_later_is_the_newer(self) -> None:
        story = attending()
        story.phq9_total(9)
        story.phq9_total(10)

        assert [r.total for r in story.state.scores("phq9")] == [9, 10]
        assert story.last(MeasureRecorded).previous_total == 9

    @pytest.mark.parametrize(("later", "code"), [(1, "administered_in_future"), (0, None), (-1, None)])
    def test_nothing_is_taken_in_the_future(self, later: int, code: str | None) -> None:
        story = attending()
        command = domain.RecordMeasure("phq9", (0,) * 9, story.now + timedelta(seconds=later))
        if code:
            assert story.refuses(command, code=code).status == 422
        else:
            assert story.do(command)

    def test_nothing_is_taken_before_the_calendar_of_anybody_alive(self) -> None:
        at = local(date(1899, 12, 30), "12:00")

        attending().refuses(domain.RecordMeasure("phq9", (0,) * 9, at), code="administered_too_long_ago")

    @pytest.mark.parametrize(("seconds", "start"), [(-1, 7), (0, 12), (1, 12)])
    def test_what_was_taken_before_the_first_session_is_the_start(self, seconds: int, start: int) -> None:
        story = attending()
        story.phq9_total(7, administered_at=story.state.attended_from + timedelta(seconds=seconds))

        assert story.state.baselines["phq9"] == start

    def test_an_older_result_is_no_newer_start(self) -> None:
        story = Story().admitted().on(ADMITTED_ON, "08:30")
        story.phq9_total(10)
        story.phq9_total(20, administered_at=local(date(2026, 1, 10), "08:00"))

        assert story.state.baselines == {"phq9": 10}

    def test_an_old_result_entered_late_says_nothing_new_of_a_deterioration(self) -> None:
        story = attending()
        for day in (20, 27):
            story.on(date(2026, 1, day)).phq9_total(18)
        story.do(domain.DeclineRecommendation(story.last(StepUpRecommended).recommendation_id, "not_ready"))
        story.phq9_total(18, administered_at=local(date(2026, 1, 15), "10:00"))

        assert len(story.said(StepUpRecommended)) == 1

    def test_two_in_a_row_count_in_the_order_in_which_they_were_taken(self) -> None:
        story = attending().on("2026-01-27")
        story.phq9_total(18)
        story.phq9_total(12, administered_at=local(date(2026, 1, 20), "10:00"))
        assert story.said(StepUpRecommended) == []

        story.phq9_total(18, administered_at=local(date(2026, 1, 22), "10:00"))
        assert story.last(StepUpRecommended).trigger == "deterioration"


class TestOffTrack:
    @pytest.mark.parametrize(
        ("days", "total", "off_track"),
        [
            (27, 24, None),
            (28, 16, False),
            (28, 17, True),
            (62, 16, False),
            (63, 12, False),
            (63, 13, True),
            (97, 12, False),
            (98, 8, False),
            (98, 9, True),
        ],
    )
    def test_a_total_too_high_for_the_week_of_treatment(
        self, days: int, total: int, off_track: bool | None
    ) -> None:
        story = attending()
        story.on(ADMITTED_ON + timedelta(days=days)).phq9_total(total)

        assert story.last(MeasureRecorded).off_track is off_track

    def test_the_week_is_that_of_the_day_it_was_taken(self) -> None:
        story = attending().on(ADMITTED_ON + timedelta(days=28))
        story.phq9_total(20, administered_at=local(ADMITTED_ON + timedelta(days=27), "23:59"))

        assert story.last(MeasureRecorded).off_track is None

    def test_an_instrument_without_such_numbers_is_never_off_track(self) -> None:
        story = attending().on(ADMITTED_ON + timedelta(days=40))
        story.do(domain.RecordMeasure("gad7", (3,) * 7))

        assert story.last(MeasureRecorded).off_track is None


@pytest.mark.parametrize(
    ("total", "change", "response", "remission"),
    [
        (17, "deteriorated", False, False),
        (16, "none", False, False),
        (8, "none", False, False),
        (7, "improved", False, False),
        (6, "improved", True, False),
        (5, "improved", True, False),
        (4, "improved", True, True),
    ],
)
def test_each_number_of_a_phq9_counts_from_its_own_edge(
    total: int, change: str, response: bool, remission: bool
) -> None:
    """From a start of 12: five points are reliable, half of it is a response, below five is remission."""
    story = attending()
    story.phq9_total(total)

    measured = story.last(MeasureRecorded)
    assert (measured.reliable_change, measured.response, measured.remission) == (change, response, remission)


class TestProfiles:
    def test_an_instrument_without_a_total_is_held_against_the_start_and_the_one_before(self) -> None:
        story = begun(baseline("bam", use=4, risk=12, protective=11))
        story.bam(2)
        story.on("2026-01-20").bam(1)

        first, second = story.said(ProfileRecorded)
        assert (first.subscales["use"], first.previous, first.baseline) == (
            2,
            first.baseline,
            {"use": 4, "risk": 12, "protective": 11},
        )
        assert (second.previous["use"], second.baseline["use"], second.version) == (2, 4, "likert")
        assert "use" in second.flags

    def test_versions_count_in_different_units_and_are_not_compared(self) -> None:
        story = begun(baseline("bam", use=4))
        story.bam(2)
        continuous = domain.RecordMeasure("bam", (0,) * 17, version="continuous")
        story.do(continuous)

        assert (story.last(ProfileRecorded).previous, story.last(ProfileRecorded).baseline) == ({}, {})

    def test_it_must_be_said_which_version(self) -> None:
        story = attending()
        story.refuses(domain.RecordMeasure("bam", (0,) * 17), code="instrument_version_required")
        story.refuses(domain.RecordMeasure("phq9", (0,) * 9, version="2"), code="instrument_unknown")

    def test_means_are_kept_in_hundredths_with_the_global_score(self) -> None:
        story = attending()
        story.do(domain.RecordMeasure("edeq", (*(1,) * 12, *(0,) * 6, *(2,) * 10)))

        profile = story.last(ProfileRecorded)
        assert profile.subscales["restraint"] == 100
        assert profile.subscales["global"] == 143

    def test_the_global_score_of_the_start_is_one_of_its_numbers(self) -> None:
        found = InstrumentResult(instrument="edeq", version="6", total=310, subscales={"restraint": 280})
        story = begun(found)
        story.do(domain.RecordMeasure("edeq", (*(1,) * 12, *(0,) * 6, *(2,) * 10)))

        assert story.last(ProfileRecorded).baseline == {"restraint": 280, "global": 310}

    def test_a_profile_before_the_first_session_is_the_start(self) -> None:
        story = Story().admitted()
        story.bam(4)
        story.agreed()
        story.on(ADMITTED_ON, "12:00").attended()
        story.bam(2)

        assert story.last(ProfileRecorded).baseline["use"] == 4

    def test_a_screener_has_a_band_and_no_numbers(self) -> None:
        story = attending()
        story.cssrs(*LOW)

        assert (story.last(ProfileRecorded).band, story.last(ProfileRecorded).subscales) == ("low", {})
        assert story.said(SafetyAlertRaised) == []


class TestCorrections:
    def test_a_wrong_entry_is_replaced_and_keeps_its_instant(self) -> None:
        story = attending()
        story.phq9_total(20)
        wrong = story.last(MeasureRecorded)
        story.on("2026-01-15").phq9_total(10, supersedes=wrong.measure_id)

        right = story.last(MeasureRecorded)
        assert right.supersedes_measure_id == wrong.measure_id
        assert right.administered_at == wrong.administered_at
        assert (right.previous_total, right.change) == (12, -2)
        assert [r.total for r in story.state.scores("phq9")] == [10]

    def test_a_wrong_day_is_corrected_on_its_side_of_the_first_session_only(self) -> None:
        story = attending().on("2026-01-20")
        story.phq9_total(9)
        id = story.last(MeasureRecorded).measure_id
        before = domain.RecordMeasure("phq9", (1,) * 9, local(date(2026, 1, 12), "10:00"), supersedes=id)
        story.refuses(before, "start")
        story.phq9_total(9, supersedes=id, administered_at=local(date(2026, 1, 19), "10:00"))

        assert [r.at for r in story.state.scores("phq9")] == [local(date(2026, 1, 19), "10:00")]

    def test_a_wrong_start_is_corrected(self) -> None:
        story = Story().admitted().on(ADMITTED_ON, "08:30")
        story.phq9_total(20)
        story.agreed()
        story.on(ADMITTED_ON, "12:00").attended()
        wrong = story.last(MeasureRecorded).measure_id
        story.phq9_total(10, supersedes=wrong)

        assert story.state.baselines == {"phq9": 10}
        assert story.state.starts["phq9"].total == 10

    def test_a_start_that_was_taken_on_an_earlier_day_stays_the_start(self) -> None:
        story = Story().admitted().on(ADMITTED_ON, "08:30")
        story.phq9_total(20)
        wrong = story.last(MeasureRecorded).measure_id
        story.phq9_total(10, supersedes=wrong, administered_at=local(date(2026, 1, 12), "10:00"))

        assert story.state.baselines == {"phq9": 10}

    def test_what_is_not_there_is_not_corrected(self) -> None:
        story = attending()
        story.phq9_total(9)
        id = story.last(MeasureRecorded).measure_id
        for command in (
            domain.RecordMeasure("phq9", (0,) * 9, supersedes="nothing"),
            domain.RecordMeasure("gad7", (0,) * 7, supersedes=id),
        ):
            assert story.refuses(command, code="measure_unknown").status == 404

    def test_a_corrected_profile_replaces_the_wrong_one(self) -> None:
        story = begun()
        story.bam(3)
        story.bam(1, supersedes=story.last(ProfileRecorded).measure_id)

        assert [p.subscales["use"] for p in story.state.profiles["bam"]] == [1]


class TestSuicideAlerts:
    def test_a_screener_at_high_is_due_in_fifteen_minutes(self) -> None:
        story = attending()
        story.cssrs(*HIGH)

        alert = story.last(SafetyAlertRaised)
        assert (alert.kind, alert.severity) == ("suicide_risk", "high")
        assert alert.due_ack_at == story.now + timedelta(minutes=15)

    @pytest.mark.parametrize(
        ("day", "at", "due"),
        [
            ("2026-01-20", "10:00", "2026-01-21"),
            ("2026-01-20", "00:00", "2026-01-21"),
            ("2026-01-20", "23:59", "2026-01-21"),
            ("2026-03-08", "01:00", "2026-03-09"),
        ],
    )
    def test_a_screener_at_moderate_is_due_by_the_end_of_the_local_day(
        self, day: str, at: str, due: str
    ) -> None:
        story = attending().on(day, at)
        story.cssrs(*MODERATE)

        alert = story.last(SafetyAlertRaised)
        assert (alert.severity, alert.due_ack_at) == ("moderate", local(date.fromisoformat(due), "00:00"))

    def test_a_rise_is_said_under_the_same_id_with_the_earlier_due_time(self) -> None:
        story = attending().on("2026-05-06", "20:55")
        story.phq9(2, 2, 2, 2, 1, 2, 2, 1, 1)
        story.on("2026-05-06", "21:10").cssrs(*HIGH)

        first, second = story.said(SafetyAlertRaised)
        assert (second.alert_id, first.severity, second.severity) == (first.alert_id, "moderate", "high")
        assert second.due_ack_at == local(date(2026, 5, 6), "21:25")
        story.on("2026-05-06", "21:18").do(domain.AcknowledgeAlert(first.alert_id))
        story.on("2026-05-07")
        assert story.said(SafetyAlertEscalated) == []

    def test_close_to_midnight_the_day_ends_before_the_quarter_of_an_hour(self) -> None:
        story = attending().on("2026-05-06", "20:55")
        story.cssrs(*MODERATE)
        story.on("2026-05-06", "23:50").cssrs(*HIGH)

        assert story.last(SafetyAlertRaised).due_ack_at == local(date(2026, 5, 7), "00:00")

    @pytest.mark.parametrize("late", ["acknowledged", "overdue"])
    def test_what_was_taken_in_hand_or_is_late_already_gets_a_quarter_of_an_hour_for_the_rise(
        self, late: str
    ) -> None:
        story = attending().on("2026-05-06", "20:55")
        story.cssrs(*MODERATE)
        alert_id = story.last(SafetyAlertRaised).alert_id
        if late == "acknowledged":
            story.do(domain.AcknowledgeAlert(alert_id))
            story.on("2026-05-06", "23:55")
        else:
            story.on("2026-05-07", "10:00")
        story.cssrs(*HIGH)

        (alert,) = story.state.alerts
        assert (alert.acknowledged, alert.due_ack_at) == (False, story.now + timedelta(minutes=15))

    @pytest.mark.parametrize("answers", [LOW, NONE, MODERATE, HIGH])
    def test_severity_never_falls_and_no_second_alert_opens(self, answers: tuple[Any, ...]) -> None:
        story = attending()
        story.cssrs(*HIGH)
        story.cssrs(*answers)
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 3)

        assert len(story.said(SafetyAlertRaised)) == 1
        assert [a.severity for a in story.state.alerts] == ["high"]

    def test_what_came_with_the_person_is_joined_and_rises(self) -> None:
        due = local(ADMITTED_ON, "23:00")
        handed = OpenAlert(
            alert_id="a-1", kind="suicide_risk", severity=Risk.MODERATE, due_ack_at=due, acknowledged=False
        )
        story = Story().admitted(open_alerts=(handed,))
        story.cssrs(*HIGH)

        assert (story.last(SafetyAlertRaised).alert_id, story.state.alerts[0].severity) == ("a-1", "high")

    def test_an_alert_takes_a_step_down_off_the_table(self) -> None:
        story = recommended()
        story.cssrs(*MODERATE)

        assert story.last(RecommendationDeclined).reason == "criteria_no_longer_met"

    def test_contradictory_answers_are_refused_and_never_guessed(self) -> None:
        command = domain.RecordMeasure("cssrs", (YES, NO, YES, NO, NO, NO))

        attending().refuses(command, code="answer_out_of_range")


class TestWithdrawal:
    @pytest.mark.parametrize(
        ("instrument", "answers", "raised"),
        [
            ("ciwa_ar", (2, 2, 1, 1, 1, 1, 1, 0, 0, 0), False),
            ("ciwa_ar", (2, 2, 1, 1, 1, 1, 1, 1, 0, 0), True),
            ("ciwa_ar", (7, 7, 7, 0, 0, 0, 0, 0, 0, 0), True),
            ("cows", (2, 2, 1, 2, 2, 1, 2, 0, 0, 0, 0), False),
            ("cows", (2, 2, 1, 2, 2, 1, 2, 1, 0, 0, 0), True),
        ],
    )
    def test_a_withdrawal_scale_at_its_gate_raises_an_alert(
        self, instrument: str, answers: tuple[int, ...], raised: bool
    ) -> None:
        story = attending()
        story.do(domain.RecordMeasure(instrument, answers))

        found = [(a.kind, a.severity) for a in story.said(SafetyAlertRaised)]
        assert found == ([("withdrawal", "high")] if raised else [])

    def test_it_stands_beside_a_suicide_alert(self) -> None:
        story = attending()
        story.cssrs(*MODERATE)
        story.do(domain.RecordMeasure("ciwa_ar", (7, 7, 0, 0, 0, 0, 0, 0, 0, 0)))

        assert {a.kind for a in story.state.alerts} == {"suicide_risk", "withdrawal"}


class TestUse:
    def test_use_after_a_stretch_without_is_a_lapse_that_nobody_confirmed(self) -> None:
        story = begun()
        story.bam(0)
        story.on("2026-01-20").bam(2)

        report = story.last(SubstanceUseReported)
        assert (report.source, report.classification, report.confirmed) == ("measure", "lapse", False)
        assert (report.used_on, report.reported_on) == (date(2026, 1, 20), date(2026, 1, 20))
        assert story.said(StepUpRecommended) == []

    @pytest.mark.parametrize(("before", "news"), [(0, True), (4, False), (None, False)])
    def test_where_the_person_started_counts_as_a_result(self, before: int | None, news: bool) -> None:
        story = begun() if before is None else begun(baseline("bam", use=before))
        story.bam(2)

        assert bool(story.said(SubstanceUseReported)) is news

    def test_one_form_counts_once_even_where_the_person_started_with_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measures = rulebook().measures.model_copy(update={"use_free_results": 2})
        rules = rulebook().model_copy(update={"measures": measures})
        monkeypatch.setattr("tests.progress.story.rulebook", lambda: rules)
        story = Story().admitted()
        story.bam(0)
        story.agreed()
        story.on(ADMITTED_ON, "12:00").attended()
        story.bam(2)
        assert story.said(SubstanceUseReported) == []

        for day, use in ((20, 0), (27, 0), (28, 1)):
            story.on(date(2026, 1, day)).bam(use)
        assert len(story.said(SubstanceUseReported)) == 1

    def test_going_on_with_use_is_no_news(self) -> None:
        story = begun(baseline("bam", use=0))
        story.bam(2)
        story.on("2026-01-20").bam(3)

        assert len(story.said(SubstanceUseReported)) == 1

    def test_a_form_entered_late_is_judged_by_what_came_before_it(self) -> None:
        story = begun(baseline("bam", use=3)).on("2026-01-27")
        story.bam(0)
        story.bam(2, administered_at=local(date(2026, 1, 20), "10:00"))
        assert story.said(SubstanceUseReported) == []

        story.on("2026-02-03").bam(0)
        story.bam(1, administered_at=local(date(2026, 1, 30), "10:00"))
        assert story.last(SubstanceUseReported).used_on == date(2026, 1, 30)

    def test_a_corrected_form_reports_what_the_wrong_one_did_not_say_and_only_that(self) -> None:
        story = begun(baseline("bam", use=0))
        story.bam(0)
        story.bam(2, supersedes=story.last(ProfileRecorded).measure_id)
        assert len(story.said(SubstanceUseReported)) == 1

        story.bam(1, supersedes=story.last(ProfileRecorded).measure_id)
        assert len(story.said(SubstanceUseReported)) == 1

    def test_a_person_says_relapse_in_place_of_the_lapse(self) -> None:
        story = begun(baseline("bam", use=0))
        story.bam(2)
        lapse = story.last(SubstanceUseReported)
        story.do(
            domain.ReportSubstanceUse(
                "clinician", lapse.used_on, "relapse", supersedes_report_id=lapse.report_id
            )
        )

        relapse = story.last(SubstanceUseReported)
        assert (relapse.supersedes_report_id, relapse.confirmed) == (lapse.report_id, True)
        assert [(u.id, u.superseded) for u in story.state.use_reports] == [
            (lapse.report_id, True),
            (relapse.report_id, False),
        ]
        assert story.last(StepUpRecommended).trigger == "relapse"

    def test_what_was_not_reported_is_not_superseded(self) -> None:
        command = domain.ReportSubstanceUse(
            "clinician", ADMITTED_ON, "relapse", supersedes_report_id="nothing"
        )

        assert attending().refuses(command, code="report_unknown").status == 404
