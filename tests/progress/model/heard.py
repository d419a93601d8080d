"""What the other services say of the person of the model."""

from datetime import date, datetime, time, timedelta
from typing import Any

from contracts.event import Event
from contracts.intake import (
    AuthorizationRecorded,
    AuthorizedTerm,
    Certification,
    CoverageTerm,
    CoverageVerified,
    InstrumentResult,
    PatientAdmitted,
    PatientCameOfAge,
)
from contracts.scheduling import (
    AttendanceCorrected,
    SessionAttended,
    SessionMissed,
    TreatmentWeekClosed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    LevelOfCare,
    MissKind,
    Modality,
    PlanKind,
    ProgramKind,
    ServiceKind,
)
from tests.progress.model.person import CERTIFIED_DAYS, ZONE, Person, after

SYSTEM = Actor(type=ActorType.SYSTEM, id="handrail", role="system")
LEVELS = {code: LevelOfCare(code=code) for code in ("1", "2.1", "2.5")}
COMMON: dict[str, Any] = {
    "network_id": "north",
    "site_id": "albany",
    "episode_id": "ep-1",
    "patient_id": "pt-1",
    "part2": True,
    "actor": SYSTEM,
}


def local(day: date, at: str = "09:00") -> datetime:
    return datetime.combine(day, time.fromisoformat(at), ZONE)


def admission(p: Person) -> Event:
    """Intake admitted the person of the model."""
    phq = [] if p.baseline is None else [InstrumentResult(instrument="phq9", version="1", total=p.baseline)]
    asks = p.auth_needed[p.admitted]
    kind = PlanKind.MEDICARE if p.medicare else PlanKind.COMMERCIAL
    signed = Certification(
        certified_by="dr-1", certified_on=p.admitted, next_due_on=after(p.admitted, CERTIFIED_DAYS)
    )
    return PatientAdmitted(
        **COMMON,
        program_id="day",
        admitted_on=p.admitted,
        tz=str(ZONE),
        level=LEVELS[p.level],
        program_kind=ProgramKind.SUD if p.counts_use else ProgramKind.MENTAL_HEALTH,
        age_band=AgeBand.ADULT if p.adult else AgeBand.ADOLESCENT,
        planned_end_on=p.planned_end,
        prescribed_weekly_minutes=p.minutes,
        days_per_week=4,
        seat_hold_id="hold-1",
        plan_kind=kind,
        certification=signed if p.medicare else None,
        authorization_id="auth-0",
        primary_clinician_id="ann",
        baseline=tuple(phq),
        coverage=CoverageTerm(coverage_id="cover-1", payer_id="blue", plan_kind=kind, auth_required=asks),
        authorizations=tuple(
            AuthorizedTerm(authorization_id=id, level=LEVELS[level], valid_from=first, valid_to=last)
            for id, (level, first, last, _) in p.authorized.items()
        ),
    )


def of_age() -> Event:
    """They sign alone from now on."""
    return PatientCameOfAge(**COMMON, ended=("treatment",), to_renew=("treatment",))


def coverage(at: datetime, since: date, asks: bool) -> Event:
    """Another payer from a day on."""
    return CoverageVerified(
        **COMMON,
        coverage_id=f"cover-{since}",
        payer_id="green",
        plan_kind=PlanKind.COMMERCIAL,
        status="active",
        auth_required=asks,
        verified_at=at,
        valid_from=since,
    )


def authorization(id: str, level: str, first: date, last: date, granted: bool) -> Event:
    """What a payer said yes or no to."""
    return AuthorizationRecorded(
        **COMMON,
        authorization_id=id,
        status="approved" if granted else "denied",
        level=LEVELS[level],
        unit_kind="day",
        units_approved=30,
        valid_from=first,
        valid_to=last,
    )


def calendar(at: datetime, version: int, minutes: int, first: bool) -> Event:
    """The weekly calendar, agreed on or changed."""
    what: dict[str, Any] = {
        **COMMON,
        "schedule_id": "sch-1",
        "version": version,
        "effective_from": at.astimezone(ZONE).date(),
        "tz": str(ZONE),
        "slots": (),
        "planned_weekly_minutes": minutes,
        "days_per_week": 4,
    }
    if first:
        return WeeklyScheduleAgreed(**what, max_gap_days=3, agreed_at=at)
    return WeeklyScheduleChanged(**what, previous_version=version - 1, reason="patient_request")


def attended(session: str, on: date, minutes: int) -> Event:
    """A session the person came to."""
    start = local(on)
    return SessionAttended(
        **COMMON,
        session_id=session,
        group_id="g-1",
        service_kind=ServiceKind.GROUP,
        start_at=start,
        end_at=start + timedelta(hours=3),
        tz=str(ZONE),
        local_date=on,
        modality=Modality.IN_PERSON,
        present_minutes=minutes,
        break_minutes=0,
        creditable_minutes=minutes,
        late_minutes=180 - minutes,
        left_early_minutes=0,
        group_size_present=8,
        level=LEVELS["2.1"],
    )


def missed(session: str, on: date, in_a_row: int) -> Event:
    """A session they did not come to."""
    return SessionMissed(
        **COMMON,
        session_id=session,
        kind=MissKind.NO_SHOW,
        local_date=on,
        tz=str(ZONE),
        scheduled_minutes=180,
        consecutive_missed=in_a_row,
    )


def corrected(session: str, on: date, came: bool, minutes: int) -> Event:
    """What was said of a session was wrong."""
    return AttendanceCorrected(
        **COMMON,
        supersedes_event_id="ev-1",
        session_id=session,
        attended=came,
        creditable_minutes=minutes if came else 0,
        late_minutes=0,
        local_date=on,
        tz=str(ZONE),
        reason="roll_call",
    )


def week(
    start: date,
    level: str,
    scheduled: int,
    credited: int,
    short: bool,
    below: bool,
    minimum: int,
    reopened: int,
) -> Event:
    """A week is closed, or closed again."""
    return TreatmentWeekClosed(
        **COMMON,
        week_start=start,
        tz=str(ZONE),
        level=LEVELS[level],
        scheduled_minutes=scheduled,
        creditable_minutes=credited,
        days_attended=3,
        sessions_attended=3,
        sessions_missed=1,
        level_min_minutes=minimum,
        level_max_minutes=1199,
        below_level_minimum=below,
        short_week=short,
        attendance_ratio_permille=min(1000, 1000 * credited // scheduled) if scheduled else None,
        reopened_count=reopened,
    )
