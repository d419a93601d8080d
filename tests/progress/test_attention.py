"""What each person needs from somebody today, and in which order."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rulebook import rulebook
from contracts.scheduling import ScheduleInfeasible
from contracts.vocabulary import AgeBand, DischargeReason
from services.progress import domain
from services.progress.api.views import _HREFS
from services.progress.app import service
from services.progress.domain.attention import URGENCY
from services.progress.domain.facts import Task, UseReport
from tests.progress.story import ADMITTED_ON, SOBER, Story, attending, local, recommended
from tests.progress.test_certification import FIRST_DUE, certified
from tests.progress.test_properties import ACTIONS, Action, live


def needed(story: Story) -> list[domain.Need]:
    return list(domain.needs(story.state, story.now, rulebook()))


def kinds(story: Story) -> list[str]:
    return [need.kind for need in needed(story)]


def need(story: Story, kind: str) -> domain.Need:
    (found,) = [n for n in needed(story) if n.kind == kind]
    return found


def test_somebody_who_does_well_needs_nothing() -> None:
    assert kinds(attending()) == []


def test_an_alert_needs_an_answer_until_it_is_closed() -> None:
    story = attending()
    story.phq9(*[0] * 8 + [1])
    (alert,) = story.state.alerts

    assert need(story, "alert").due_at == alert.due_ack_at
    assert need(story, "alert").about == alert.id
    story.do(domain.AcknowledgeAlert(alert.id))
    assert kinds(story) == ["alert_open", "screening"]
    story.do(domain.ResolveAlert(alert.id))
    assert kinds(story) == ["screening"]
    story.cssrs(0, 0, None, None, None, 0)
    assert kinds(story) == []


def test_an_alert_in_hand_comes_first_until_it_is_closed() -> None:
    story = recommended()
    story.cssrs(1, 1, 1, 1, 1, 0)
    story.used("relapse")
    assert kinds(story)[:3] == ["alert_high", "step_up", "relapse"]
    story.do(domain.AcknowledgeAlert(story.state.alerts[0].id))

    assert kinds(story)[:3] == ["alert_open", "step_up", "relapse"]


def test_an_alert_outlives_the_episode_and_nothing_else_does() -> None:
    story = recommended()
    story.phq9(*[0] * 8 + [1])
    story.do(domain.DischargePatient(DischargeReason.MOVED))

    assert kinds(story) == ["alert"]


def test_a_recommendation_needs_an_answer_before_it_ends() -> None:
    story = recommended()
    found = need(story, "step_down")

    assert found.about == story.state.step_down
    assert found.due_at == story.state.recommendation(domain.Direction.DOWN).expires_at
    story.approve(story.state.step_down)
    assert kinds(story) == []


def test_a_relapse_comes_before_what_can_wait() -> None:
    story = recommended()
    story.on("2026-02-12")
    story.do(domain.ReportSubstanceUse("self", date(2026, 2, 11), "relapse"))

    assert kinds(story)[0] == "step_up"
    assert "plan_review" in kinds(story)


def test_a_relapse_needs_an_answer_until_somebody_says_what_is_done() -> None:
    story = attending()
    story.do(domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse"))
    assert need(story, "relapse").since == local(ADMITTED_ON, "00:00")
    story.do(domain.RespondToRelapse(("individual_session",)))

    assert "relapse" not in kinds(story)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ({"tasks": (Task("t-1", "step_approved", "r-1", ADMITTED_ON),)}, "review_task"),
        ({"use_reports": (UseReport("u-1", ADMITTED_ON, "lapse", confirmed=False),)}, "use_unconfirmed"),
    ],
)
def test_what_somebody_must_look_at_is_shown_until_somebody_did(state: dict[str, Any], kind: str) -> None:
    story = attending()
    story.state = replace(story.state, **state)
    assert need(story, kind).about == next(iter(state.values()))[0].id
    settled: dict[str, dict[str, Any]] = {"tasks": {"outcome": "kept"}, "use_reports": {"superseded": True}}
    ((field, (one,)),) = state.items()
    story.state = replace(story.state, **{field: (replace(one, **settled[field]),)})

    assert kind not in kinds(story)


def test_a_hold_is_over_when_its_last_day_is() -> None:
    story = attending()
    until = ADMITTED_ON + timedelta(days=5)
    story.do(domain.HoldEpisode(domain.HoldReason.MEDICAL, until))
    story.on(until)
    assert "hold_over" not in kinds(story)
    story.on(until + timedelta(days=1))

    assert need(story, "hold_over").since == local(until, "00:00")
    assert "review_task" not in kinds(story)
    story.do(domain.ResumeEpisode())
    assert "hold_over" not in kinds(story)


def test_a_certification_is_asked_for_once_somebody_was_told() -> None:
    story = certified()
    warned = FIRST_DUE - timedelta(days=max(rulebook().payer.certification_notice_days))
    story.on(warned - timedelta(days=1))
    assert "certification" not in kinds(story)
    story.on(warned)
    assert need(story, "certification").due_at == local(FIRST_DUE, "00:00")
    story.on(FIRST_DUE + timedelta(days=1))
    assert "lapsed" in need(story, "certification").why
    story.do(domain.RecordCertification("dr-1", "MD", story.state.day(story.now)))

    assert "certification" not in kinds(story)


def test_what_became_of_a_referral_is_asked_for_on_its_day() -> None:
    story = attending()
    follow_up_on = ADMITTED_ON + timedelta(days=3)
    story.do(domain.MakeCommunityReferral("housing", follow_up_on))
    assert "community_referral" not in kinds(story)
    story.on(follow_up_on)
    (made,) = story.state.outward

    assert need(story, "community_referral").about == made.id
    story.do(domain.CloseLoop(made.id, rulebook().community.outcomes[0]))
    assert "community_referral" not in kinds(story)


def test_a_draft_waits_for_signatures() -> None:
    story = attending()
    story.do(domain.DraftPlan((SOBER,)))
    assert need(story, "plan_draft").about == story.state.draft.plan_id
    story.plan(SOBER)

    assert "plan_draft" not in kinds(story)


def test_a_step_that_found_no_week_is_shown_until_a_calendar_holds() -> None:
    story = recommended()
    story.approve(story.state.step_down)
    story.hear(ScheduleInfeasible(**story.common(), wanted_weekly_minutes=540, cause="no_seat"))

    assert kinds(story) == ["schedule_stuck"]
    story.rescheduled(540, 2)
    assert kinds(story) == []


def test_who_misses_sessions_is_called_once_a_day_until_they_come() -> None:
    story = attending()
    limit = rulebook().attendance.outreach_after_missed
    story.on("2026-01-15").missed("2026-01-15", limit - 1)
    assert kinds(story) == []
    story.on("2026-01-16").missed("2026-01-16", limit)

    assert need(story, "outreach").since == local(ADMITTED_ON, "00:00")
    story.do(domain.LogOutreach("voice", reached=False))
    assert kinds(story) == []
    story.on("2026-01-17")
    assert kinds(story) == ["outreach"]
    story.attended()
    assert kinds(story) == []


def test_more_days_need_a_decision() -> None:
    story = attending()
    story.on(story.state.planned_end_on - timedelta(days=14))

    assert need(story, "extension").due_at == local(story.state.planned_end_on, "00:00")
    story.do(domain.DecideExtension(approve=False))
    assert "extension" not in kinds(story)


def test_treatment_without_a_plan_needs_one() -> None:
    story = Story().admitted()
    story.agreed()
    due = rulebook().progress.plan_due_sessions
    days = [ADMITTED_ON + timedelta(days=n) for n in range(due + 1)]
    for day in days[: due - 1]:
        story.on(day, "13:00").attended(day)
    assert kinds(story) == []
    story.on(days[-2], "13:00").attended(days[-2])

    assert need(story, "plan").since == local(ADMITTED_ON, "09:00")
    assert "due" in need(story, "plan").why
    story.on(days[-1], "13:00").attended(days[-1])
    assert "late" in need(story, "plan").why
    story.plan(SOBER)
    assert kinds(story) == []


def test_measures_that_were_asked_for_are_needed_from_the_day_after() -> None:
    story = attending()
    story.on(ADMITTED_ON + timedelta(days=7))
    assert story.state.request is not None
    assert kinds(story) == []
    story.on(ADMITTED_ON + timedelta(days=8))

    assert need(story, "measures").due_at == local(story.state.request.expires_on, "00:00")
    for instrument in story.state.request.instruments:
        assert instrument in need(story, "measures").why


def test_a_plan_is_reviewed_from_the_day_it_is_due() -> None:
    story = attending()
    due_on = story.state.next_review_due_on
    story.on(due_on - timedelta(days=1))
    assert "plan_review" not in kinds(story)
    story.on(due_on, "00:00")

    assert need(story, "plan_review").due_at == local(due_on, "00:00")
    story.plan(SOBER)
    assert "plan_review" not in kinds(story)


def test_a_check_in_needs_a_call_on_its_day() -> None:
    story = attending()
    story.week("2026-01-12", 180, short=True)
    story.phq9(*[0] * 9)
    began_on = story.state.day(story.now)
    story.do(domain.PlanAftercare(began_on, (), True, override_reason="moving"))
    story.on(began_on + timedelta(days=14))

    assert need(story, "check_in").due_at == local(began_on + timedelta(days=14), "00:00")
    story.do(domain.RecordCheckIn(reached=True, status_summary="stable"))
    assert kinds(story) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
def test_whatever_happens_needs_are_ordered_and_never_a_matter_of_chance(actions: list[Action]) -> None:
    story = live(AgeBand.ADULT, actions)
    found = needed(story)

    assert found == sorted(found, key=domain.urgency)
    assert found == needed(story)
    assert all(n.why.endswith(".") for n in found)


def test_every_kind_of_need_has_a_door() -> None:
    known = {re.sub(r"{(?!episode)\w+}", "{about}", getattr(route, "path", "")) for route in _doors()}

    assert set(_HREFS) == set(URGENCY)
    assert {href.replace("{episode}", "{episode_id}") for href in _HREFS.values()} <= known


def _doors() -> list[Any]:
    from fastapi.routing import iter_route_contexts

    return [door.original_route for door in iter_route_contexts(service.routes.routes)]


@pytest.mark.parametrize("kind", URGENCY)
def test_a_kind_of_need_is_one_word(kind: str) -> None:
    assert kind.replace("_", "").isalpha()
