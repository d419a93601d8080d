"""Whole ways through intake: the journal, the secrets, and any order of messages."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts import intake
from contracts.decisions import Refused, Unwake, Wake, Woke
from contracts.event import Event
from contracts.vocabulary import (
    Risk,
)
from services.intake import domain
from services.intake.domain import Referral, Stage
from tests.intake.story import (
    ACCEPT,
    ADMISSION,
    ASSESSMENT,
    COVERED,
    DECLINE,
    DISCLOSURE,
    NO_RISKS,
    SEAT,
    START,
    TREATMENT,
    Story,
    authorization,
    measured,
    offered,
    referred,
)


def test_the_journal_folds_to_the_state_through_json() -> None:
    story = offered()
    story.do(domain.grant_consent, DISCLOSURE)
    story.do(domain.screen_patient, measured(replace(NO_RISKS, suicide_risk=Risk.MODERATE), cows=5))
    story.later(hours=20).woke(domain.escalate_alert, f"alert_due:{story.alert().id}")
    story.acknowledge()
    story.do(domain.record_authorization, authorization())
    story.do(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 6)))
    story.do(domain.claim_referral, domain.ClaimReferral())
    story.do(domain.answer_offer, ACCEPT)
    story.do(domain.admit_patient, ADMISSION)
    story.day_closed(date(2026, 1, 13))
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
    (domain.grant_consent, TREATMENT),
    (domain.grant_consent, DISCLOSURE),
    (domain.screen_patient, NO_RISKS),
    (domain.screen_patient, measured(replace(NO_RISKS, suicide_risk=Risk.HIGH), cows=20)),
    (domain.screen_patient, measured(cows=3, ciwa_ar=3)),
    (domain.refer_to_detox, domain.ReferToDetox("hospital", "clinician")),
    (domain.return_from_detox, domain.ReturnFromDetox("completed", True, "dr")),
    (domain.log_contact, domain.LogContact("phone", reached=False)),
    (domain.assess_patient, ASSESSMENT),
    (domain.verify_coverage, COVERED),
    (domain.verify_coverage, replace(COVERED, status="pended")),
    (domain.record_authorization, authorization(status="pended")),
    (domain.record_authorization, authorization()),
    (domain.certify, domain.Certify("dr", "MD", date(2026, 1, 6))),
    (domain.request_seat, replace(SEAT, earliest_start=date(2026, 3, 1))),
    (domain.offer_seat, domain.OfferSeat("discharge")),
    (domain.prioritize, domain.Prioritize(1, "pregnancy")),
    (domain.answer_offer, ACCEPT),
    (domain.answer_offer, DECLINE),
    (domain.admit_patient, ADMISSION),
    (domain.claim_referral, domain.ClaimReferral()),
    (domain.hand_over_referral, domain.HandOver("u9")),
    (domain.ask_again, Woke(START, "ask_again")),
    (domain.expire_offer, Woke(START, "offer_expires")),
    (domain.expire_entry, Woke(START, "entry_expires")),
    ("acknowledge", None),
    ("resolve", None),
    ("alert_due", None),
    ("day", None),
    ("held", None),
    ("unavailable", None),
    ("released", None),
    ("later", timedelta(hours=30)),
    ("later", timedelta(days=9)),
]
WAKES = (domain.ask_again, domain.expire_offer, domain.expire_entry)


def step(story: Story, what: Any, message: Any) -> None:
    match what:
        case "later":
            story.at += message
        case "held" if story.state.wish:
            story.seat_held(f"hold-{story.count}", timedelta(days=3))
        case "unavailable" if story.state.wish:
            story.seat_unavailable()
        case "released":
            story.seat_released(story.state.hold.id if story.state.hold else "none")
        case "day":
            story.day_closed(story.at.date())
        case "alert_due":
            for alert in story.state.alerts:
                story.woke(domain.escalate_alert, f"alert_due:{alert.id}")
        case "acknowledge" if story.stands() is not Stage.ADMITTED:
            story.acknowledge()
        case "resolve" if story.stands() is not Stage.ADMITTED:
            story.resolve()
        case str():
            pass
        case _ if what in WAKES:
            story.do(what, message)
        case _:
            with suppress(Refused):
                story.do(what, message)


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_comes_in_whatever_order_the_story_stays_whole(steps: list[tuple[Any, Any]]) -> None:
    """Events and wakes never raise, commands only refuse, and nobody is admitted without a seat."""
    story = referred()
    for what, message in steps:
        step(story, what, message)
    state = story.state
    assert (state.entry is not None) == (state.stage is Stage.WAITLISTED)
    if state.stage is Stage.ADMITTED:
        assert state.hold
        assert state.screening
        assert state.assessment
        assert state.coverage
        assert state.consent("treatment", at=story.at)
        assert state.alerts == ()
    if state.entry and state.entry.offer:
        assert state.hold
    assert len({a.kind for a in state.alerts}) == len(state.alerts)
    assert len(story.said(intake.PatientAdmitted)) <= 1
    assert len(story.said(intake.ReferralDeclined)) <= 1
