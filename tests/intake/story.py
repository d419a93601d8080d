"""A referral that lives through messages, and the stages it may be found in."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from contracts import instruments
from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Event, PatientEvent
from contracts.intake import Availability, Diagnosis, Rating, Recipient
from contracts.progress import PatientDied, PatientDischarged
from contracts.rulebook import Rulebook, rulebook
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable, TreatmentDayClosed
from contracts.vocabulary import (
    Actor,
    ActorType,
    DeclineReason,
    DischargeReason,
    LevelOfCare,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Administered, Known, Person, Referral, Site, Stage
from services.intake.domain.state import Alert

RULES = rulebook()
ACTOR = Actor(type=ActorType.USER, id="u1", role="admissions")
CLINICIAN = Actor(type=ActorType.USER, id="u2", role="clinician")
DIRECTOR = Actor(type=ActorType.USER, id="u3", role="director")
SITE = Site("albany", "net", "albany", "America/New_York", part2=True)
DANA = Person("Dana", "Unspoken-Name", date(1991, 5, 2), phone="+1 (518) 555-0101")
KAI = Person("Kai", "Unspoken-Name", date(2010, 5, 20), phone="+1 (518) 555-0102")
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
TREATMENT = domain.GrantConsent("treatment")
BOTH = ("patient", "parent_or_guardian")
DISCLOSURE = domain.GrantConsent(
    "part2_disclosure",
    disclosers=("albany",),
    recipients=(Recipient(id="clinic-7", kind="provider"),),
    purposes=("TREAT",),
    info_categories=("attendance",),
    expires_event="end_of_treatment",
)


def authorization(**changes: Any) -> domain.RecordAuthorization:
    approved = domain.RecordAuthorization("approved", LEVEL, "day", 44, date(2026, 1, 1), date(2026, 4, 30))
    return replace(approved, **changes)


def declined(reason: DeclineReason, *alternatives: str, **more: Any) -> domain.DeclineReferral:
    levels = tuple(LevelOfCare(code=c) for c in alternatives)
    return domain.DeclineReferral("net", ("albany",), reason, levels, **more)


def level(code: str, edition: str = "3") -> LevelOfCare:
    return LevelOfCare(edition=edition, code=code)


@cache
def adding_up(instrument: str, total: int) -> tuple[int, ...]:
    """Answers of an instrument with one value an item, that make a total."""
    values = [item.values for item in instruments.find(instrument).items if item.scored]

    def fill(rest: int, left: list[Any]) -> tuple[int, ...] | None:
        if not left:
            return () if rest == 0 else None
        for value in sorted(left[0], reverse=True):
            if value <= rest and (more := fill(rest - value, left[1:])) is not None:
                return (value, *more)
        return None

    found = fill(total, values)
    assert found is not None, f"{instrument} never makes {total}"
    return found


def measured(base: domain.ScreenPatient = NO_RISKS, /, **totals: int | tuple[int | None, ...]) -> Any:
    """A screening with instruments: a total, or the answers themselves."""
    given = tuple(
        Administered(name, adding_up(name, value) if isinstance(value, int) else value)
        for name, value in totals.items()
    )
    return replace(base, instruments=given)


def ruled(**changes: Any) -> Rulebook:
    """The rulebook with the rules of intake changed."""
    return RULES.model_copy(update={"intake": RULES.intake.model_copy(update=changes)})


@dataclass
class Story:
    """A referral that lives through messages; remembers every fact."""

    state: Referral
    at: datetime = START
    facts: list[Any] = field(default_factory=list)
    count: int = 0
    rules: Rulebook = RULES
    actor: Actor = ACTOR

    def moment(self) -> Moment:
        self.count += 1
        return Moment(self.at, self.actor, f"cause-{self.count}", self.rules).there(self.state)

    def later(self, **duration: float) -> "Story":
        self.at += timedelta(**duration)
        return self

    def by(self, actor: Actor) -> "Story":
        self.actor = actor
        return self

    def apply(self, facts: list[Any]) -> list[Any]:
        self.facts += facts
        for fact in facts:
            if not isinstance(fact, Wake | Unwake):
                self.state = domain.evolve(self.state, fact)
        return facts

    def do(self, decide: Any, message: Any, **more: Any) -> list[Any]:
        return self.apply(list(decide(self.state, message, self.moment(), **more)))

    def refusal(self, decide: Any, message: Any, **more: Any) -> Refused:
        """How a command is refused; nothing changes, and nobody is named."""
        with pytest.raises(Refused) as refusal:
            decide(self.state, message, self.moment(), **more)
        assert "Unspoken-Name" not in str(refusal.value) + repr(refusal.value.facts)
        return refusal.value

    def refused(self, decide: Any, message: Any, **more: Any) -> set[str]:
        """The guards that refuse a command."""
        return {f["guard"] for f in self.refusal(decide, message, **more).facts["failed"]}

    def change(self, **changes: Any) -> "Story":
        """What no message can do any more, or would take too many to do."""
        self.state = replace(self.state, **changes)
        return self

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

    def seat_released(self, hold: str = "hold-1") -> list[Any]:
        return self.do(
            domain.lose_seat, self.heard(SeatReleased, seat_hold_id=hold, seats=1, cause="hold_over")
        )

    def day_closed(self, day: date, minutes: int = 180, services: int = 1, **more: Any) -> list[Any]:
        said = {
            "local_date": day,
            "tz": self.state.tz,
            "level": LEVEL,
            "service_count": services,
            "total_creditable_minutes": minutes,
            "meets_day_rule": minutes >= 180,
            "day_rule_minutes": 180,
            "units_used_today": int(minutes >= 180),
            "reopened_count": 0,
        }
        return self.do(domain.count_units, self.heard(TreatmentDayClosed, **said | more))

    def discharged(self, reason: DischargeReason = DischargeReason.COMPLETED_GOALS) -> list[Any]:
        gone = self.heard(
            PatientDischarged, reason=reason, teds_reason="completed", discharged_on=date(2026, 4, 1),
            admitted_on=date(2026, 1, 6), los_days=80, level_at_discharge=LEVEL, goals_total=1, goals_met=1,
        )  # fmt: skip
        return self.do(domain.end_episode, gone)

    def died(self) -> list[Any]:
        return self.do(domain.note_death, self.heard(PatientDied, reported_on=date(2026, 5, 1)))

    def woke(self, decide: Any, what: str) -> list[Any]:
        return self.do(decide, Woke(self.at, what))

    def said(self, kind: type[Event]) -> list[Any]:
        return [f for f in self.facts if type(f) is kind]

    def alert(self, kind: str = "suicide_risk") -> Alert:
        (found,) = (a for a in self.state.alerts if a.kind == kind)
        return found

    def acknowledge(self) -> "Story":
        """A clinician takes every open alert in hand."""
        actor = self.actor
        self.by(CLINICIAN)
        for alert in self.state.alerts:
            if alert.acknowledged_at is None:
                self.do(domain.acknowledge_alert, domain.AcknowledgeAlert(alert.id))
        return self.by(actor)

    def resolve(self) -> "Story":
        """A clinician takes every open alert in hand and closes it."""
        actor = self.acknowledge().actor
        self.by(CLINICIAN)
        for alert in self.state.alerts:
            self.do(domain.resolve_alert, domain.ResolveAlert(alert.id, "plan-1"))
        return self.by(actor)


def referral_of(person: Person = DANA, **more: Any) -> domain.ReceiveReferral:
    return domain.ReceiveReferral(
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


def receive(
    known: Known | None = None, person: Person = DANA, at: datetime = START, **more: Any
) -> list[Any]:
    moment = Moment(at, ACTOR, "c", RULES)
    return domain.receive_referral(SITE, known or Known(), referral_of(person, **more), moment, "ref-1")


def referred(**more: Any) -> Story:
    opened, *told = receive(**more)
    story = Story(domain.evolve(None, opened))
    story.facts += [opened, *told]
    return story


def consented(**more: Any) -> Story:
    story = referred(**more)
    minor = story.state.person.birth_date.year > START.year - RULES.intake.adult_age
    story.do(domain.grant_consent, replace(TREATMENT, signers=BOTH) if minor else TREATMENT)
    return story


def screened(command: domain.ScreenPatient = NO_RISKS, **more: Any) -> Story:
    story = consented(**more)
    story.do(domain.screen_patient, command)
    return story


def assessed() -> Story:
    story = screened()
    story.do(domain.assess_patient, ASSESSMENT)
    return story


def asked() -> Story:
    story = assessed()
    story.do(domain.verify_coverage, COVERED)
    story.do(domain.request_seat, SEAT)
    return story


def seated() -> Story:
    story = asked()
    story.seat_held()
    return story


def admitted() -> Story:
    story = seated()
    story.do(domain.admit_patient, ADMISSION)
    return story


def waiting() -> Story:
    story = asked()
    story.seat_unavailable()
    return story


def offered() -> Story:
    story = waiting()
    story.later(days=2)
    story.do(domain.ask_for_freed_seat, story.at)
    story.seat_held("hold-2", timedelta(days=4))
    return story


def in_detox() -> Story:
    story = screened(measured(cows=15, ciwa_ar=8))
    story.do(domain.refer_to_detox, domain.ReferToDetox("detox_facility", "cows"))
    return story
