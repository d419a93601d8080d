"""More days: drafted by Handrail before the planned end or asked for by a clinician, who decides (T20)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import ExtensionApproved, ExtensionDenied, ExtensionRequested
from contracts.rulebook import Rulebook
from services.progress.domain.certification import certified
from services.progress.domain.payers import authorized, covering
from services.progress.domain.state import Episode
from services.progress.domain.tasks import PLANNED_END_PASSED, raise_task, raised_after, settle_tasks
from services.progress.domain.telling import Facts, about, after_days, clinical, in_treatment, running

CLINICIAN = "clinician"
NO_REASON = "clinical_judgement"
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RequestExtension:
    """Ask for more days than were planned."""

    reasons: tuple[str, ...]
    days: int
    late: bool = False
    late_reason: str | None = None
    """Why so shortly before the planned end, or after it."""


@dataclass(frozen=True, slots=True)
class DecideExtension:
    """Approve or deny the extension that was asked for."""

    approve: bool
    reason: str | None = None


def draft_extension(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The planned end is near: with required goals open, more days are asked for."""
    end = state.planned_end_on
    due = waits(state, moment.rules).get("extension_due")
    if due is None or moment.at < due:
        return []
    new_end = min(end + timedelta(days=moment.rules.progress.extension_days), longest_stay(state, moment))
    if new_end <= max(end, state.day(moment.at)):
        return []
    return [_requested(state, new_end, ("goals_outstanding",), "rule", moment)]


def request_extension(state: Episode, command: RequestExtension, moment: Moment) -> Facts:
    """A clinician asks in time, or says why it is late."""
    running(state)
    known = moment.rules.progress.extension_reasons
    if strangers := [reason for reason in command.reasons if reason not in known]:
        message = f"{', '.join(strangers)} is no reason for more days: {', '.join(known)}."
        raise Refused("reason_unknown", message, status=422)
    end, today = state.planned_end_on, state.day(moment.at)
    new_end = end + timedelta(days=command.days)
    notice = moment.rules.progress.extension_request_days
    require(
        "extension_not_requested",
        "The extension cannot be asked for",
        [
            clinical(moment),
            in_treatment(state),
            Guard("not_requested", state.extension is None, "an extension waits for an answer already"),
            Guard("reasons", bool(command.reasons), "no reason is given"),
            Guard(
                "in_time",
                not _late(state, moment) or (command.late and bool(command.late_reason)),
                f"less than {notice} days are left; say that it is late, and why",
                {"planned_end_on": str(end)},
            ),
            Guard("days", new_end > max(end, today), "the new end has to be a later day"),
            _within_longest_stay(state, new_end, moment),
        ],
    )
    reasons = tuple(dict.fromkeys(command.reasons))
    return [_requested(state, new_end, reasons, CLINICIAN, moment, command.late_reason)]


def decide_extension(state: Episode, command: DecideExtension, moment: Moment) -> Facts:
    """A clinician grants or denies the days; the program's longest stay is never passed."""
    running(state)
    asked = state.extension
    granted = _grounds(state, command, moment) if command.approve and asked else []
    require(
        "extension_not_decided",
        "The extension cannot be decided",
        [
            clinical(moment),
            Guard("requested", asked is not None, "no extension is asked for"),
            *granted,
        ],
    )
    if asked is None:
        return []
    if not command.approve:
        reason = command.reason or NO_REASON
        return [ExtensionDenied(**about(state, moment.actor), request_id=asked.id, reason=reason)]
    added = (command.reason,) if command.reason else ()
    behind = covering(state, state.level, asked.to_planned_end_on)
    return [
        *settle_tasks(state, "extended", PLANNED_END_PASSED),
        ExtensionApproved(
            **about(state, moment.actor),
            request_id=asked.id,
            from_planned_end_on=state.planned_end_on,
            to_planned_end_on=asked.to_planned_end_on,
            reasons=tuple(dict.fromkeys((*asked.reasons, *added))),
            authorization_id=behind.id if behind else None,
            approver_id=moment.actor.id,
        ),
    ]


def note_end_passed(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The planned end is over and treatment goes on: somebody decides, and nothing ends by itself."""
    due = waits(state, moment.rules).get("planned_end_passed")
    if due is None or moment.at < due:
        return []
    return raise_task(state, moment, PLANNED_END_PASSED, state.id, state.day(moment.at))


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """When the planned end comes near with required goals open; and when it has passed all the same."""
    end = state.planned_end_on
    if not state.treated:
        return {}
    near = after_days(end, -rules.progress.extension_notice_days, state.tz)
    drafts = state.extension is None and state.remaining_required and state.denied_end_on != end
    asked = {"extension_due": near} if drafts else {}
    if raised_after(state, PLANNED_END_PASSED, state.id, end):
        return asked
    return {**asked, "planned_end_passed": after_days(end, 1, state.tz)}


def drop_extension(state: Episode, moment: Moment, reason: str) -> Facts:
    """Nobody needs the days any more."""
    if state.extension is None:
        return []
    return [ExtensionDenied(**about(state, moment.actor), request_id=state.extension.id, reason=reason)]


def longest_stay(state: Episode, moment: Moment) -> date:
    """The last day of the longest stay that the program knows."""
    return state.stay_began_on + timedelta(days=moment.rules.program.max_days)


def _grounds(state: Episode, command: DecideExtension, moment: Moment) -> list[Guard]:
    asked, today = state.extension, state.day(moment.at)
    assert asked is not None
    known = moment.rules.progress.extension_reasons
    reasoned = asked.generated_by == CLINICIAN if command.reason is None else command.reason in known
    first = min(max(state.planned_end_on + _ONE_DAY, today), asked.to_planned_end_on)
    return [
        Guard("reason", reasoned, f"no reason is given: {', '.join(known)}"),
        Guard(
            "still_ahead",
            asked.to_planned_end_on >= today,
            "the days that were asked for are over; ask for more",
            {"to_planned_end_on": str(asked.to_planned_end_on)},
        ),
        authorized(state, state.level, first, asked.to_planned_end_on),
        certified(state, today, moment),
        _within_longest_stay(state, asked.to_planned_end_on, moment),
    ]


def _within_longest_stay(state: Episode, new_end: date, moment: Moment) -> Guard:
    return Guard(
        "max_days",
        new_end <= longest_stay(state, moment),
        f"no stay is longer than {moment.rules.program.max_days} days",
    )


def _late(state: Episode, moment: Moment) -> bool:
    notice = moment.rules.progress.extension_request_days
    return state.day(moment.at) > state.planned_end_on - timedelta(days=notice)


def _requested(
    state: Episode,
    new_end: date,
    reasons: tuple[str, ...],
    by: str,
    moment: Moment,
    late_reason: str | None = None,
) -> ExtensionRequested:
    late = _late(state, moment)
    return ExtensionRequested(
        **about(state, moment.actor),
        request_id=moment.new_id("extension"),
        from_planned_end_on=state.planned_end_on,
        to_planned_end_on=new_end,
        days=(new_end - state.planned_end_on).days,
        reasons=reasons,
        generated_by=by,
        late=late,
        late_reason=late_reason if late else None,
    )
