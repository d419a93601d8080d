"""People, events and moments for the tests of notify."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from contracts.decisions import Moment, Unwake, Wake
from contracts.intake import (
    ConsentGranted,
    PatientAdmitted,
    ReferralReceived,
)
from contracts.progress import (
    PatientDischarged,
    SafetyAlertRaised,
)
from contracts.rulebook import rulebook
from contracts.scheduling import (
    AttendanceCorrected,
    SessionMissed,
    WeeklyScheduleAgreed,
)
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    DischargeReason,
    LevelOfCare,
    MissKind,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    ServiceKind,
    Slot,
    Urgency,
)
from services.notify import domain
from services.notify.domain.person import MessageQueued

NEW_YORK = "America/New_York"
NOON = datetime(2026, 10, 5, 16, 0, tzinfo=UTC)
"""12:00 in New York, a Monday."""
NIGHT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
"""22:30 in New York, the same Monday."""
MORNING = datetime(2026, 10, 6, 12, 0, tzinfo=UTC)
"""08:00 in New York, the next day."""
SYSTEM = Actor(type=ActorType.SYSTEM, id="handrail", role="system")
RULES = rulebook()
QUIET = RULES.quiet_hours
LEVEL = LevelOfCare(code="2.1")
COMMON: dict[str, Any] = {
    "network_id": "north",
    "site_id": "elm",
    "episode_id": "ep-1",
    "patient_id": "pt-1",
    "part2": True,
    "actor": SYSTEM,
}
MONDAY_EVENING = Slot(dow=1, start_local="18:00", end_local="19:30", service_kind=ServiceKind.GROUP)


def moment(at: datetime = NOON, cause: str = "cause-1") -> Moment:
    return Moment(at=at, actor=SYSTEM, cause=cause, rules=RULES)


def fold(person: domain.Person | None, facts: list[Any]) -> domain.Person:
    for fact in facts:
        if not isinstance(fact, Wake | Unwake):
            person = domain.evolve(person, fact)
    assert person is not None
    return person


def stranger() -> domain.Person:
    """Somebody referred, who has not said how to be contacted."""
    event = ReferralReceived(
        **COMMON, source=ReferralSource.PCP, urgency=Urgency.ROUTINE, received_at=NOON, tz=NEW_YORK
    )
    person = fold(None, domain.referral_received(None, event, moment(cause="referral")))
    return replace(person, queued={})


def reachable(*channels: str) -> domain.Person:
    """Somebody who agreed to be contacted."""
    return fold(stranger(), domain.consent_granted(stranger(), consent(*(channels or ("sms",))), moment()))


def consent(*channels: str, kind: str = "contact_preferences", id: str = "c-1") -> ConsentGranted:
    return ConsentGranted(**COMMON, consent_id=id, kind=kind, channels=channels, signed_at=NOON)


def admitted(**changes: Any) -> PatientAdmitted:
    fields: dict[str, Any] = {
        "program_id": "p-1",
        "admitted_on": date(2026, 10, 5),
        "tz": NEW_YORK,
        "level": LEVEL,
        "program_kind": ProgramKind.SUD,
        "age_band": AgeBand.ADULT,
        "planned_end_on": date(2027, 1, 3),
        "prescribed_weekly_minutes": 540,
        "days_per_week": 3,
        "seat_hold_id": "h-1",
        "plan_kind": PlanKind.COMMERCIAL,
        "primary_clinician_id": "clin-1",
    }
    return PatientAdmitted(**COMMON, **(fields | changes))


def missed(**changes: Any) -> SessionMissed:
    fields: dict[str, Any] = {
        "session_id": "s-1",
        "kind": MissKind.NO_SHOW,
        "local_date": date(2026, 10, 5),
        "tz": NEW_YORK,
        "scheduled_minutes": 90,
        "consecutive_missed": 1,
    }
    return SessionMissed(**COMMON, **(fields | changes))


def correction(**changes: Any) -> AttendanceCorrected:
    fields: dict[str, Any] = {
        "supersedes_event_id": "e-1",
        "session_id": "s-1",
        "attended": True,
        "creditable_minutes": 60,
        "late_minutes": 35,
        "local_date": date(2026, 10, 5),
        "tz": NEW_YORK,
        "reason": "came_late",
    }
    return AttendanceCorrected(**COMMON, **(fields | changes))


def agreed(version: int = 1) -> WeeklyScheduleAgreed:
    return WeeklyScheduleAgreed(
        **COMMON,
        schedule_id="w-1",
        version=version,
        effective_from=date(2026, 10, 7),
        tz=NEW_YORK,
        slots=(MONDAY_EVENING,),
        planned_weekly_minutes=540,
        days_per_week=3,
        max_gap_days=3,
        agreed_at=NOON,
    )


def discharged(reason: DischargeReason = DischargeReason.COMPLETED_GOALS) -> PatientDischarged:
    return PatientDischarged(
        **COMMON,
        reason=reason,
        teds_reason="completed",
        discharged_on=date(2026, 12, 1),
        admitted_on=date(2026, 10, 1),
        los_days=61,
        level_at_discharge=LEVEL,
        goals_total=3,
        goals_met=3,
    )


def alert(severity: Risk = Risk.HIGH) -> SafetyAlertRaised:
    return SafetyAlertRaised(
        **COMMON, alert_id="a-1", kind="suicide", severity=severity, due_ack_at=NIGHT + timedelta(minutes=15)
    )


def queued(facts: list[Any]) -> list[tuple[str, datetime]]:
    """What a reaction queued: templates and the instants at which they are due."""
    return [(f.message.template_id, f.message.due_at) for f in facts if isinstance(f, MessageQueued)]


def woken(facts: list[Any]) -> set[tuple[str, datetime]]:
    return {(f.what, f.at) for f in facts if isinstance(f, Wake)}


def outcome(person: domain.Person, at: datetime = NOON) -> list[str]:
    """What the gate says about each queued message at an instant."""
    verdicts = [domain.judge(person, message, at, QUIET) for message in person.queued.values()]
    return [
        f"not {v.reason}"
        if isinstance(v, domain.Suppress)
        else f"at {v.until:%H:%M}"
        if isinstance(v, domain.Postpone)
        else v.template_id
        for v in verdicts
    ]
