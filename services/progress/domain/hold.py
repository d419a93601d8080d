"""Treatment rests for a time, and goes on (T17-T19)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import EpisodeHeld, EpisodeResumed
from contracts.rulebook import Rulebook
from services.progress.domain.reassessment import assessed_since, screened_since
from services.progress.domain.state import Episode
from services.progress.domain.tasks import HOLD_OVERDUE, raise_task, raised_after, settle_tasks
from services.progress.domain.telling import (
    Facts,
    about,
    after_days,
    clinical,
    days_between,
    in_treatment,
    running,
)


class HoldReason(StrEnum):
    """Why treatment rests."""

    MEDICAL = "medical"
    TRAVEL = "travel"
    INCARCERATION = "incarceration"
    FAMILY = "family"
    DETOX = "detox"


@dataclass(frozen=True, slots=True)
class HoldEpisode:
    """Let treatment rest until a day; for somebody on hold, until a later or an earlier one."""

    reason: HoldReason
    expected_return_on: date
    held_from: date | None = None
    """Today, unless the hold is agreed on beforehand."""


@dataclass(frozen=True, slots=True)
class ResumeEpisode:
    """The person is back and treatment goes on."""


def hold_episode(state: Episode, command: HoldEpisode, moment: Moment) -> Facts:
    """A clinician says why treatment rests and when the person is expected back (T17)."""
    running(state)
    require(
        "hold_refused",
        "Treatment cannot be put on hold",
        [clinical(moment), in_treatment(state), *_days(state, command, moment)],
    )
    return hold(state, command.reason, command.expected_return_on, moment, command.held_from)


def hold(
    state: Episode, reason: HoldReason, expected_return_on: date, moment: Moment, since: date | None = None
) -> Facts:
    """Treatment rests from today or a later day; a hold that stands keeps its id and its first day."""
    standing = state.hold
    held = EpisodeHeld(
        **about(state, moment.actor),
        reason=reason,
        held_from=standing.since if standing else since or state.day(moment.at),
        expected_return_on=expected_return_on,
        hold_id=standing.id if standing else moment.new_id("hold"),
    )
    return [*settle_tasks(state, "prolonged", HOLD_OVERDUE), held]


def resume_episode(state: Episode, _command: ResumeEpisode, moment: Moment) -> Facts:
    """A long absence is looked at anew before treatment goes on (T18)."""
    running(state)
    resting = state.hold
    if resting is None:
        raise Refused("not_on_hold", "The episode is not on hold.", state=state.stage)
    rules = moment.rules.holds
    today = state.day(moment.at)
    held_days = max(0, days_between(resting.since, today))
    facts = {"held_days": held_days, "held_from": str(resting.since)}
    require(
        "resume_refused",
        "Treatment cannot go on yet",
        [
            clinical(moment),
            Guard(
                "rescreened",
                held_days <= rules.rescreen_after_days or screened_since(state, resting.since, rules.screens),
                f"after more than {rules.rescreen_after_days} days the person is screened anew",
                facts,
            ),
            Guard(
                "reassessed",
                held_days <= rules.reassess_after_days or assessed_since(state, resting.since),
                f"after more than {rules.reassess_after_days} days the person is assessed anew",
                facts,
            ),
        ],
    )
    resumed = EpisodeResumed(
        **about(state, moment.actor), resumed_on=today, hold_id=resting.id, held_days=held_days
    )
    return [*settle_tasks(state, "resumed", HOLD_OVERDUE), resumed]


def note_overdue(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The day of the expected return is over: a person decides between going on and discharge."""
    resting = state.hold
    if "hold_overdue" not in waits(state, moment.rules) or resting is None:
        return []
    if moment.at < after_days(resting.until, 1, state.tz):
        return []
    return raise_task(state, moment, HOLD_OVERDUE, resting.id, state.day(moment.at))


def waits(state: Episode, _rules: Rulebook) -> dict[str, datetime]:
    """The end of the day on which the person is expected back."""
    resting = state.hold
    if resting is None or raised_after(state, HOLD_OVERDUE, resting.id, resting.until):
        return {}
    return {"hold_overdue": after_days(resting.until, 1, state.tz)}


def _days(state: Episode, command: HoldEpisode, moment: Moment) -> list[Guard]:
    rules = moment.rules.holds
    today = state.day(moment.at)
    first = state.hold.since if state.hold else command.held_from or today
    latest = first + timedelta(days=rules.max_days)
    ahead = today + timedelta(days=rules.ahead_days)
    return [
        Guard(
            "held_from",
            state.hold is not None or today <= first <= ahead,
            f"a hold begins today or up to {rules.ahead_days} days ahead",
            {"held_from": str(first), "latest": str(ahead)},
        ),
        Guard(
            "expected_return_on",
            max(today, first) < command.expected_return_on <= latest,
            f"the return is after the first day of the hold and at most {rules.max_days} days from it",
            {"expected_return_on": str(command.expected_return_on), "latest": str(latest)},
        ),
    ]
