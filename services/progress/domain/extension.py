"""More days: drafted by Handrail before the planned end, decided by a clinician (T20)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.decisions import Guard, Moment, Woke, require
from contracts.progress import ExtensionApproved, ExtensionDenied, ExtensionRequested
from contracts.rulebook import Rulebook
from services.progress.domain.facts import Stage
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, after_days, clinical, running

IN_TREATMENT = (Stage.ADMITTED, Stage.SCHEDULED, Stage.ATTENDING, Stage.STEP_UP_PENDING)
NO_REASON = "clinical_judgement"


@dataclass(frozen=True, slots=True)
class DecideExtension:
    """Approve or deny the extension that was asked for."""

    approve: bool
    reason: str | None = None


def draft_extension(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The planned end is near: with required goals open, more days are asked for."""
    end = state.planned_end_on
    notice = after_days(end, -moment.rules.progress.extension_notice_days, state.tz)
    treated = state.stage in IN_TREATMENT
    if not treated or state.extension or not state.remaining_required or moment.at < notice:
        return []
    longest = state.admitted_on + timedelta(days=moment.rules.program.max_days)
    new_end = min(end + timedelta(days=moment.rules.progress.extension_days), longest)
    if new_end <= end:
        return []
    return [
        ExtensionRequested(
            **about(state, moment.actor),
            request_id=moment.new_id("extension"),
            from_planned_end_on=end,
            to_planned_end_on=new_end,
            days=(new_end - end).days,
            reasons=("goals_outstanding",),
        )
    ]


def decide_extension(state: Episode, command: DecideExtension, moment: Moment) -> Facts:
    """A clinician grants or denies the days; the program's longest stay is never passed."""
    running(state)
    asked = state.extension
    program = moment.rules.program
    longest = state.admitted_on + timedelta(days=program.max_days)
    within = asked is None or asked.to_planned_end_on <= longest
    require(
        "extension_not_decided",
        "The extension cannot be decided",
        [
            clinical(moment),
            Guard("requested", asked is not None, "no extension is asked for"),
            Guard(
                "max_days", within or not command.approve, f"no stay is longer than {program.max_days} days"
            ),
        ],
    )
    if asked is None:
        return []
    if not command.approve:
        reason = command.reason or NO_REASON
        return [ExtensionDenied(**about(state, moment.actor), request_id=asked.id, reason=reason)]
    return [
        ExtensionApproved(
            **about(state, moment.actor),
            request_id=asked.id,
            from_planned_end_on=state.planned_end_on,
            to_planned_end_on=asked.to_planned_end_on,
        )
    ]


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """When the planned end comes near, as long as required goals are open and nobody has decided."""
    end = state.planned_end_on
    decided = state.extension is not None or state.denied_end_on == end
    if state.stage not in IN_TREATMENT or decided or not state.remaining_required:
        return {}
    return {"extension_due": after_days(end, -rules.progress.extension_notice_days, state.tz)}


def drop_extension(state: Episode, moment: Moment, reason: str) -> Facts:
    """Nobody needs the days any more."""
    if state.extension is None:
        return []
    return [ExtensionDenied(**about(state, moment.actor), request_id=state.extension.id, reason=reason)]
