"""How an episode ends: aftercare, check-in calls, alumni and discharge."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.progress import (
    AftercarePlanned,
    AlumniEnrolled,
    CheckInCompleted,
    CheckInDue,
    CheckInMissed,
    EpisodeStateChanged,
    ExtensionDenied,
    LevelOfCareChanged,
    PatientDischarged,
    RecommendationDeclined,
    SafetyAlertEscalated,
    StepDownApproved,
    StepUpApproved,
    StepUpRecommended,
)
from contracts.vocabulary import DischargeReason
from services.progress import domain
from services.progress.domain.facts import PRIVATE_FACTS, WeekNoted
from tests.progress.story import (
    ADMITTED_ON,
    IOP,
    OPTIONAL,
    OUTPATIENT,
    PHP,
    PHQ_DOWN,
    SOBER,
    Story,
    assessed,
    attending,
    local,
    recommended,
)

HELD_ON = date(2026, 2, 3)
MEETING = domain.PlanAftercare(HELD_ON, ("individual_weekly", "alumni"), relapse_prevention_plan=True)
STABLE = domain.RecordCheckIn(reached=True, status_summary="stable")


def leaving(reason: DischargeReason, **what: object) -> domain.DischargePatient:
    return domain.DischargePatient(reason, **what)  # type: ignore[arg-type]


def rounded_off(story: Story) -> Story:
    """The week of the only session is closed, and what was measured at the start is measured again."""
    story.week("2026-01-12", 180, short=True)
    story.phq9(1, 1, 1, 1, 1, 1, 1, 1, 0)
    return story


def in_aftercare() -> Story:
    """Aftercare began on 2026-02-03."""
    story = rounded_off(recommended())
    story.do(MEETING)
    return story


def leaving_against_advice(**what: object) -> domain.DischargePatient:
    given: dict[str, object] = {"risks_discussed": True, "signed": False, "aftercare_offered": True, **what}
    return leaving(DischargeReason.LEFT_AGAINST_ADVICE, **given)


def never_came() -> Story:
    story = Story().admitted()
    story.agreed()
    return story


def with_attempts(story: Story, *channels: str) -> Story:
    for channel in channels:
        story.do(domain.LogOutreach(channel, reached=False))
    return story


class TestAftercare:
    def test_it_begins_with_the_meeting_and_takes_everything_else_off_the_table(self) -> None:
        story = in_aftercare()

        planned = story.last(AftercarePlanned)
        assert (planned.checkin_cadence_days, planned.until_on) == (14, date(2026, 5, 4))
        assert story.last(EpisodeStateChanged).transition == "T27"
        assert story.last(RecommendationDeclined).reason == "superseded"
        assert story.wakes == {"check_in": local(date(2026, 2, 17), "00:00")}

    def test_an_extension_nobody_needs_any_more_is_closed(self) -> None:
        story = rounded_off(attending().on("2026-03-30"))
        story.attest()
        story.do(MEETING)

        assert story.last(ExtensionDenied).reason == "aftercare"

    @pytest.mark.parametrize(
        ("changes", "guard"),
        [
            ({"meeting_on": None}, "meeting_held"),
            ({"meeting_on": date(2026, 2, 4)}, "meeting_on"),
            ({"meeting_on": date(2026, 1, 12)}, "meeting_on"),
            ({"relapse_prevention_plan": False}, "relapse_prevention_plan"),
        ],
    )
    def test_what_it_asks_for(self, changes: dict[str, Any], guard: str) -> None:
        fields: dict[str, Any] = {"meeting_on": HELD_ON, "components": (), "relapse_prevention_plan": True}

        rounded_off(recommended()).refuses(domain.PlanAftercare(**{**fields, **changes}), guard)

    @pytest.mark.parametrize(("day", "missing"), [("2026-02-17", []), ("2026-02-18", ["exit_measures"])])
    def test_what_was_measured_at_the_start_is_measured_within_two_weeks(
        self, day: str, missing: list[str]
    ) -> None:
        story = rounded_off(recommended()).on(day)
        if missing:
            story.refuses(MEETING, *missing)
        else:
            story.do(MEETING)

    def test_what_was_not_measured_at_the_start_is_not_asked_for(self) -> None:
        story = Story().admitted(phq9=None)
        story.agreed()
        story.attended()
        story.plan()
        story.week("2026-01-12", 180, short=True)
        story.do(domain.PlanAftercare(ADMITTED_ON, (), True, override_reason="moving"))

        assert story.state.stage == "AFTERCARE"

    def test_the_week_of_the_last_session_is_closed(self) -> None:
        story = recommended()
        story.phq9(*[0] * 9)
        story.refuses(MEETING, "last_week_closed")
        story.week("2026-01-12", 180, short=True)
        story.do(MEETING)

    def test_its_components_are_those_of_the_catalogue(self) -> None:
        story = rounded_off(recommended())
        story.refuses(replace(MEETING, components=("yoga",)), code="component_unknown")

    def test_the_meeting_may_have_been_before_and_the_calls_count_from_now(self) -> None:
        story = rounded_off(recommended())
        story.do(replace(MEETING, meeting_on=date(2026, 1, 30)))

        planned = story.last(AftercarePlanned)
        assert (planned.meeting_at, planned.started_on) == (local(date(2026, 1, 30), "00:00"), HELD_ON)
        assert planned.until_on == date(2026, 5, 4)
        assert story.wakes == {"check_in": local(date(2026, 2, 17), "00:00")}

    def test_open_goals_ask_for_a_reason(self) -> None:
        story = rounded_off(attending().on(HELD_ON))
        story.refuses(MEETING, "goals_met")
        story.do(domain.PlanAftercare(HELD_ON, (), True, override_reason="moving away"))

        assert story.state.stage == "AFTERCARE"
        assert story.last(AftercarePlanned).goals_overridden

    def test_a_plan_without_required_goals_is_no_goal_met(self) -> None:
        story = rounded_off(attending().on(HELD_ON))
        story.plan(OPTIONAL)
        story.attest()

        story.refuses(MEETING, "goals_met")

    def test_only_a_clinical_person_and_only_from_treatment(self) -> None:
        rounded_off(recommended()).refuses(MEETING, "clinical_role", role="scheduler")
        in_aftercare().refuses(MEETING, "state")

    def test_nothing_is_recommended_downwards_any_more(self) -> None:
        story = in_aftercare()
        story.week("2026-02-02", 720)

        assert story.state.step_down is None


class TestCheckIns:
    def test_calls_come_due_by_the_cadence_until_the_end(self) -> None:
        story = in_aftercare()
        for _ in range(6):
            story.on(story.wakes["check_in"].date(), "10:00")
            story.do(STABLE)

        assert [c.due_on for c in story.said(CheckInDue)] == [
            date(2026, 2, 3) + timedelta(days=14 * n) for n in range(1, 7)
        ]
        assert [c.check_in for c in story.said(CheckInCompleted)] == [1, 2, 3, 4, 5, 6]
        assert story.wakes == {}

    def test_a_day_without_a_call_is_a_missed_call(self) -> None:
        story = in_aftercare().on("2026-02-18", "00:00")

        assert story.last(CheckInMissed).due_on == date(2026, 2, 17)
        assert story.wakes == {"check_in": local(date(2026, 3, 3), "00:00")}
        story.refuses(STABLE, code="no_check_in_due")
        assert story.woke("check_in_missed") == []
        assert story.woke("check_in") == []

    def test_a_call_that_reached_nobody_is_missed_too(self) -> None:
        story = in_aftercare().on("2026-02-17")
        story.do(domain.RecordCheckIn(reached=False))

        assert (story.last(CheckInMissed).check_in, story.state.aftercare.missed) == (1, 1)

    @pytest.mark.parametrize("status", [None, "so_so"])
    def test_who_was_reached_is_somehow(self, status: str | None) -> None:
        story = in_aftercare().on("2026-02-17")
        story.refuses(domain.RecordCheckIn(reached=True, status_summary=status), code="status_unknown")

    def test_no_call_is_due_before_aftercare(self) -> None:
        attending().refuses(STABLE, code="no_check_in_due")

    def test_a_relapse_told_on_the_phone_leads_back_to_treatment(self) -> None:
        story = in_aftercare().on("2026-02-17")
        story.do(domain.RecordCheckIn(reached=True, status_summary="relapse"))
        up = story.last(StepUpRecommended)
        assert (up.kind, up.trigger, up.to_weekly_minutes) == ("readmit", "relapse", 540)

        rid = story.state.step_up
        assessed(story)
        story.refuses(story.approval(rid, agreed=False), "patient_agreed")
        story.approve(rid, "2026-02-23")
        assert story.last(StepUpApproved).kind == "readmit"
        assert story.last(EpisodeStateChanged).transition == "T28"
        assert (story.state.stage, story.state.planned_end_on) == ("ATTENDING", date(2026, 5, 24))
        assert "check_in" not in story.wakes

    def test_from_the_lower_level_the_readmission_changes_the_level(self) -> None:
        story = rounded_off(recommended(540))
        story.approve(story.state.step_down)
        story.do(MEETING)
        story.on("2026-02-17").do(domain.RecordCheckIn(reached=True, status_summary="relapse"))
        assessed(story)
        story.approve(story.state.step_up)

        assert [(c.from_level, c.to_level) for c in story.said(LevelOfCareChanged)][-1] == (OUTPATIENT, IOP)

    @pytest.mark.parametrize(("days", "recommends"), [(90, True), (91, False)])
    def test_a_relapse_is_readmitted_within_ninety_days(self, days: int, recommends: bool) -> None:
        story = in_aftercare().on(date(2026, 2, 3) + timedelta(days=days))
        story.do(domain.ReportSubstanceUse("self", date(2026, 4, 1), "relapse"))

        assert (story.state.step_up is not None) is recommends

    def test_what_was_reported_in_time_may_be_approved_a_little_later(self) -> None:
        story = in_aftercare().on("2026-05-03")
        story.do(domain.ReportSubstanceUse("self", date(2026, 5, 1), "relapse"))
        assessed(story.on("2026-05-06")).approve(story.state.step_up)

        assert story.state.stage == "ATTENDING"


class TestAlumni:
    def test_aftercare_over_and_consent_given(self) -> None:
        story = in_aftercare().on("2026-02-17")
        story.do(STABLE)
        story.refuses(domain.EnrolAlumni(consented=True), "aftercare_over")
        story.on("2026-05-04").refuses(domain.EnrolAlumni(consented=False), "consent")
        story.do(domain.EnrolAlumni(consented=True))

        assert story.last(AlumniEnrolled).enrolled_on == date(2026, 5, 4)
        assert story.last(EpisodeStateChanged).transition == "T29"

    def test_not_before_aftercare(self) -> None:
        attending().refuses(domain.EnrolAlumni(consented=True), "state", "aftercare_over")


class TestDischarge:
    def test_the_whole_way_ends_with_the_days_to_the_last_service(self) -> None:
        story = in_aftercare().on("2026-05-04")
        story.do(domain.EnrolAlumni(consented=True))
        story.do(leaving(DischargeReason.COMPLETED_GOALS))

        end = story.last(PatientDischarged)
        assert (end.teds_reason, end.los_days, end.last_service_on) == ("completed", 1, ADMITTED_ON)
        assert (end.goals_total, end.goals_met, end.level_at_discharge) == (1, 1, IOP)
        assert story.last(EpisodeStateChanged).transition == "T30"

    def test_two_missed_calls_end_aftercare_early(self) -> None:
        story = in_aftercare().on("2026-02-18")
        story.refuses(leaving(DischargeReason.COMPLETED_GOALS), "aftercare_over")
        story.on("2026-03-04").do(leaving(DischargeReason.COMPLETED_GOALS))

        assert story.state.over

    def test_nobody_completes_out_of_treatment(self) -> None:
        attending().refuses(leaving(DischargeReason.COMPLETED_GOALS), "state", "aftercare_over")

    def test_left_against_advice_asks_for_risks_signature_and_offer(self) -> None:
        story = attending()
        story.attended("2026-01-27")
        story.on("2026-01-28").refuses(leaving_against_advice(risks_discussed=False), "risks_discussed")
        story.refuses(leaving_against_advice(signed=None), "signature")
        story.refuses(leaving_against_advice(aftercare_offered=False), "aftercare_offered")
        story.do(leaving_against_advice())

        end = story.last(PatientDischarged)
        assert (end.teds_reason, end.los_days, end.signed) == ("dropped_out", 14, False)
        assert story.last(EpisodeStateChanged).transition == "T32"

    def test_only_who_leaves_against_advice_is_asked_to_sign_so(self) -> None:
        story = attending()
        story.do(leaving(DischargeReason.MOVED, risks_discussed=True, signed=True))
        assert story.last(PatientDischarged).signed is None

    @pytest.mark.parametrize(
        ("day", "channels", "guards"),
        [
            ("2026-02-11", ("sms", "voice", "email"), ["days"]),
            ("2026-02-12", ("sms", "voice"), ["attempts"]),
            ("2026-02-12", ("sms", "sms", "sms"), ["channels"]),
            ("2026-02-12", ("sms", "sms", "voice"), []),
        ],
    )
    def test_dropped_out_asks_for_thirty_days_three_attempts_two_channels(
        self, day: str, channels: tuple[str, ...], guards: list[str]
    ) -> None:
        story = with_attempts(attending().on("2026-01-20"), *channels).on(day)
        command = leaving(DischargeReason.DROPPED_OUT_NO_CONTACT)
        if guards:
            story.refuses(command, *guards)
        else:
            assert story.do(command)

    def test_who_answered_was_not_lost(self) -> None:
        story = with_attempts(attending().on("2026-01-20"), "sms", "voice", "email")
        story.on("2026-02-01").do(domain.LogOutreach("voice", reached=True))
        command = leaving(DischargeReason.DROPPED_OUT_NO_CONTACT)
        story.on("2026-02-20").refuses(command, "attempts", "channels")

        assert with_attempts(story, "sms", "voice", "email").do(command)

    def test_attempts_before_the_last_attendance_do_not_count(self) -> None:
        story = with_attempts(attending().on("2026-01-20"), "sms", "voice", "email")
        story.on("2026-01-21").attended()

        story.on("2026-02-20").refuses(
            leaving(DischargeReason.DROPPED_OUT_NO_CONTACT), "attempts", "channels"
        )

    @pytest.mark.parametrize(
        ("day", "channels", "guards"),
        [
            ("2026-01-26", ("sms", "sms"), ["days"]),
            ("2026-01-27", ("sms",), ["attempts"]),
            ("2026-01-27", ("sms", "sms"), []),
        ],
    )
    def test_never_attended_asks_for_fourteen_days_and_two_attempts(
        self, day: str, channels: tuple[str, ...], guards: list[str]
    ) -> None:
        story = with_attempts(never_came().on("2026-01-14"), *channels).on(day)
        command = leaving(DischargeReason.NEVER_ATTENDED)
        if guards:
            story.refuses(command, *guards)
        else:
            story.do(command)
            assert story.last(EpisodeStateChanged).transition == "T15"
            assert (story.last(PatientDischarged).los_days, story.state.last_attended_on) == (1, None)

    def test_who_attended_did_not_never_attend(self) -> None:
        story = with_attempts(attending().on("2026-01-20"), "sms", "voice").on("2026-02-20")
        story.refuses(leaving(DischargeReason.NEVER_ATTENDED), "no_attendance")

    def test_who_came_by_mistake_of_the_roll_call_only_never_attended(self) -> None:
        story = with_attempts(attending().on("2026-01-20"), "sms", "voice")
        story.corrected(ADMITTED_ON, attended=False, minutes=0)
        story.on("2026-02-20").do(leaving(DischargeReason.NEVER_ATTENDED))

        assert story.last(PatientDischarged).first_service_on is None
        assert story.last(EpisodeStateChanged).transition == "T15"

    def test_administrative_takes_a_director_and_a_written_notice(self) -> None:
        story = attending()
        story.refuses(leaving(DischargeReason.ADMINISTRATIVE, written_notice=True), "director")
        story.refuses(leaving(DischargeReason.ADMINISTRATIVE), "written_notice", role="director")
        story.do(leaving(DischargeReason.ADMINISTRATIVE, written_notice=True), "director")

        assert story.last(PatientDischarged).teds_reason == "terminated_by_facility"

    def test_a_transfer_upwards_is_approved_accepted_and_handed_over(self) -> None:
        story = attending()
        story.do(domain.RecommendStep(domain.Direction.UP, domain.Kind.TRANSFER, 1200, PHP))
        what = {"receiving_program": "County PHP", "receiving_accepted": True, "handoff_basis": "consent"}

        def to_php(**changes: object) -> domain.DischargePatient:
            return leaving(DischargeReason.TRANSFERRED_HIGHER_LEVEL, **{**what, **changes})

        story.refuses(to_php(), "transfer_approved")
        story.approve(story.state.step_up)
        story.refuses(to_php(receiving_program=None), "receiving_program")
        story.refuses(to_php(receiving_accepted=False), "receiving_accepted")
        story.refuses(to_php(handoff_basis=None), "handoff_basis")
        story.refuses(to_php(handoff_basis="by_phone"), "handoff_basis")
        story.do(to_php())

        assert story.last(PatientDischarged).handoff_basis == "consent"
        assert story.last(EpisodeStateChanged).transition == "T25"

    def test_in_an_emergency_nobody_waits_for_an_approval(self) -> None:
        story = attending()
        story.do(
            leaving(
                DischargeReason.TRANSFERRED_HIGHER_LEVEL,
                receiving_program="General Hospital",
                handoff_basis="emergency",
            )
        )

        assert story.last(PatientDischarged).handoff_basis == "emergency"

    def test_out_of_a_hold_whoever_accepts_the_person_takes_them_over(self) -> None:
        story = attending()
        story.do(domain.HoldEpisode(domain.HoldReason.DETOX, date(2026, 1, 20)))
        what = {"receiving_program": "Residential", "handoff_basis": "consent"}
        story.refuses(leaving(DischargeReason.TRANSFERRED_HIGHER_LEVEL, **what), "receiving_accepted")
        story.do(leaving(DischargeReason.TRANSFERRED_HIGHER_LEVEL, receiving_accepted=True, **what))

        assert story.last(PatientDischarged).handoff_basis == "consent"
        assert story.last(EpisodeStateChanged).transition == "T19"

    @pytest.mark.parametrize(
        "reason",
        [DischargeReason.TRANSFERRED_LOWER_LEVEL, DischargeReason.TRANSFERRED_OTHER_PROVIDER],
    )
    def test_every_transfer_names_who_receives(self, reason: DischargeReason) -> None:
        story = attending()
        story.refuses(leaving(reason), "receiving_program")
        story.do(leaving(reason, receiving_program="Elm Street Clinic"))

        assert story.last(EpisodeStateChanged).transition == "T32"

    def test_the_court_says_in_writing_that_it_is_done(self) -> None:
        story = attending()
        story.refuses(leaving(DischargeReason.COMPLETED_COURT), "written_notice")
        story.do(leaving(DischargeReason.COMPLETED_COURT, written_notice=True))

        assert story.last(PatientDischarged).teds_reason == "completed"

    def test_other_reasons_take_a_clinical_person_and_death_nobody(self) -> None:
        story = attending()
        story.refuses(leaving(DischargeReason.MOVED), "clinical_role", role="admissions")
        story.do(leaving(DischargeReason.DECEASED), "admissions")

        assert story.last(PatientDischarged).teds_reason == "death"

    def test_a_level_change_not_yet_in_force_does_not_count(self) -> None:
        story = recommended(540)
        story.approve(story.state.step_down, "2026-02-09")
        story.do(leaving(DischargeReason.MOVED))

        assert story.last(PatientDischarged).level_at_discharge == IOP

    def test_the_end_takes_everything_back_and_absorbs_what_comes_late(self) -> None:
        story = recommended()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "relapse"))
        story.on("2026-03-30").do(leaving(DischargeReason.MOVED))
        assert [what.partition(":")[0] for what in story.wakes] == ["alert_due"]

        for late in (
            story.attended("2026-03-31"),
            story.missed("2026-02-05", 3),
            story.week("2026-04-06", 0),
            story.rescheduled(540, 9),
            *(story.woke(what) for what in ("extension_due", "evaluate", "check_in", "check_in_missed")),
        ):
            assert late == []
        # What was attended in the last week is counted, and nothing follows from it.
        assert [type(fact) for fact in story.week("2026-02-02", 0)] == [WeekNoted]
        assert story.week("2026-02-02", 540, reopened=1)
        assert [w.creditable_minutes for w in story.state.weeks if w.week_start == date(2026, 2, 2)] == [540]
        for command in (
            STABLE,
            MEETING,
            domain.LogOutreach("sms", reached=False),
            leaving(DischargeReason.MOVED),
        ):
            story.refuses(command, code="episode_over")

    def test_an_alert_that_nobody_took_in_hand_is_passed_on_after_the_end_until_a_death(self) -> None:
        story = attending()
        story.cssrs(1, 1, 1, 1, 0, 0)
        story.do(leaving(DischargeReason.MOVED))
        story.up_to(story.now + timedelta(minutes=31))
        assert [e.escalation for e in story.said(SafetyAlertEscalated)] == [1, 2]

        story.do(domain.RecordDeath())
        assert story.wakes == {}
        assert story.woke(f"alert_due:{story.state.alerts[0].id}") == []

    def test_an_alert_outlives_the_episode_until_a_person_resolves_it(self) -> None:
        story = attending()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        story.do(leaving(DischargeReason.MOVED))
        alert_id = story.state.alerts[0].id
        story.do(domain.AcknowledgeAlert(alert_id))
        story.do(domain.ResolveAlert(alert_id))

        assert story.state.alerts == ()


def test_a_life_in_the_program_from_the_first_day_to_the_alumni() -> None:
    """Hours first, then the level, then aftercare: 86 days to the last service, 181 on the books."""
    story = Story().admitted()
    story.agreed()
    story.attended()
    story.on("2026-01-14", "12:30").plan(SOBER, PHQ_DOWN, OPTIONAL)
    for start, minutes in (("2026-01-12", 720), ("2026-01-19", 540)):
        story.week(start, minutes)
    story.on("2026-01-27").phq9(1, 1, 1, 2, 1, 1, 1, 1, 0)
    story.week("2026-01-26", 705)
    story.week("2026-02-02", 720)
    assert story.state.step_down is None

    story.on("2026-02-10").attest(0)
    story.approve(story.state.step_down, "2026-02-17")
    story.rescheduled(540, 2)
    story.week("2026-02-09", 720)
    extra = domain.WantedGoal(SOBER.category, "count", ">=", 3, 28, required_for_step_down=True)
    story.plan(SOBER, PHQ_DOWN, OPTIONAL, extra)
    for start in ("2026-02-16", "2026-02-23"):
        story.week(start, 540, 540)
    assert story.state.step_down is None

    for day in ("2026-03-03", "2026-03-04", "2026-03-06"):
        story.on(day).attended()
    story.approve(story.state.step_down, "2026-03-16")
    story.rescheduled(180, 3)
    story.on("2026-04-07", "17:05").phq9(1, 0, 1, 1, 0, 1, 0, 0, 0)
    story.on("2026-04-09", "19:00").attended()
    story.attest(2)
    meeting = replace(MEETING, meeting_on=date(2026, 4, 9))
    story.on("2026-04-10", "11:00").refuses(meeting, "last_week_closed")
    story.week("2026-04-06", 180, 180, minimum=0)
    story.on("2026-04-13", "09:00").do(meeting)
    while "check_in" in story.wakes:
        story.on(story.wakes["check_in"].date(), "10:00").do(STABLE)
    story.on("2026-07-13", "09:30").do(domain.EnrolAlumni(consented=True))
    story.do(leaving(DischargeReason.COMPLETED_GOALS))

    assert [(d.kind, d.to_weekly_minutes) for d in story.said(StepDownApproved)] == [
        ("intensity_reduction", 540),
        ("level_change", 180),
    ]
    end = story.last(PatientDischarged)
    assert (end.los_days, end.last_service_on, end.level_at_discharge) == (86, date(2026, 4, 9), OUTPATIENT)
    assert (end.goals_total, end.goals_met, end.teds_reason) == (4, 4, "completed")
    moves = [m.transition for m in story.said(EpisodeStateChanged)]
    assert moves == ["T13", "T14", "T27", "T29", "T30"]
    assert len(story.said(CheckInCompleted)) == 6
    assert domain.PRIVATE_FACTS == PRIVATE_FACTS
