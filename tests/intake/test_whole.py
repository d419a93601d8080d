"""Whole ways through intake: the journal, the secrets, and any order of messages."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts import intake
from contracts.decisions import Refused, Unwake, Wake, Woke
from contracts.event import Event
from contracts.scheduling import SeatReleased
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
    NO_RISKS,
    SEAT,
    START,
    authorization,
    offered,
    referred,
)


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
    """Events and wakes never raise, commands only refuse, and nobody is admitted without a seat."""
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
