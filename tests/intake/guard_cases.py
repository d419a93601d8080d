"""Every guard of every step, with the one thing that breaks it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from contracts.intake import Diagnosis, Rating
from contracts.vocabulary import PlanKind, ProgramKind, Risk
from services.intake import domain
from services.intake.domain import Locus, Stage
from services.intake.domain.state import Alert, Contact, Hold, Offer
from tests.intake.story import ACTOR, KAI, RULES, SEAT, START, WHOLE, Story, level, measured, ruled


def as_it_is(_story: Story) -> None:
    """The story of the passing step."""


@dataclass(frozen=True)
class Case:
    """What makes exactly one guard of a step fail."""

    step: str
    guard: str
    given: Callable[[Story], Any] = as_it_is
    """What is different about the story."""
    said: dict[str, Any] = field(default_factory=dict)
    """What is different about the message."""
    shows: dict[str, Any] = field(default_factory=dict)
    """The facts that the refusal must show beside the sentence."""
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.step}: {self.guard}"


def stood(stage: Stage) -> Callable[[Story], Any]:
    return lambda story: story.change(stage=stage)


def found(**changes: Any) -> Callable[[Story], Any]:
    """The screening of the story, changed behind the back of its alerts."""

    def change(story: Story) -> None:
        assert story.state.screening
        story.change(screening=replace(story.state.screening, **changes))

    return change


def of(name: str, **changes: Any) -> Callable[[Story], Any]:
    """A part of the state, changed."""
    return lambda story: story.change(**{name: replace(getattr(story.state, name), **changes)})


def without_offer(story: Story) -> None:
    assert story.state.entry
    story.change(entry=replace(story.state.entry, offer=None))


def alarmed(acknowledged: bool) -> Callable[[Story], Any]:
    def change(story: Story) -> None:
        at = START if acknowledged else None
        alert = Alert("alert-1", "withdrawal", Risk.HIGH, START, START, ("cows",), at)
        story.change(alerts=(alert,))

    return change


def under(**changes: Any) -> Callable[[Story], Any]:
    """Rules of intake that differ."""

    def change(story: Story) -> None:
        story.rules = ruled(**changes)

    return change


def shorter_stays(story: Story) -> None:
    short = RULES.program.model_copy(update={"max_days": 60})
    story.rules = RULES.model_copy(update={"program": short})


def reached(story: Story) -> None:
    story.change(contacts=(*story.state.contacts, Contact(story.at, "phone", reached=True)))


def lower_level_and_week(story: Story) -> None:
    of("assessment", level=level("1"))(story)
    of("wish", weekly_minutes=500)(story)


def below_the_gate(story: Story) -> None:
    story.do(domain.screen_patient, measured(cows=15, ciwa_ar=9))


def acknowledged(story: Story) -> None:
    story.acknowledge()


def unacknowledged(story: Story) -> None:
    alert = replace(story.alert(), acknowledged_at=None)
    story.change(alerts=(alert,))


def open_offer(story: Story) -> None:
    of("entry", offer=Offer(story.at, SOON))(story)


def over_now(story: Story) -> None:
    story.change(consents=tuple(replace(c, expires_at=story.at) for c in story.state.consents))


def signed_by_both(story: Story) -> None:
    story.change(consents=tuple(replace(c, missing=()) for c in story.state.consents))


def by_admissions(story: Story) -> None:
    story.by(ACTOR)


def anothers(story: Story) -> None:
    story.change(owner="u8")


LONG_AGO = START - timedelta(days=31)
SOON = datetime(2026, 12, 1, tzinfo=UTC)
OTHER = Diagnosis(system="icd10cm", code="I10", rank=1)
ALERT = {"alerts": ["alert-1"]}

CASES: tuple[Case, ...] = (
    # T2
    Case("T2", "stage", stood(Stage.ADMITTED), shows={"stage": "ADMITTED"}),
    Case("T2", "treatment_consent", lambda s: s.change(consents=())),
    Case("T2", "suicide_screen", said={"suicide_risk": None}),
    Case(
        "T2",
        "withdrawal_screen",
        said={"instruments": measured(audit=20).instruments},
        shows={"one_of": ["ciwa_ar", "cows"]},
    ),
    Case("T2", "withdrawal_risk", said={"withdrawal_risk": None, "instruments": ()}),
    Case(
        "T2 after detox",
        "whole_screening",
        said={"instruments": measured(cows=3).instruments},
        shows={"missing": ["ciwa_ar"]},
    ),
    # T3
    Case("T3", "stage", stood(Stage.REFERRED), shows={"stage": "REFERRED"}),
    Case("T3", "detox_setting", said={"setting": "spa"}),
    Case("T3", "detox_trigger", said={"trigger": "horoscope"}),
    Case("T3", "detox_gate", given=lambda s: s.change(screening=None), shows={"total": None}),
    Case("T3", "detox_gate", below_the_gate, said={"trigger": "ciwa"}, shows={"total": 9}),
    Case("T3", "opioid_history", found(opioid_history=False), said={"trigger": "opioid_history"}),
    Case("T3", "detox_offered_here", said={"in_house": True}),
    Case("T3 again", "detox_not_running", of("detox", returned_at=None)),
    # T4
    Case("T4", "stage", stood(Stage.SCREENED), shows={"stage": "SCREENED"}),
    Case("T4", "detox_outcome", said={"outcome": "vanished"}),
    Case("T4", "cleared_by", said={"cleared_by": None}),
    Case("T4", "detox_running", of("detox", returned_at=START)),
    # T5
    Case("T5", "stage", stood(Stage.DECLINED), shows={"stage": "DECLINED"}),
    Case("T5", "left_detox", of("detox", outcome="transferred")),
    Case("T5", "contact_days_over", lambda s: s.later(days=-1), shows={"days": 13, "needed": 14}),
    Case("T5", "not_reached", reached),
    # T6
    Case("T6", "stage", stood(Stage.REFERRED), shows={"stage": "REFERRED"}),
    Case("T6", "screening_current", lambda s: s.change(screening=None)),
    Case("T6", "screening_current", lambda s: s.later(days=31)),
    Case("T6", "withdrawal_not_high", found(withdrawal_risk=Risk.HIGH), said={"differs_reason": "seen"}),
    Case("T6", "alerts_in_hand", alarmed(acknowledged=False), shows=ALERT),
    Case("T6", "assessor_credential", said={"assessor_credential": "RN"}),
    Case("T6", "edition", said={"recommended_level": level("2.1", "4"), "dimensions": WHOLE[:5]}),
    Case("T6", "edition", under(edition="4"), shows={"accepted": ["4", "locus", "other"]}),
    Case(
        "T6",
        "edition",
        lambda s: s.change(person=KAI),
        said={"recommended_level": level("2.1", "4"), "dimensions": WHOLE[:5]},
        shows={"accepted": ["3", "locus", "other"]},
    ),
    Case("T6", "dimensions_complete", said={"dimensions": WHOLE[:5]}, shows={"missing": [6]}),
    Case("T6", "ratings_known", said={"dimensions": (*WHOLE[:5], Rating(dimension=6, rating="9"))}),
    Case("T6", "principal_diagnosis", said={"diagnoses": ()}),
    Case(
        "T6",
        "diagnosis_codes",
        said={"diagnoses": (Diagnosis(system="icd10cm", code="nonsense", rank=1),)},
        shows={"ranks": [1]},
    ),
    Case("T6", "stage_of_change", said={"stage_of_change": "thinking"}),
    Case("T6", "support_network", said={"support_network": "some"}),
    Case("T6", "programs_presented", said={"programs_presented": ("spa",)}),
    Case("T6", "programs_presented", said={"patient_choice": "adult_sud_day"}),
    Case("T6", "differs_reason", found(home_safe=False), shows={"suggested": "3.1"}),
    Case("T6", "locus_record", said={"locus": Locus((3,) * 7, 20)}),
    # T7, and the other reasons of a decline
    Case("T7", "stage", stood(Stage.ADMITTED), shows={"stage": "ADMITTED"}),
    Case("T7", "higher_level_grounds", found(needs_24h_supervision=False)),
    Case("T7", "alternatives_listed", said={"alternatives": ()}),
    Case("T7 out of scope", "alternatives_listed", said={"alternatives": ()}),
    Case("T7 duplicate", "duplicate_of", more={"same_person": False}),
    # T8, and what leads to it or to T12
    Case("T8 seat", "stage", stood(Stage.SCREENED), shows={"stage": "SCREENED"}),
    Case("T8 seat", "assessment_current", of("assessment", at=LONG_AGO)),
    Case("T8 seat", "level_served", under(max_level_served="1")),
    Case("T8 seat", "can_live_at_home", found(home_safe=False)),
    Case("T8 seat", "can_live_at_home", found(alternative_housing=True, needs_24h_supervision=True)),
    Case("T8 seat", "suicide_risk_not_high", found(suicide_risk=Risk.HIGH)),
    Case("T8 seat", "withdrawal_not_high", found(withdrawal_risk=Risk.HIGH)),
    Case("T8 seat", "no_high_alert", alarmed(acknowledged=True), shows=ALERT),
    Case("T8 seat", "minutes_in_band", said={"weekly_minutes": 539}),
    Case("T8 seat", "minutes_in_band", said={"weekly_minutes": 1200}),
    Case("T8 seat", "start_in_reach", said={"earliest_start": date(2026, 1, 5)}),
    Case("T8 seat", "start_in_reach", said={"earliest_start": date(2027, 1, 7)}),
    Case("T8 seat", "program_kind", lambda s: s.change(diagnoses=(OTHER,))),
    Case("T8 seat", "no_open_request", lambda s: s.do(domain.request_seat, SEAT)),
    Case("T8 seat", "no_seat_held", lambda s: s.change(hold=Hold("h", START.date(), 720, SOON))),
    Case("T8 coverage", "not_closed", stood(Stage.DECLINED)),
    Case("T8 coverage", "coverage_status", said={"status": "maybe"}),
    Case("T8 coverage", "valid_dates", said={"valid_through": date(2025, 12, 31)}),
    Case("T8 authorization", "not_closed", stood(Stage.DISCHARGED)),
    Case("T8 authorization", "authorization_status", said={"status": "maybe"}),
    Case("T8 authorization", "unit_kind", said={"unit_kind": "week"}),
    Case("T8 authorization", "valid_dates", said={"valid_to": date(2025, 12, 31)}),
    Case("T8 authorization", "units", said={"units_approved": 0}),
    Case("T8 authorization", "authorization_known", said={"authorization_id": "auth-7"}),
    # T9
    Case("T9", "stage", stood(Stage.ASSESSED), shows={"stage": "ASSESSED"}),
    Case("T9", "offer_open", without_offer),
    Case("T9", "offer_in_time", lambda s: s.later(hours=48)),
    Case("T9", "seat_held", lambda s: s.change(hold=None)),
    Case("T9", "seat_held", lambda s: of("hold", expires_at=s.at)(s)),
    Case("T9", "assessment_current", of("assessment", at=LONG_AGO)),
    Case("T9", "level_served", under(max_level_served="1")),
    Case("T9", "can_live_at_home", found(home_safe=False)),
    Case("T9", "suicide_screen_current", found(at=START - timedelta(days=6))),
    Case("T9", "suicide_risk_not_high", found(suicide_risk=Risk.HIGH)),
    Case("T9", "withdrawal_not_high", found(withdrawal_risk=Risk.HIGH)),
    Case("T9", "no_high_alert", alarmed(acknowledged=True), shows=ALERT),
    # T10, T11
    Case("T10", "stage", stood(Stage.DETOX_REFERRED), shows={"stage": "DETOX_REFERRED"}),
    Case("T10", "offer_open", without_offer),
    Case("T10", "offer_in_time", lambda s: s.later(hours=48)),
    Case("T11", "wait_over", lambda s: s.later(seconds=-1)),
    # T12
    Case("T12", "stage", stood(Stage.SCREENED), shows={"stage": "SCREENED"}),
    Case("T12", "program_offered", said={"program_id": "spa"}),
    Case("T12", "program_level", lower_level_and_week, shows={"recommended": "1"}),
    Case("T12", "program_kind", said={"program_id": "mh_12w"}),
    Case("T12", "program_kind", of("wish", program_kind=ProgramKind.MENTAL_HEALTH)),
    Case("T12", "program_age", said={"program_id": "adolescent_6h"}),
    Case("T12", "level_served", under(max_level_served="1")),
    Case("T12", "screening_current", found(at=LONG_AGO)),
    Case("T12", "assessment_current", of("assessment", at=LONG_AGO)),
    Case("T12", "can_live_at_home", found(home_safe=False)),
    Case("T12", "suicide_risk_not_high", found(suicide_risk=Risk.HIGH)),
    Case("T12", "withdrawal_not_high", found(withdrawal_risk=Risk.HIGH)),
    Case("T12", "no_high_alert", alarmed(acknowledged=True), shows=ALERT),
    Case("T12", "seat_held", lambda s: s.change(hold=None)),
    Case("T12", "seat_held", lambda s: s.later(days=7)),
    Case("T12", "treatment_consent", lambda s: s.change(consents=())),
    Case("T12", "coverage_decided", of("coverage", status="inactive")),
    Case("T12", "coverage_decided", of("coverage", valid_through=date(2026, 1, 5))),
    Case("T12", "authorization_approved", of("coverage", auth_required=True), shows={"recorded": []}),
    Case("T12", "physician_certification", of("coverage", plan_kind=PlanKind.MEDICARE)),
    Case("T12", "minutes_in_band", of("wish", weekly_minutes=539)),
    Case("T12", "planned_end", shorter_stays, shows={"default_days": 90, "max_days": 60}),
    # Beside the transitions
    Case("out of turn", "stage", stood(Stage.ASSESSED), shows={"stage": "ASSESSED"}),
    Case("out of turn", "wish_known", lambda s: s.change(wish=None)),
    Case("out of turn", "no_offer_open", open_offer),
    Case("out of turn", "no_open_request", lambda s: s.do(domain.ask_for_freed_seat, s.at)),
    Case("out of turn", "no_high_alert", alarmed(acknowledged=True), shows=ALERT),
    Case("out of turn", "level_served", under(max_level_served="1")),
    Case("out of turn", "can_live_at_home", found(home_safe=False)),
    Case("out of turn", "withdrawal_not_high", found(withdrawal_risk=Risk.HIGH)),
    Case("out of turn", "suicide_risk_not_high", found(suicide_risk=Risk.HIGH)),
    Case("out of turn", "start_in_reach", said={"earliest_start": date(2026, 1, 6)}),
    Case("priority", "stage", stood(Stage.ASSESSED), shows={"stage": "ASSESSED"}),
    Case("priority", "priority_range", said={"priority": 0}),
    Case("priority", "priority_range", said={"priority": 10}),
    Case("consent", "not_closed", stood(Stage.DECLINED)),
    Case("consent", "consent_kind", said={"kind": "anything"}),
    Case("consent", "channel", said={"channels": ("pigeon",)}),
    Case("consent", "signer", said={"signers": ("patient", "neighbour")}),
    Case("consent", "purpose", said={"purposes": ("TREAT", "curiosity")}),
    Case("consent", "expires_event", said={"expires_event": "full_moon"}),
    Case("consent", "consent_elements", said={"disclosers": ()}, shows={"missing": ["disclosers"]}),
    Case("consent", "not_over", said={"expires_at": START}),
    Case("signature", "not_closed", stood(Stage.DECLINED)),
    Case("signature", "consent_known", said={"consent_id": "consent-7"}),
    Case("signature", "signer", said={"signer": "neighbour"}),
    Case("signature", "signature_missing", signed_by_both),
    Case("signature", "not_over", over_now),
    Case("revocation", "consent_known", said={"consent_id": "consent-7"}),
    Case("acknowledgement", "clinical", by_admissions),
    Case("acknowledgement", "not_acknowledged", acknowledged),
    Case("resolution", "clinical", by_admissions),
    Case("resolution", "acknowledged", unacknowledged),
    Case("contact", "stage", stood(Stage.ADMITTED), shows={"stage": "ADMITTED"}),
    Case("contact", "channel", said={"channel": "pigeon"}),
    Case("certification", "not_closed", stood(Stage.DECLINED)),
    Case(
        "certification", "certifier_credential", said={"credential": "RN"}, shows={"accepted": ["MD", "DO"]}
    ),
    Case("certification", "not_ahead", said={"certified_on": date(2026, 1, 7)}),
    Case("claim", "stage", stood(Stage.ADMITTED), shows={"stage": "ADMITTED"}),
    Case("claim", "not_owned", anothers, shows={"owner": "u8"}),
    Case("hand over", "stage", stood(Stage.DISCHARGED), shows={"stage": "DISCHARGED"}),
    Case("hand over", "owner_hands_over", anothers, shows={"owner": "u8"}),
)
