"""The course of treatment: admission, the agreed week, attendance, closed weeks and outreach."""

from dataclasses import dataclass
from datetime import date

from contracts.decisions import Guard, Moment, Refused, require
from contracts.intake import InstrumentResult, PatientAdmitted
from contracts.progress import EpisodeStarted, OutreachAttempted
from contracts.scheduling import (
    AttendanceCorrected,
    ScheduleInfeasible,
    SessionAttended,
    SessionMissed,
    TreatmentWeekClosed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import ServiceKind
from services.progress.domain.cadence import ask_who_is_back
from services.progress.domain.curriculum import review_curriculum
from services.progress.domain.ended import counts_still, known_since
from services.progress.domain.evolve import evolve
from services.progress.domain.facts import (
    Admitted,
    Alert,
    AttendanceNoted,
    AttendanceStruck,
    Authorized,
    Contact,
    Covered,
    MissNoted,
    ScheduleNoted,
    ScheduleStuck,
    Sitting,
    Stage,
    Week,
    WeekNoted,
)
from services.progress.domain.goals import weigh_goals
from services.progress.domain.ground import review_ground
from services.progress.domain.kept import Start
from services.progress.domain.plan import ask_for_plan
from services.progress.domain.recommend import review_attendance
from services.progress.domain.scales import GLOBAL, is_followed, scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, band_of, midnight, moved, running, then

CORRECTED = "attendance_corrected"
"""Why a discharge is said again."""


@dataclass(frozen=True, slots=True)
class LogOutreach:
    """Somebody tried to reach a person who stayed away."""

    channel: str
    reached: bool
    attempted_on: date | None = None


def open_episode(state: Episode | None, event: PatientAdmitted, moment: Moment) -> Facts:
    """An admission begins an episode and takes over its open alerts."""
    if state is not None:
        return []
    admitted = Admitted(
        episode_id=event.episode_id,
        network_id=event.network_id,
        site_id=event.site_id,
        patient_id=event.patient_id,
        part2=event.part2,
        tz=event.tz,
        program_id=event.program_id,
        program_kind=event.program_kind,
        age_band=event.age_band,
        clinician_id=event.primary_clinician_id,
        level=event.level,
        weekly_minutes=event.prescribed_weekly_minutes,
        admitted_on=event.admitted_on,
        planned_end_on=event.planned_end_on,
        baselines={r.instrument: r.total for r in event.baseline if r.total is not None},
        alerts=tuple(
            Alert(a.alert_id, a.kind, a.severity, a.due_ack_at, acknowledged=a.acknowledged)
            for a in event.open_alerts
        ),
        coverage=_coverage(event),
        authorizations=tuple(
            Authorized(a.authorization_id, a.level, a.valid_from, a.valid_to) for a in event.authorizations
        ),
        starts={r.instrument: _start(r, moment) for r in event.baseline},
        certified_on=event.certification.certified_on if event.certification else None,
        certified_through=event.certification.next_due_on if event.certification else None,
    )
    started = EpisodeStarted(
        **about(evolve(None, admitted), moment.actor),
        level=event.level,
        planned_end_on=event.planned_end_on,
        weekly_minutes=event.prescribed_weekly_minutes,
        tz=event.tz,
    )
    return [admitted, started]


def _start(found: InstrumentResult, moment: Moment) -> Start:
    scale = scale_of(found.instrument, moment.rules)
    overall = {}
    if scale is not None and not is_followed(scale) and found.total is not None:
        overall = {GLOBAL: found.total}
    return Start(found.total, {**found.subscales, **overall}, found.administered_at, found.version)


def _coverage(event: PatientAdmitted) -> tuple[Covered, ...]:
    known = event.coverage
    if known is None:
        return ()
    since = known.valid_from or event.admitted_on
    return (Covered(since, known.payer_id, known.plan_kind, known.auth_required),)


def note_schedule(
    state: Episode, event: WeeklyScheduleAgreed | WeeklyScheduleChanged, moment: Moment
) -> Facts:
    """A calendar that a person agreed on sets the dose; one that carries out a step keeps the step's."""
    if state.over or event.version <= state.schedule_version:
        return []
    band = band_of(state, moment.rules)
    carries_out_step = state.schedule_pending and state.schedule_stuck is None
    asked_for = not carries_out_step and band is not None and band.holds(event.planned_weekly_minutes)
    dose = event.planned_weekly_minutes if asked_for else state.weekly_minutes
    told: Facts = [ScheduleNoted(event.version, event.planned_weekly_minutes, dose)]
    if state.stage is Stage.ADMITTED:
        told.append(moved(state, moment, Stage.SCHEDULED, "T13"))
    return told


def note_infeasible(state: Episode, event: ScheduleInfeasible, _moment: Moment) -> Facts:
    """A step found no legal week; whoever opens the episode sees it."""
    if state.over or state.schedule_stuck == event.cause:
        return []
    return [ScheduleStuck(event.wanted_weekly_minutes, event.cause)]


def count_attendance(state: Episode, event: SessionAttended, moment: Moment) -> Facts:
    """Taking part counts; the first creditable minutes make an episode attended (T14)."""
    sitting = Sitting(
        session_id=event.session_id,
        on=event.local_date,
        minutes=event.creditable_minutes,
        service_kind=event.service_kind,
        group_kind=event.group_kind,
        starts_at=min(event.start_at, moment.at),
        event_id=moment.cause,
    )
    return _sat(state, sitting, moment)


def correct_attendance(state: Episode, event: AttendanceCorrected, moment: Moment) -> Facts:
    """A correction replaces what was said of a session; closed weeks come again by themselves."""
    known = {s.session_id: s for s in state.sittings}.get(event.session_id)
    if not event.attended:
        if known is None:
            return []
        if state.over:
            return known_since(state, [AttendanceStruck(event.session_id)], CORRECTED, moment)
        told = then(state, moment, [AttendanceStruck(event.session_id)], weigh_goals)
        return then(state, moment, told, review_ground(told))
    sitting = Sitting(
        session_id=event.session_id,
        on=event.local_date,
        minutes=event.creditable_minutes,
        service_kind=event.service_kind or (known.service_kind if known else ServiceKind.GROUP),
        group_kind=event.group_kind or (known.group_kind if known else None),
        starts_at=min(event.start_at or midnight(event.local_date, state.tz), moment.at),
        event_id=moment.cause,
    )
    told = _sat(state, sitting, moment, CORRECTED)
    return then(state, moment, told, review_ground(told)) if told else []


def _sat(state: Episode, sitting: Sitting, moment: Moment, because: str = "attendance_recorded") -> Facts:
    if sitting in state.sittings or not counts_still(state, sitting.on):
        return []
    told: Facts = [AttendanceNoted(sitting)]
    if state.over:
        return known_since(state, told, because, moment)
    if sitting.minutes > 0 and state.stage in (Stage.ADMITTED, Stage.SCHEDULED):
        told.append(moved(state, moment, Stage.ATTENDING, "T14"))
    steps = (ask_for_plan, weigh_goals, review_curriculum, ask_who_is_back(sitting))
    return then(state, moment, told, *steps)


def note_miss(state: Episode, event: SessionMissed, _moment: Moment) -> Facts:
    """A person who stays away again and again is shown to whoever does the outreach."""
    noted = MissNoted(event.session_id, event.consecutive_missed)
    known = state.missed_session == noted.session_id and state.consecutive_missed == noted.consecutive
    attended = any(s.session_id == noted.session_id for s in state.sittings)
    return [] if state.over or known or attended else [noted]


def note_week(state: Episode, event: TreatmentWeekClosed, moment: Moment) -> Facts:
    """A closed week moves goals and recommendations; closed again, it replaces its first count."""
    week = Week(
        week_start=event.week_start,
        scheduled_minutes=event.scheduled_minutes,
        creditable_minutes=event.creditable_minutes,
        minimum=event.level_min_minutes,
        below=event.below_level_minimum,
        short=event.short_week,
        ratio=event.attendance_ratio_permille,
        event_id=moment.cause,
    )
    if week in state.weeks or not counts_still(state, week.week_start):
        return []
    again = week.week_start in {w.week_start for w in state.weeks}
    if state.over:
        # The last week closes after most discharges: it counts, and says nothing of the goals any more.
        noted = [WeekNoted(week)]
        return known_since(state, noted, "week_recounted", moment) if again else noted
    told = then(state, moment, [WeekNoted(week)], weigh_goals)
    return then(state, moment, told, *([review_ground(told)] if again else []), review_attendance)


def log_outreach(state: Episode, command: LogOutreach, moment: Moment) -> Facts:
    """Attempts count from the last attendance or contact on; reaching somebody may explain two thin weeks."""
    running(state)
    channels = moment.rules.progress.outreach_channels
    if command.channel not in channels:
        message = f"A person is reached by {', '.join(channels)}."
        raise Refused("channel_unknown", message, status=422)
    today = state.day(moment.at)
    day = command.attempted_on or today
    require(
        "outreach_refused",
        "The attempt cannot be recorded",
        [
            Guard(
                "attempted_on",
                state.admitted_on <= day <= today,
                "an attempt is made since the admission, and not ahead",
                {"admitted_on": str(state.admitted_on), "latest": str(today)},
            )
        ],
    )
    attempted = OutreachAttempted(
        **about(state, moment.actor),
        channel=command.channel,
        attempts=len(attempts_in_vain(state)) + 1,
        reached=command.reached,
        attempted_on=day,
    )
    return then(state, moment, [attempted], review_attendance)


def attempts_in_vain(state: Episode) -> list[Contact]:
    """The attempts that reached nobody since the person was last there, or was last reached."""
    reached = (c.on for c in state.contacts if c.reached)
    last = max((*reached, state.last_attended_on or date.min))
    return [c for c in state.contacts if c.on > last]
