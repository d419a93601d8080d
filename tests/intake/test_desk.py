"""The admissions desk: who looks after a referral, and what it needs next."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from contracts.vocabulary import DeclineReason, PlanKind, Risk
from services.intake import domain
from services.intake.domain import NextAction
from tests.intake.story import (
    ASSESSMENT,
    COVERED,
    DIRECTOR,
    NO_RISKS,
    SEAT,
    Story,
    admitted,
    asked,
    assessed,
    authorization,
    consented,
    declined,
    in_detox,
    level,
    measured,
    offered,
    referred,
    screened,
    seated,
    waiting,
)

CLAIM = domain.ClaimReferral()
HIGH = replace(NO_RISKS, suicide_risk=Risk.HIGH)


def todo(story: Story) -> NextAction:
    return domain.next_action(story.state, story.at, story.rules.at("net", "albany"))


class TestOwner:
    def test_whoever_comes_first_has_it(self) -> None:
        story = referred()
        story.do(domain.claim_referral, CLAIM)
        assert (story.state.owner, story.state.owner_since) == ("u1", story.at)
        assert story.do(domain.claim_referral, CLAIM) == []
        refusal = story.by(DIRECTOR).refusal(domain.claim_referral, CLAIM)
        (failed,) = refusal.facts["failed"]
        assert (failed["guard"], failed["owner"]) == ("not_owned", "u1")
        assert refusal.hint

    def test_the_owner_hands_over_or_a_director_decides(self) -> None:
        story = referred()
        story.do(domain.claim_referral, CLAIM)
        story.do(domain.hand_over_referral, domain.HandOver("u8"))
        assert (story.state.owner,) == ("u8",)
        assert story.refused(domain.hand_over_referral, domain.HandOver("u1")) == {"owner_hands_over"}
        story.by(DIRECTOR).do(domain.hand_over_referral, domain.HandOver(None))
        assert story.state.owner is None
        assert story.do(domain.hand_over_referral, domain.HandOver(None)) == []

    def test_what_nobody_has_may_be_given_to_somebody(self) -> None:
        assert referred().do(domain.hand_over_referral, domain.HandOver("u8"))

    def test_nobody_claims_what_is_over(self) -> None:
        gone = referred()
        gone.do(domain.decline_referral, declined(DeclineReason.OTHER))
        for story in (admitted(), gone):
            assert story.refused(domain.claim_referral, CLAIM) == {"stage"}


def with_risk() -> Story:
    return screened(HIGH)


def acknowledged() -> Story:
    return screened(HIGH).acknowledge()


def moderate() -> Story:
    return screened(replace(NO_RISKS, suicide_risk=Risk.MODERATE)).acknowledge()


def gated() -> Story:
    return screened(measured(replace(NO_RISKS, withdrawal_risk=None), cows=13))


def judged_high() -> Story:
    return screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH))


def homeless() -> Story:
    return screened(replace(NO_RISKS, home_safe=False))


def left_detox() -> Story:
    story = in_detox()
    story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", medically_cleared=False))
    return story


def cleared() -> Story:
    story = in_detox()
    story.do(domain.return_from_detox, domain.ReturnFromDetox("completed", True, "dr"))
    return story


def too_much() -> Story:
    story = screened()
    story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level("2.5")))
    return story


def covered(**changes: object) -> Story:
    story = assessed()
    story.do(domain.verify_coverage, replace(COVERED, **changes))  # type: ignore[arg-type]
    return story


def certified() -> Story:
    story = covered(plan_kind=PlanKind.MEDICARE)
    story.do(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 6)))
    return story


def authorized() -> Story:
    story = covered(auth_required=True)
    story.do(domain.record_authorization, authorization())
    return story


def renewed() -> Story:
    story = waiting().later(days=31)
    story.do(domain.screen_patient, NO_RISKS)
    story.do(domain.assess_patient, ASSESSMENT)
    return story


def offered_with_an_old_screen() -> Story:
    story = waiting().later(days=8)
    story.woke(domain.ask_again, "ask_again")
    story.seat_held("hold-2", timedelta(days=4))
    return story


def offered_with_an_old_assessment() -> Story:
    story = waiting().later(days=29, hours=23)
    story.do(domain.offer_seat, domain.OfferSeat("discharge"))
    story.later(days=2).seat_held("hold-2", timedelta(days=4))
    return story


@pytest.mark.parametrize(
    ("story", "what"),
    [
        (referred, "contact"),
        (consented, "screen"),
        (with_risk, "acknowledge_alert"),
        (acknowledged, "resolve_alert"),
        (moderate, "assess"),
        (screened, "assess"),
        (lambda: screened().later(days=31), "screen"),
        (gated, "decide_on_detox"),
        (judged_high, "decide_on_detox"),
        (homeless, "decide_on_level"),
        (in_detox, "await_detox"),
        (left_detox, "reach_again"),
        (cleared, "screen"),
        (too_much, "decide_on_level"),
        (lambda: assessed().later(days=31), "renew_assessment"),
        (lambda: assessed().change(consents=()), "sign_consent"),
        (assessed, "verify_coverage"),
        (lambda: covered(status="inactive"), "verify_coverage"),
        (lambda: covered(auth_required=True), "get_authorization"),
        (authorized, "request_seat"),
        (lambda: covered(plan_kind=PlanKind.MEDICARE), "certify"),
        (certified, "request_seat"),
        (covered, "request_seat"),
        (asked, "await_seat"),
        (seated, "admit"),
        (lambda: seated().later(days=7), "request_seat"),
        (waiting, "wait"),
        (lambda: waiting().later(days=31), "renew_assessment"),
        (renewed, "wait"),
        (offered, "call_about_offer"),
        (offered_with_an_old_screen, "new_suicide_screen"),
        (offered_with_an_old_assessment, "renew_assessment"),
        (admitted, "none"),
    ],
)
def test_every_stage_says_what_it_needs(story: Callable[[], Story], what: str) -> None:
    assert todo(story()).what == what


def test_a_closed_way_needs_nothing_unless_an_alert_stands() -> None:
    story = screened(HIGH)
    story.do(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL, "4"))
    assert todo(story) == NextAction("acknowledge_alert", story.alert().due_ack_at)
    assert todo(story.resolve()) == NextAction("none")


def test_what_ends_says_when() -> None:
    story = seated()
    assert story.state.hold
    assert todo(story).due_at == story.state.hold.expires_at
    story = offered()
    assert story.state.entry
    assert story.state.entry.offer
    assert todo(story).due_at == story.state.entry.offer.expires_at
    story = with_risk()
    assert todo(story).due_at == story.at + timedelta(minutes=15)


def test_a_high_alert_comes_before_a_moderate_one_that_is_due_earlier() -> None:
    story = screened(measured(replace(NO_RISKS, suicide_risk=Risk.MODERATE), ciwa_ar=19))
    moderate, high = story.alert(), story.alert("withdrawal")
    story.change(alerts=(replace(moderate, due_ack_at=story.at), high))
    assert todo(story).due_at == high.due_ack_at


def test_a_request_that_scheduling_never_answered_is_asked_for_again() -> None:
    story = assessed()
    story.do(domain.verify_coverage, COVERED)
    story.do(domain.request_seat, SEAT)
    assert domain.next_action(story.state, story.at, story.rules).what == "await_seat"
    story.later(days=1)
    assert domain.next_action(story.state, story.at, story.rules).what == "request_seat"
