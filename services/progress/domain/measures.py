"""Instruments scored during treatment and held against the start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from contracts import instruments
from contracts.decisions import Guard, Moment, Refused, require
from contracts.instruments import BadAnswers, Instrument, Scored
from contracts.instruments.answers import COUNT
from contracts.instruments.scoring import score_by
from contracts.progress import MeasureRecorded, ProfileRecorded
from contracts.vocabulary import Risk
from services.progress.domain.cadence import ask_for_screen
from services.progress.domain.ended import counts_still, known_since
from services.progress.domain.facts import Result
from services.progress.domain.goals import weigh_goals
from services.progress.domain.kept import Profile
from services.progress.domain.safety import SUICIDE_RISK, WITHDRAWAL, raise_alert, report_lapse
from services.progress.domain.scales import GLOBAL, is_followed, scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, about, days_between, running, then

SUICIDE_FLAG = "item9"
"""The flag of an instrument that asked for thoughts of death and was not answered with zero."""
SUICIDE_SCREEN = "cssrs"
WITHDRAWAL_FLAGS = {"detox_gate", "medical_emergency"}
"""The flags by which a withdrawal scale says that somebody must act."""
USE_SCALE, USE = "bam", "use"
FLAGS_SAID = {SUICIDE_FLAG: "item_9"}
"""Flags that were published under another spelling before the instruments had definitions."""
NO_BAND = "not_banded"
"""Said of a total that has no published bands, as the event asks for one."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
DAYS = 7
_Entry = TypeVar("_Entry", Result, Profile)


@dataclass(frozen=True, slots=True)
class RecordMeasure:
    """Score the answers to one instrument, None where an item was not asked."""

    instrument: str
    answers: tuple[int | None, ...]
    administered_at: datetime | None = None
    """When it was filled in; now, unless it is entered later."""
    version: str | None = None
    lifetime_months: int | None = None
    supersedes: str | None = None
    """The id of an entry that was wrong."""


def record_measure(state: Episode, command: RecordMeasure, moment: Moment) -> Facts:
    """Score, raise the alerts that the answers ask for, look at the goals, and judge anew."""
    scale = _scale(command, moment)
    at = _administered(state, command, moment)
    if not counts_still(state, state.day(at)):
        running(state)
    scored = _scored(command, scale)
    followed = is_followed(scale)
    fact = (_measured if followed else _profiled)(state, scored, scale, at, command.supersedes, moment)
    if state.over:
        # Nobody is asked about use any more; an alarm is one as long as the person lives.
        told = then(state, moment, [fact], *([] if state.died else _alerts(scored, at)))
        return known_since(state, told, "measure_recorded", moment)
    return then(
        state,
        moment,
        [fact],
        *_alerts(scored, at),
        *([report_lapse(at)] if _used_again(state, scored, at, command.supersedes, moment) else []),
        weigh_goals,
    )


def _scale(command: RecordMeasure, moment: Moment) -> Instrument:
    scale = scale_of(command.instrument, moment.rules, command.version)
    if scale is None:
        known = ", ".join(instruments.names())
        raise Refused("instrument_unknown", f"There is no such instrument or version: {known}.", status=422)
    if scale.version_required and command.version is None:
        versions = " and ".join(instruments.versions(scale.name))
        message = f"{scale.title.split(' (')[0]} has the versions {versions}: say which."
        raise Refused("instrument_version_required", message, status=422)
    return scale


def _administered(state: Episode, command: RecordMeasure, moment: Moment) -> datetime:
    """When it was filled in; a correction keeps that of the entry it corrects."""
    wrong = _entry(state, command) if command.supersedes is not None else None
    at = command.administered_at or (wrong.at if wrong else moment.at)
    if at > moment.at:
        raise Refused(
            "administered_in_future", "A measure cannot be recorded before it was taken.", status=422
        )
    if at < EARLIEST:
        raise Refused(
            "administered_too_long_ago", f"Nothing before {EARLIEST.date()} is recorded.", status=422
        )
    if wrong is not None:
        kept = state.before_treatment(at) == state.before_treatment(wrong.at)
        why = "what was measured before the first session stays before it, and what came later after"
        require("measure_not_corrected", "The measure cannot be corrected", [Guard("start", kept, why)])
    return at.astimezone(UTC)


def _entry(state: Episode, command: RecordMeasure) -> Result | Profile:
    for entry in state.entries(command.instrument):
        if entry.measure_id == command.supersedes:
            return entry
    raise Refused("measure_unknown", "This instrument has no such entry.", status=404)


def _scored(command: RecordMeasure, scale: Instrument) -> Scored:
    try:
        return score_by(scale, command.answers, lifetime_months=command.lifetime_months)
    except BadAnswers as error:
        counted = any(problem.item == COUNT for problem in error.problems)
        code = "answers_incomplete" if counted else "answer_out_of_range"
        raise Refused(code, str(error), status=422) from None


