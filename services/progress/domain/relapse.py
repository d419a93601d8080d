"""Use that became known: reported, looked at again, and answered as one decision."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import RelapseResponded, SubstanceUseReported, SubstanceUseWithdrawn
from contracts.vocabulary import Criterion, GroupKind
from services.progress.domain.curriculum import reopen
from services.progress.domain.facts import Direction, Kind, Stage, UseReport
from services.progress.domain.ground import review_ground
from services.progress.domain.hold import HoldReason, hold
from services.progress.domain.recommend import recommend_up, review_relapse, rung_up
from services.progress.domain.state import Episode
from services.progress.domain.steps import (
    ApproveRecommendation,
    RecommendStep,
    approve_recommendation,
    recommend_step,
)
from services.progress.domain.telling import Facts, Step, about, at_stage, clinical, running, then

CLASSIFICATIONS = ("lapse", "relapse")
EARLIEST_USE = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class ReportSubstanceUse:
    """Somebody learned of a lapse or relapse, or knows better what it was."""

    source: str
    used_on: date
    classification: str
    substances: tuple[str, ...] = ()
    confirmed: bool = True
    supersedes_report_id: str | None = None


@dataclass(frozen=True, slots=True)
class WithdrawUseReport:
    """A clinician found that what a machine reported as use was none, and says why."""

    report_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RespondToRelapse:
    """Say what is done about use that became known: one decision with its parts."""

    actions: tuple[str, ...]
    report_id: str | None = None
    added_weekly_minutes: int = 0
    effective_on: date | None = None
    """When the added sessions begin; today unless it is said."""
    expected_return_on: date | None = None
    """When somebody who goes to detox is expected back."""


def report_substance_use(state: Episode, command: ReportSubstanceUse, moment: Moment) -> Facts:
    """Use ends what spoke for less treatment; a relapse speaks for more."""
    running(state)
    today = state.day(moment.at)
    if command.classification not in CLASSIFICATIONS:
        raise Refused("classification_unknown", "Use is either a lapse or a relapse.", status=422)
    if command.used_on > today:
        raise Refused("used_in_future", "Use cannot be reported before it happened.", status=422)
    if command.used_on < EARLIEST_USE:
        raise Refused("used_too_long_ago", f"Use before {EARLIEST_USE} cannot be reported.", status=422)
    if command.supersedes_report_id is not None:
        _may_supersede(_report(state, command.supersedes_report_id), moment)
    reported = SubstanceUseReported(
        **about(state, moment.actor),
        report_id=moment.new_id("use"),
        source=command.source,
        used_on=command.used_on,
        classification=command.classification,
        substances=command.substances,
        reported_on=today,
        confirmed=command.confirmed,
        supersedes_report_id=command.supersedes_report_id,
    )
    relapse = [review_relapse] if command.classification == "relapse" else []
    return then(state, moment, [reported], *relapse, review_ground([reported]))


def _may_supersede(report: UseReport, moment: Moment) -> None:
    require(
        "report_not_superseded",
        "This report cannot be superseded",
        [
            clinical(moment),
            Guard("unconfirmed", not report.confirmed, "it was confirmed when it was made"),
            Guard("newest", not report.superseded, "a later report took its place already"),
            Guard("standing", not report.withdrawn, "it was withdrawn as no use at all"),
        ],
    )


def _report(state: Episode, report_id: str) -> UseReport:
    for report in state.use_reports:
        if report.id == report_id:
            return report
    raise Refused("report_unknown", "This episode has no such report of use.", status=404)


def withdraw_use_report(state: Episode, command: WithdrawUseReport, moment: Moment) -> Facts:
    """No use after all: it counts no more, and whoever approved a step because of it looks at that again.

    Nothing that was decided is undone, and what lies on the table stays there for a person to answer.
    """
    report = _report(state, command.report_id)
    require(
        "report_not_withdrawn",
        "This report cannot be withdrawn",
        [
            clinical(moment),
            Guard("by_machine", report.by_machine, "a person said so: report what it really was"),
            Guard("newest", not report.superseded, "a later report took its place already"),
            Guard("standing", not report.withdrawn, "it was withdrawn already"),
        ],
    )
    withdrawn = SubstanceUseWithdrawn(
        **about(state, moment.actor),
        report_id=report.id,
        reason=command.reason,
        withdrawn_on=state.day(moment.at),
    )
    return then(state, moment, [withdrawn], review_ground([withdrawn]))


def respond_to_relapse(state: Episode, command: RespondToRelapse, moment: Moment) -> Facts:
    """Everything that is done about it at once, or nothing of it."""
    running(state)
    unknown = sorted(set(command.actions) - set(_PARTS))
    if unknown:
        raise Refused("action_unknown", f"The actions are {', '.join(_PARTS)}.", status=422)
    answered = _report(state, command.report_id) if command.report_id else state.unanswered_relapse
    require(
        "response_refused",
        "The response cannot be recorded",
        [
            clinical(moment),
            at_stage(state, Stage.ATTENDING, Stage.STEP_UP_PENDING),
            Guard("actions", bool(command.actions), "nothing is done"),
            Guard(
                "newest",
                answered is None or answered.stands,
                "a later report took its place, or it was no use at all",
            ),
            *_asked(state, command, moment),
        ],
    )
    responded = RelapseResponded(
        **about(state, moment.actor),
        response_id=moment.new_id("response"),
        report_id=answered.id if answered else None,
        actions=tuple(action for action in _PARTS if action in command.actions),
        added_weekly_minutes=command.added_weekly_minutes,
        responded_on=state.day(moment.at),
    )
    parts = [part(command) for action, part in _PARTS.items() if action in command.actions]
    return then(state, moment, [responded], *parts)


def _asked(state: Episode, command: RespondToRelapse, moment: Moment) -> list[Guard]:
    """What each part has to be told, and what is only told to it."""
    today, back = state.day(moment.at), command.expected_return_on
    latest = today + timedelta(days=moment.rules.holds.max_days)
    adds = "add_sessions" in command.actions
    return [
        Guard(
            "added_minutes",
            adds == (command.added_weekly_minutes > 0),
            "sessions add minutes, only they do",
        ),
        Guard(
            "expected_return_on",
            ("detox_referral" in command.actions) == (back is not None)
            and (back is None or today < back <= latest),
            f"who goes to detox is expected back after today and by {latest}, and nobody else",
            {"latest": str(latest)},
        ),
    ]


def _add_sessions(command: RespondToRelapse) -> Step:
    def add(state: Episode, moment: Moment) -> Facts:
        minutes = state.weekly_minutes + command.added_weekly_minutes
        wanted = RecommendStep(Direction.UP, Kind.INTENSITY_INCREASE, minutes)
        return then(state, moment, recommend_step(state, wanted, moment), approve)

    def approve(state: Episode, moment: Moment) -> Facts:
        first = command.effective_on or state.day(moment.at)
        return approve_recommendation(state, ApproveRecommendation(state.step_up or "", first), moment)

    return add


def _restart(_command: RespondToRelapse) -> Step:
    return lambda state, moment: reopen(state, GroupKind.EARLY_RECOVERY_SKILLS, "relapse", moment)


def _keep_step_up(_command: RespondToRelapse) -> Step:
    def keep(state: Episode, moment: Moment) -> Facts:
        rung = rung_up(state, moment.rules)
        if rung is None or state.recommendation(Direction.UP) is not None:
            return []
        judged = Criterion(id="relapse_responded", value=1, threshold=1, met=True)
        return recommend_up(state, rung, "relapse", (judged,), "clinician", moment)

    return keep


def _refer_to_detox(command: RespondToRelapse) -> Step:
    def refer(state: Episode, moment: Moment) -> Facts:
        assert command.expected_return_on is not None
        return hold(state, HoldReason.DETOX, command.expected_return_on, moment)

    return refer


def _nothing_more(_command: RespondToRelapse) -> Step:
    """People arrange it among themselves; that it was decided is all there is to say."""
    return lambda _state, _moment: []


_PARTS: dict[str, Callable[[RespondToRelapse], Step]] = {
    "add_sessions": _add_sessions,
    "restart_early_recovery": _restart,
    "individual_session": _nothing_more,
    "step_up": _keep_step_up,
    "detox_referral": _refer_to_detox,
}
