"""After the program: the future-steps meeting, check-in calls, and the alumni."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import AftercarePlanned, AlumniEnrolled, CheckInCompleted, CheckInDue, CheckInMissed
from contracts.rulebook import Rulebook
from contracts.vocabulary import Criterion
from services.progress.domain.extension import drop_extension
from services.progress.domain.facts import Aftercare, Stage
from services.progress.domain.recommend import close_all, review_relapse, step_up_for
from services.progress.domain.review import not_held
from services.progress.domain.state import Episode
from services.progress.domain.tasks import OF_AGE, settle_tasks
from services.progress.domain.telling import (
    Facts,
    Step,
    about,
    after_days,
    at_stage,
    clinical,
    midnight,
    moved,
    running,
    then,
)

STATUSES = ("stable", "at_risk", "relapse")


@dataclass(frozen=True, slots=True)
class PlanAftercare:
    """Record the future-steps meeting and end the program."""

    meeting_on: date | None
    components: tuple[str, ...]
    relapse_prevention_plan: bool
    override_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordCheckIn:
    """Say how a check-in call went."""

    reached: bool
    status_summary: str | None = None
    contact_mode: str | None = None


@dataclass(frozen=True, slots=True)
class EnrolAlumni:
    """Keep in touch with a person who finished aftercare."""

    consented: bool


def plan_aftercare(state: Episode, command: PlanAftercare, moment: Moment) -> Facts:
    """The program ends when its goals are met, or when a clinician says why it ends all the same (T27)."""
    running(state)
    known = moment.rules.aftercare.components
    if strangers := [c for c in command.components if c not in known]:
        message = f"{', '.join(strangers)} is no part of aftercare: {', '.join(known)}."
        raise Refused("component_unknown", message, status=422)
    required = [p for p in state.goals if p.goal.required_for_step_down]
    done = bool(required) and not state.remaining_required
    today = state.day(moment.at)
    require(
        "aftercare_refused",
        "Aftercare cannot begin",
        [
            clinical(moment),
            at_stage(state, Stage.ATTENDING),
            not_held(state),
            *_meeting(state, command, today),
            Guard(
                "goals_met",
                done or bool(command.override_reason),
                "required goals are open and no reason is given to pass over them",
                {"remaining_required": state.remaining_required, "required": len(required)},
            ),
            Guard(
                "relapse_prevention_plan",
                command.relapse_prevention_plan,
                "there is no relapse prevention plan",
            ),
            _last_week_closed(state),
            *_exit_measures(state, today, moment),
        ],
    )
    meeting_on = command.meeting_on or today
    calls = moment.rules.checkins
    return [
        *close_all(state, "superseded"),
        *drop_extension(state, moment, "aftercare"),
        *settle_tasks(state, "aftercare", but=OF_AGE),
        AftercarePlanned(
            **about(state, moment.actor),
            aftercare_plan_id=moment.new_id("aftercare"),
            meeting_at=moment.at if meeting_on == today else midnight(meeting_on, state.tz),
            components=tuple(dict.fromkeys(command.components)),
            relapse_prevention_plan=command.relapse_prevention_plan,
            checkin_cadence_days=calls.cadence_days,
            until_on=today + timedelta(days=calls.days),
            goals_overridden=not done,
            started_on=today,
        ),
        moved(state, moment, Stage.AFTERCARE, "T27"),
    ]


def _meeting(state: Episode, command: PlanAftercare, today: date) -> list[Guard]:
    held = command.meeting_on
    if held is None:
        return [Guard("meeting_held", False, "the future-steps meeting has not been held")]
    first = state.stay_began_on
    facts = {"meeting_on": str(held), "first": str(first), "latest": str(today)}
    return [
        Guard("meeting_on", first <= held <= today, "the meeting is held during the stay, not ahead", facts)
    ]


def _last_week_closed(state: Episode) -> Guard:
    """Every roll call of the last service is in and counted."""
    last = state.last_attended_on
    monday = last - timedelta(days=last.weekday()) if last else None
    closed = monday is None or any(w.week_start == monday for w in state.weeks)
    return Guard(
        "last_week_closed",
        closed,
        f"the week of the last session, of {monday}, is not closed",
        {"week_start": str(monday) if monday else None},
    )


def _exit_measures(state: Episode, today: date, moment: Moment) -> list[Guard]:
    """What was measured at the start is measured at the end."""
    rules = moment.rules.aftercare
    oldest = today - timedelta(days=rules.exit_measure_days)
    wanted = [name for name in rules.exit_instruments if name in state.baselines]
    missing = [n for n in wanted if not any(state.day(r.at) >= oldest for r in state.scores(n))]
    return [
        Guard(
            "exit_measures",
            not missing,
            f"not measured in the last {rules.exit_measure_days} days: {', '.join(missing)}",
            {"missing": missing},
        )
    ]


def ask_check_in(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """A call is due today, and overdue when the day is over."""
    plan = state.aftercare
    if state.stage is not Stage.AFTERCARE or plan is None or plan.due_on is not None:
        return []
    due_on = next_call_on(plan)
    if due_on > plan.until_on or moment.at < midnight(due_on, state.tz):
        return []
    due = CheckInDue(**about(state, moment.actor), check_in=plan.called + 1, due_on=due_on)
    return [due]


def record_check_in(state: Episode, command: RecordCheckIn, moment: Moment) -> Facts:
    """A call reached the person or did not; who is at risk or relapsed may come back to treatment.

    After the end the way back is a referral, and a call is kept as a contact.
    """
    if not state.in_touch:
        running(state)
    plan = state.aftercare
    today = state.day(moment.at)
    # An alumnus is called by nobody's calendar: whoever speaks to one may say how they are (T28).
    unasked = (state.stage is Stage.ALUMNI or state.in_touch) and command.reached
    due_on = today if unasked else plan.due_on if plan and state.stage is Stage.AFTERCARE else None
    if plan is None or due_on is None:
        raise Refused("no_check_in_due", "No check-in call is due.", state=state.stage)
    if command.reached and command.status_summary not in STATUSES:
        message = f"A call that reached somebody says how they are: {', '.join(STATUSES)}."
        raise Refused("status_unknown", message, status=422)
    modes = moment.rules.checkins.contact_modes
    if command.contact_mode is not None and command.contact_mode not in modes:
        raise Refused("mode_unknown", f"A check-in is made by {', '.join(modes)}.", status=422)
    if not command.reached:
        return [_missed(state, plan, due_on, moment)]
    done = CheckInCompleted(
        **about(state, moment.actor),
        check_in=plan.called + 1 if unasked else plan.called,
        due_on=due_on,
        status_summary=command.status_summary or "",
        contact_mode=command.contact_mode,
    )
    answers: dict[str, list[Step]] = {"relapse": [review_relapse], "at_risk": [_review_risk]}
    return then(state, moment, [done], *answers.get(command.status_summary or "", []))


def _review_risk(state: Episode, moment: Moment) -> Facts:
    """Who says that they are at risk may come back before anything happens."""
    told = Criterion(id="at_risk_told", value=1, threshold=1, met=True)
    return step_up_for(state, "at_risk", (told,), moment)


def miss_check_in(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The day of a call went by without one."""
    plan = state.aftercare
    if state.stage is not Stage.AFTERCARE or plan is None or plan.due_on is None:
        return []
    if state.day(moment.at) <= plan.due_on:
        return []
    return [_missed(state, plan, plan.due_on, moment)]


