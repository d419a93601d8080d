"""Referrals to somebody outside, and what became of them."""

from datetime import date, timedelta

import pytest

from contracts.progress import CommunityReferralDue, CommunityReferralMade, ReferralLoopClosed
from contracts.vocabulary import DischargeReason
from services.progress import domain
from tests.progress.story import Story, attending, local

TODAY = date(2026, 3, 2)


def referred(days: int = 10, kind: str = "housing") -> Story:
    story = attending().on(TODAY)
    story.do(domain.MakeCommunityReferral(kind, TODAY + timedelta(days=days)))
    return story


def test_it_says_what_for_and_when_somebody_asks() -> None:
    made = referred().last(CommunityReferralMade)

    assert (made.kind, made.referred_on, made.follow_up_on) == ("housing", TODAY, date(2026, 3, 12))


def test_the_day_comes_unanswered_at_the_sites_midnight() -> None:
    story = referred(days=6)
    assert story.wakes[f"community_referral_due:{story.state.outward[0].id}"] == local(
        date(2026, 3, 8), "00:00"
    )

    story.on("2026-03-07", "23:59")
    assert story.said(CommunityReferralDue) == []
    story.on("2026-03-08", "00:00")
    story.on("2026-04-08")
    assert [d.kind for d in story.said(CommunityReferralDue)] == ["housing"]


def test_an_answer_in_time_is_not_asked_for() -> None:
    story = referred()
    referral = story.state.outward[0].id
    story.on("2026-03-05").do(domain.CloseLoop(referral, "connected"), "admissions")
    closed = story.last(ReferralLoopClosed)

    assert (closed.outcome, closed.closed_on) == ("connected", date(2026, 3, 5))
    assert story.on("2026-04-05").said(CommunityReferralDue) == []
    assert story.woke(f"community_referral_due:{referral}") == []
    story.refuses(domain.CloseLoop(referral, "lost"), code="loop_closed")


@pytest.mark.parametrize(("days", "taken"), [(0, False), (1, True), (180, True), (181, False)])
def test_the_follow_up_is_on_a_day_to_come_and_not_too_far(days: int, taken: bool) -> None:
    if taken:
        assert referred(days).state.outward
    else:
        asked = domain.MakeCommunityReferral("legal", TODAY + timedelta(days=days))
        attending().on(TODAY).refuses(asked, "follow_up_on")


def test_the_words_are_those_of_the_catalogue() -> None:
    story = referred()
    story.refuses(domain.MakeCommunityReferral("astrology", date(2026, 3, 12)), code="kind_unknown")
    story.refuses(domain.CloseLoop(story.state.outward[0].id, "maybe"), code="outcome_unknown")
    story.refuses(domain.CloseLoop("other", "lost"), code="referral_unknown")


def test_twenty_open_ones_are_enough() -> None:
    story = referred()
    for _ in range(19):
        story.do(domain.MakeCommunityReferral("peer", date(2026, 3, 12)))
    story.refuses(domain.MakeCommunityReferral("peer", date(2026, 3, 12)), "open_referrals")
    story.do(domain.CloseLoop(story.state.outward[0].id, "declined"))
    story.do(domain.MakeCommunityReferral("peer", date(2026, 3, 12)))


def test_what_became_of_it_may_be_learned_after_the_episode() -> None:
    story = referred()
    story.do(domain.DischargePatient(DischargeReason.MOVED))
    assert story.wakes == {}
    story.refuses(domain.MakeCommunityReferral("legal", date(2026, 3, 12)), code="episode_over")
    story.do(domain.CloseLoop(story.state.outward[0].id, "lost"))

    assert story.state.outward[0].outcome == "lost"