def _measured(
    state: Episode, scored: Scored, scale: Instrument, at: datetime, wrong: str | None, moment: Moment
) -> MeasureRecorded:
    assert scored.total is not None
    total, rules = scored.total, scale.change
    before = _before(state.scores(scored.instrument), at, wrong)
    baseline = state.baselines.get(scored.instrument)
    previous = before[-1].total if before else baseline
    change = None if baseline is None else total - baseline
    return MeasureRecorded(
        **about(state, moment.actor),
        measure_id=moment.new_id("measure"),
        instrument=scored.instrument,
        version=scored.version,
        total=total,
        subscales=scored.subscales,
        band=scored.band or NO_BAND,
        administered_at=at,
        previous_total=previous,
        baseline_total=baseline,
        change=change,
        change_from_previous=None if previous is None else total - previous,
        reliable_change=reliable_change(change, scale),
        response=_response(total, baseline, rules.response_percent),
        remission=None if rules.remission_below is None else total < rules.remission_below,
        off_track=_off_track(state, total, scale, at),
        flags=tuple(FLAGS_SAID.get(flag, flag) for flag in scored.flags),
        supersedes_measure_id=wrong,
    )


def _profiled(
    state: Episode, scored: Scored, scale: Instrument, at: datetime, wrong: str | None, moment: Moment
) -> ProfileRecorded:
    known = [p for p in state.profiles.get(scored.instrument, ()) if p.version == scored.version]
    before = _before(known, at, wrong)
    start = state.starts.get(scored.instrument)
    # Versions of an instrument count in different units.
    baseline = start.subscales if start and start.version == scored.version else {}
    overall = {GLOBAL: scored.total} if scored.total is not None else {}
    return ProfileRecorded(
        **about(state, moment.actor),
        measure_id=moment.new_id("measure"),
        instrument=scored.instrument,
        version=scored.version,
        administered_at=at,
        band=scored.band,
        subscales={**scored.subscales, **overall},
        previous=before[-1].subscales if before else baseline,
        baseline=baseline,
        flags=tuple(FLAGS_SAID.get(flag, flag) for flag in scored.flags),
        supersedes_measure_id=wrong,
    )


def _before(kept: Sequence[_Entry], at: datetime, wrong: str | None) -> list[_Entry]:
    return [entry for entry in kept if entry.at <= at and entry.measure_id != wrong]


def _alerts(scored: Scored, at: datetime) -> list[Step]:
    """What the answers ask a person to look after: thoughts of death, and a withdrawal."""
    found: list[Step] = []
    if scored.instrument == SUICIDE_SCREEN and scored.band in (Risk.MODERATE, Risk.HIGH):
        found.append(raise_alert(SUICIDE_RISK, Risk(scored.band)))
    if SUICIDE_FLAG in scored.flags:
        found.append(raise_alert(SUICIDE_RISK, Risk.MODERATE))
        found.append(lambda state, moment: ask_for_screen("item_9", state.day(at))(state, moment))
    if WITHDRAWAL_FLAGS & set(scored.flags):
        found.append(raise_alert(WITHDRAWAL, Risk.HIGH))
    return found


def _used_again(state: Episode, scored: Scored, at: datetime, wrong: str | None, moment: Moment) -> bool:
    """Use after a stretch without; what a corrected entry said of use already is no news."""
    if scored.instrument != USE_SCALE or not scored.subscales.get(USE):
        return False
    kept = state.profiles.get(USE_SCALE, ())
    if any(p.measure_id == wrong and p.subscales.get(USE) for p in kept):
        return False
    start = state.starts.get(USE_SCALE)
    known_start = start is not None and all(p.measure_id != start.measure_id for p in kept)
    earlier = [start.subscales] if start is not None and known_start else []
    earlier += [p.subscales for p in _before(kept, at, wrong)]
    stretch = [said[USE] for said in earlier if USE in said][-moment.rules.measures.use_free_results :]
    return len(stretch) == moment.rules.measures.use_free_results and not any(stretch)


def _response(total: int, baseline: int | None, percent: int | None) -> bool | None:
    """Whether the total has dropped by so many percent; unknown without a start to drop from."""
    if not baseline or percent is None:
        return None
    return 100 * (baseline - total) >= percent * baseline


def _off_track(state: Episode, total: int, scale: Instrument, at: datetime) -> bool | None:
    """Whether a total is as high as that of people who did not respond; unknown before the first week."""
    if state.attended_from is None or state.before_treatment(at):
        return None
    weeks = days_between(state.day(state.attended_from), state.day(at)) // DAYS
    cuts = [cut for week, cut in scale.change.off_track if week <= weeks]
    return total >= cuts[-1] if cuts else None


def reliable_change(change: int | None, scale: Instrument) -> str:
    """Improved, deteriorated or none, against the start of treatment."""
    threshold = scale.change.reliable
    if change is None or threshold is None or abs(change) < threshold:
        return "none"
    return "improved" if change < 0 else "deteriorated"
