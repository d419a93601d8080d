"""A referral that lives through messages, and the stages it may be found in."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Event, PatientEvent
from contracts.intake import Availability, Diagnosis, Rating
from contracts.rulebook import rulebook
from contracts.scheduling import SeatHeld, SeatUnavailable
from contracts.vocabulary import (
    Actor,
    ActorType,
    DeclineReason,
    LevelOfCare,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Known, Person, Referral, Site, Stage

RULES = rulebook()
ACTOR = Actor(type=ActorType.USER, id="u1", role="admissions")
SITE = Site("albany", "net", "albany", "America/New_York", part2=True)
DANA = Person("Dana", "Unspoken-Name", date(1991, 5, 2), phone="+1 (518) 555-0101")
START = datetime(2026, 1, 6, 15, 12, tzinfo=UTC)
LEVEL = LevelOfCare(code="2.1")
NO_RISKS = domain.ScreenPatient(
    suicide_risk=Risk.NONE, home_safe=True, needs_24h_supervision=False, withdrawal_risk=Risk.LOW
)
WHOLE = tuple(Rating(dimension=n, rating="1") for n in range(1, 7))
ASSESSMENT = domain.AssessPatient(
    dimensions=WHOLE,
    recommended_level=LEVEL,
    assessor_credential="LCSW",
    diagnoses=(Diagnosis(system="icd10cm", code="F1020", rank=1),),
    availability=(Availability(dow=2, block="morning"),),
)
COVERED = domain.VerifyCoverage("payer-1", PlanKind.COMMERCIAL, "active", auth_required=False)
SEAT = domain.RequestSeat(date(2026, 1, 13), 720, 4)
ADMISSION = domain.AdmitPatient("adult_sud_day", "clinician-1", ProgramKind.SUD)
ACCEPT = domain.AnswerOffer("net", ("albany",), accept=True)
DECLINE = domain.AnswerOffer("net", ("albany",), accept=False)


def authorization(**changes: Any) -> domain.RecordAuthorization:
    approved = domain.RecordAuthorization("approved", LEVEL, "day", 44, date(2026, 1, 1), date(2026, 4, 30))
    return replace(approved, **changes)


def declined(reason: DeclineReason, *alternatives: str) -> domain.DeclineReferral:
    return domain.DeclineReferral(
        "net", ("albany",), reason, tuple(LevelOfCare(code=c) for c in alternatives)
    )


@dataclass
class Story:
    """A referral that lives through messages; remembers every fact."""

    state: Referral
    at: datetime = START
    facts: list[Any] = field(default_factory=list)
    count: int = 0

    def moment(self) -> Moment:
        self.count += 1
        return Moment(self.at, ACTOR, f"cause-{self.count}", RULES)

    def later(self, **duration: float) -> "Story":
        self.at += timedelta(**duration)
        return self

    def apply(self, facts: list[Any]) -> list[Any]:
        self.facts += facts
        for fact in facts:
            if not isinstance(fact, Wake | Unwake):
                self.state = domain.evolve(self.state, fact)
        return facts

    def do(self, decide: Any, message: Any) -> list[Any]:
        return self.apply(list(decide(self.state, message, self.moment())))

    def refused(self, decide: Any, message: Any) -> set[str]:
        """The guards that refuse a command; nothing changes."""
        with pytest.raises(Refused) as refusal:
            decide(self.state, message, self.moment())
        assert "Unspoken-Name" not in str(refusal.value) + repr(refusal.value.facts)
        return {f["guard"] for f in refusal.value.facts["failed"]}

    def stands(self) -> Stage:
        return self.state.stage

    def heard(self, kind: type[PatientEvent], **more: Any) -> Any:
        s = self.state
        return kind(
            network_id=s.network_id, site_id=s.site_id, episode_id=s.id, patient_id=s.patient_id, part2=True,
            actor=ACTOR, **more,
        )  # fmt: skip

    def seat_held(self, hold: str = "hold-1", ends: timedelta = timedelta(days=7)) -> list[Any]:
        assert self.state.wish
        held = self.heard(
            SeatHeld, request_id=self.state.wish.request_id, seat_hold_id=hold, slots=(), weekly_minutes=720,
            start_on=date(2026, 1, 13), hold_expires_at=self.at + ends,
        )  # fmt: skip
        return self.do(domain.keep_seat, held)

    def seat_unavailable(self) -> list[Any]:
        assert self.state.wish
        heard = self.heard(SeatUnavailable, request_id=self.state.wish.request_id, cause="full")
        return self.do(domain.miss_seat, heard)

    def woke(self, decide: Any, what: str) -> list[Any]:
        return self.do(decide, Woke(self.at, what))

    def said(self, kind: type[Event]) -> list[Any]:
        return [f for f in self.facts if type(f) is kind]


def receive(
    known: Known | None = None, person: Person = DANA, at: datetime = START, **more: Any
) -> list[Any]:
    command = domain.ReceiveReferral(
        **{
            "network_id": "net",
            "site_id": "albany",
            "sites": ("albany",),
            "source": ReferralSource.PCP,
            "urgency": Urgency.ROUTINE,
            "person": person,
            **more,
        }
    )
    return domain.receive_referral(SITE, known or Known(), command, Moment(at, ACTOR, "c", RULES), "ref-1")


def referred(**more: Any) -> Story:
    opened, received = receive(**more)
    story = Story(domain.evolve(None, opened))
    story.facts += [opened, received]
    return story


def screened(command: domain.ScreenPatient = NO_RISKS) -> Story:
    story = referred()
    story.do(domain.grant_consent, domain.GrantConsent("treatment"))
    story.do(domain.screen_patient, command)
    return story


def assessed() -> Story:
    story = screened()
    story.do(domain.assess_patient, ASSESSMENT)
    return story


def seated() -> Story:
    story = assessed()
    story.do(domain.verify_coverage, COVERED)
    story.do(domain.request_seat, SEAT)
    story.seat_held()
    return story


def waiting() -> Story:
    story = assessed()
    story.do(domain.request_seat, SEAT)
    story.seat_unavailable()
    return story


def offered() -> Story:
    story = waiting()
    story.later(days=2)
    story.do(domain.ask_for_freed_seat, story.at)
    story.seat_held("hold-2", timedelta(days=4))
    return story


def in_detox() -> Story:
    story = screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH, cows=15, ciwa=8))
    story.do(domain.refer_to_detox, domain.ReferToDetox("detox_facility", "cows"))
    return story