def enrol_alumni(state: Episode, command: EnrolAlumni, moment: Moment) -> Facts:
    """Aftercare is over and the person wants to stay in touch (T29), or wants it after the end (T30)."""
    if state.over:
        require("alumni_refused", "The person cannot be enrolled", in_touch_guards(state, command.consented))
        return kept_in_touch(state, moment)
    require(
        "alumni_refused",
        "The person cannot be enrolled",
        [
            at_stage(state, Stage.AFTERCARE),
            Guard("consent", command.consented, "the person has not consented"),
            aftercare_is_over(state, moment),
        ],
    )
    return [
        *close_all(state, "superseded"),
        *kept_in_touch(state, moment),
        moved(state, moment, Stage.ALUMNI, "T29"),
    ]


def in_touch_guards(state: Episode, consented: bool) -> list[Guard]:
    """Who had aftercare may be kept in touch with when the episode is over, once they say so."""
    return [
        Guard("consent", consented, "the person has not consented"),
        Guard("aftercare", state.aftercare is not None, "the person had no aftercare to stay in touch after"),
        Guard("not_enrolled", state.alumni_since is None, "the person is enrolled already"),
        Guard("alive", not state.died, "the person has died"),
    ]


def kept_in_touch(state: Episode, moment: Moment) -> Facts:
    """From today on the person is called as an alumnus."""
    return [AlumniEnrolled(**about(state, moment.actor), enrolled_on=state.day(moment.at))]


def aftercare_is_over(state: Episode, moment: Moment) -> Guard:
    """Its last day has come, or too many calls reached nobody."""
    plan = state.aftercare
    missed = plan.missed if plan else 0
    limit = moment.rules.checkins.max_missed
    over = plan is not None and (state.day(moment.at) >= plan.until_on or missed >= limit)
    facts = {"until_on": str(plan.until_on) if plan else None, "missed": missed}
    return Guard(
        "aftercare_over", over, f"aftercare is not over, and fewer than {limit} calls were missed", facts
    )


def next_call_on(plan: Aftercare) -> date:
    """The day of the next call: the cadence counts from the beginning, however a call went."""
    return plan.started_on + timedelta(days=plan.cadence_days * (plan.called + 1))


def waits(state: Episode, _rules: Rulebook) -> dict[str, datetime]:
    """The next call, or the end of the day on which one is due."""
    plan = state.aftercare
    if state.stage is not Stage.AFTERCARE or plan is None:
        return {}
    if plan.due_on is not None:
        return {"check_in_missed": after_days(plan.due_on, 1, state.tz)}
    due_on = next_call_on(plan)
    return {"check_in": midnight(due_on, state.tz)} if due_on <= plan.until_on else {}


def _missed(state: Episode, plan: Aftercare, due_on: date, moment: Moment) -> CheckInMissed:
    return CheckInMissed(**about(state, moment.actor), check_in=plan.called, due_on=due_on)
