"""The plan: drafted from the admission on, signed, reviewed, and asked for when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import (
    Goal,
    Intervention,
    PlanDue,
    PlanReviewDue,
    PlanSigned,
    TreatmentPlanApproved,
    TreatmentPlanDrafted,
    TreatmentPlanReviewed,
)
from contracts.rulebook import Rulebook
from contracts.vocabulary import ServiceKind
from services.progress.domain.curriculum import review_curriculum
from services.progress.domain.folds.plans import DUE, LATE, TOLD_LATE
from services.progress.domain.goals import weigh_goals
from services.progress.domain.kept import Draft
from services.progress.domain.state import Episode
from services.progress.domain.targets import WantedGoal, agreed_goals
from services.progress.domain.telling import (
    Facts,
    about,
    clinical,
    days_between,
    in_treatment,
    midnight,
    running,
    then,
)

PATIENT, CLINICIAN, PHYSICIAN = "patient", "clinician", "physician"
SIGNERS = (PATIENT, CLINICIAN, PHYSICIAN)
MOST_PER_WEEK = 21
"""Three times a day: above it a frequency is a mistake."""


@dataclass(frozen=True, slots=True)
class WantedIntervention:
    """What is to be done for some of a plan's goals, which it names by their place in the list."""

    modality: str
    service_kind: ServiceKind
    times_per_week: int
    goals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """Write a plan down; it comes into force once everybody who must has signed it."""

    goals: tuple[WantedGoal, ...]
    interventions: tuple[WantedIntervention, ...] = ()
    curriculum: str | None = None


@dataclass(frozen=True, slots=True)
class SignPlan:
    """Record one signature under the draft."""

    role: str


@dataclass(frozen=True, slots=True)
class ApprovePlan:
    """Write a plan down and sign it in one go."""

    goals: tuple[WantedGoal, ...]
    signed_by_patient: bool
    signed_by_clinician: bool
    interventions: tuple[WantedIntervention, ...] = ()
    curriculum: str | None = None
    signed_by_physician: bool = False


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """Look at the plan in force again, and sign what it is from now on."""

    goals: tuple[WantedGoal, ...]
    signed_by_patient: bool
    signed_by_clinician: bool
    interventions: tuple[WantedIntervention, ...] = ()
    curriculum: str | None = None
    signed_by_physician: bool = False


def draft_plan(state: Episode, command: DraftPlan, moment: Moment) -> Facts:
    """Goals exist before the first session, so that attendance may name them; a new draft replaces one."""
    running(state)
    require("plan_not_drafted", "The plan cannot be drafted", [in_treatment(state), clinical(moment)])
    drafted = TreatmentPlanDrafted(
        **about(state, moment.actor),
        **_numbered(state, moment),
        **_content(state, command, moment),
        drafted_on=state.day(moment.at),
    )
    return [drafted]


def sign_plan(state: Episode, command: SignPlan, moment: Moment) -> Facts:
    """Signatures come in any order; the last one that is needed brings the plan into force."""
    running(state)
    draft = state.draft
    if command.role not in SIGNERS:
        message = f"A plan is signed by {', '.join(SIGNERS)}."
        raise Refused("signer_unknown", message, status=422)
    require(
        "plan_not_signed",
        "The plan cannot be signed",
        [
            in_treatment(state),
            clinical(moment),
            Guard("draft", draft is not None, "there is no draft to sign"),
            Guard(
                "unsigned",
                draft is None or command.role not in draft.signed_by,
                f"the {command.role} has signed it already",
            ),
        ],
    )
    assert draft is not None
    signed = PlanSigned(
        **about(state, moment.actor),
        plan_id=draft.plan_id,
        version=draft.version,
        role=command.role,
        signed_on=state.day(moment.at),
    )
    return then(state, moment, [signed], _approve_draft)


def _approve_draft(state: Episode, moment: Moment) -> Facts:
    draft = state.draft
    if draft is None or set(_needed(moment.rules)) - set(draft.signed_by):
        return []
    return _approve(state, _content_of(draft), draft.signed_by, moment)


def approve_plan(state: Episode, command: ApprovePlan, moment: Moment) -> Facts:
    """Everybody signs at once; goals kept from the plan before keep their story."""
    running(state)
    signed = _signatures(command)
    require(
        "plan_not_signed",
        "The plan cannot come into force",
        [in_treatment(state), clinical(moment), *_signed(signed, moment.rules)],
    )
    return _approve(state, _content(state, command, moment), signed, moment)


def review_plan(state: Episode, command: ReviewPlan, moment: Moment) -> Facts:
    """A review is signed like the plan; goals kept keep their story, and the next review is due anew."""
    running(state)
    signed = _signatures(command)
    require(
        "plan_not_reviewed",
        "The plan cannot be reviewed",
        [
            in_treatment(state),
            clinical(moment),
            Guard("plan_in_force", state.plan_version > 0, "no plan is in force yet"),
            *_signed(signed, moment.rules),
        ],
    )
    today = state.day(moment.at)
    reviewed = TreatmentPlanReviewed(
        **about(state, moment.actor),
        **_numbered(state, moment),
        **_content(state, command, moment),
        signed_by=signed,
        reviewed_on=today,
        next_review_due_on=today + timedelta(days=moment.rules.progress.plan_review_days),
    )
    return _in_force(state, reviewed, moment)


def _approve(state: Episode, content: dict[str, Any], signed: tuple[str, ...], moment: Moment) -> Facts:
    today = state.day(moment.at)
    approved = TreatmentPlanApproved(
        **about(state, moment.actor),
        **_numbered(state, moment),
        **content,
        signed_by=signed,
        approved_on=today,
        next_review_due_on=today + timedelta(days=moment.rules.progress.plan_review_days),
    )
    return _in_force(state, approved, moment)


def _in_force(state: Episode, plan: Any, moment: Moment) -> Facts:
    return then(state, moment, [plan], weigh_goals, review_curriculum)


def _needed(rules: Rulebook) -> tuple[str, ...]:
    return SIGNERS if rules.payer.plan_physician_signature else (PATIENT, CLINICIAN)


def _signatures(command: ApprovePlan | ReviewPlan) -> tuple[str, ...]:
    said = (command.signed_by_patient, command.signed_by_clinician, command.signed_by_physician)
    return tuple(role for role, signed in zip(SIGNERS, said, strict=True) if signed)


def _signed(signed: Sequence[str], rules: Rulebook) -> list[Guard]:
    return [
        Guard(f"{role}_signature", role in signed, f"the {role} has not signed") for role in _needed(rules)
    ]


def _numbered(state: Episode, moment: Moment) -> dict[str, Any]:
    known = state.plan_id or (state.draft.plan_id if state.draft else None)
    return {"plan_id": known or moment.new_id("plan"), "version": state.plan_version + 1}


def _content(state: Episode, command: DraftPlan | ApprovePlan | ReviewPlan, moment: Moment) -> dict[str, Any]:
    goals = agreed_goals(state, command.goals, moment)
    if command.curriculum is not None and command.curriculum not in moment.rules.curricula:
        known = ", ".join(moment.rules.curricula) or "none"
        raise Refused("curriculum_unknown", f"The curricula are: {known}.", status=422)
    return {
        "goals": goals,
        "interventions": tuple(_intervention(i, goals, moment.rules) for i in command.interventions),
        "curriculum": command.curriculum or state.curriculum,
    }


def _content_of(draft: Draft) -> dict[str, Any]:
    return {"goals": draft.goals, "interventions": draft.interventions, "curriculum": draft.curriculum}


def _intervention(wanted: WantedIntervention, goals: Sequence[Goal], rules: Rulebook) -> Intervention:
    known = rules.plans.modalities
    if wanted.modality not in known:
        raise _unfit(f"its modality is one of {', '.join(known)}")
    if not 1 <= wanted.times_per_week <= MOST_PER_WEEK:
        raise _unfit(f"it happens 1 to {MOST_PER_WEEK} times a week")
    if not wanted.goals or not all(1 <= number <= len(goals) for number in wanted.goals):
        raise _unfit(f"it serves goals by their number, 1 to {len(goals)}")
    return Intervention(
        modality=wanted.modality,
        service_kind=wanted.service_kind,
        times_per_week=wanted.times_per_week,
        goal_ids=tuple(dict.fromkeys(goals[number - 1].goal_id for number in wanted.goals)),
    )


def _unfit(problem: str) -> Refused:
    return Refused("intervention_unfit", f"An intervention does not fit the plan: {problem}.", status=422)


def ask_for_plan(state: Episode, moment: Moment) -> Facts:
    """A signed plan is due by an early session; the session after that it is late, and both are said once."""
    attended = sum(s.minutes > 0 for s in state.sittings)
    due = moment.rules.progress.plan_due_sessions
    loud = LATE if attended > due else DUE if attended == due else 0
    if state.plan_version or not state.treated or loud <= state.plan_asked:
        return []
    return [PlanDue(**about(state, moment.actor), sessions_attended=attended, overdue=loud == LATE)]


def ask_for_review(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """Some days before a review is due it is said, and once more when it is late."""
    due = state.next_review_due_on
    today = state.day(moment.at)
    if due is None or state.plan_id is None or not state.treated or state.rests_on(today):
        return []
    left = max(TOLD_LATE, days_between(today, due))
    step = _next_notice(state, moment.rules)
    if step is None or left > step:
        return []
    return [
        PlanReviewDue(
            **about(state, moment.actor),
            plan_id=state.plan_id,
            due_on=due,
            days_left=max(0, left),
            overdue=left == TOLD_LATE,
        )
    ]


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """When the next word about the coming review is due."""
    due, step = state.next_review_due_on, _next_notice(state, rules)
    if due is None or step is None or not state.treated:
        return {}
    day = state.after_rests(due - timedelta(days=step))
    return {} if state.rests_on(day) else {"plan_review": midnight(day, state.tz)}


def _next_notice(state: Episode, rules: Rulebook) -> int | None:
    """How many days before the review the next word is due; below zero it is late."""
    told = state.review_told
    steps = (*rules.progress.plan_review_warn_days, TOLD_LATE)
    return max((step for step in steps if told is None or step < told), default=None)
