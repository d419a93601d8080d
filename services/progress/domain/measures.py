"""Instruments scored during treatment and held against the start."""

from dataclasses import dataclass

from contracts.decisions import Moment, Refused
from contracts.instruments import BadAnswers, Instrument, Scored
from contracts.instruments.answers import COUNT
from contracts.instruments.scoring import score_by
from contracts.progress import MeasureRecorded
from services.progress.domain.plan import weigh_goals
from services.progress.domain.recommend import review_deterioration, review_step_down
from services.progress.domain.safety import raise_suicide_alert
from services.progress.domain.scales import followed, is_followed, scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, running, then

SUICIDE_FLAG = "item9"
"""The flag of an instrument that asked for thoughts of death and was not answered with zero."""
FLAGS_SAID = {SUICIDE_FLAG: "item_9"}
"""Flags that were published under another spelling before the instruments had definitions."""
NO_BAND = "not_banded"
"""Said of a total that has no published bands, as the event asks for one."""


@dataclass(frozen=True, slots=True)
class RecordMeasure:
    """Score the answers to one instrument."""

    instrument: str
    answers: tuple[int, ...]


def record_measure(state: Episode, command: RecordMeasure, moment: Moment) -> Facts:
    """Score, look at the goals, raise an alert where item 9 asks for one, and judge anew."""
    running(state)
    scale = scale_of(command.instrument, moment.rules)
    if scale is None or not is_followed(scale):
        raise _not_followed(command.instrument, scale, followed(moment.rules))
    scored = _scored(command, scale)
    return then(
        state,
        moment,
        [_measured(state, scored, scale, moment)],
        *([raise_suicide_alert] if SUICIDE_FLAG in scored.flags else []),
        weigh_goals,
        review_step_down,
        review_deterioration(command.instrument),
    )


def _not_followed(name: str, scale: Instrument | None, known: tuple[str, ...]) -> Refused:
    if scale is None:
        message = f"There is no instrument {name}: {', '.join(known)}."
        return Refused("instrument_unknown", message, status=422)
    message = f"{scale.title} has no total in whole points, and a measure is recorded by its total."
    return Refused("instrument_without_total", message, status=422, hint=f"With one: {', '.join(known)}.")


def _scored(command: RecordMeasure, scale: Instrument) -> Scored:
    try:
        return score_by(scale, command.answers)
    except BadAnswers as error:
        counted = any(problem.item == COUNT for problem in error.problems)
        code = "answers_incomplete" if counted else "answer_out_of_range"
        raise Refused(code, str(error), status=422) from None


def _measured(state: Episode, scored: Scored, scale: Instrument, moment: Moment) -> MeasureRecorded:
    assert scored.total is not None
    total, rules = scored.total, scale.change
    earlier = state.scores(scored.instrument)
    baseline = state.baselines.get(scored.instrument)
    change = None if baseline is None else total - baseline
    return MeasureRecorded(
        **about(state, moment.actor),
        instrument=scored.instrument,
        version=scored.version,
        total=total,
        band=scored.band or NO_BAND,
        administered_at=moment.at,
        previous_total=earlier[-1].total if earlier else baseline,
        baseline_total=baseline,
        change=change,
        reliable_change=reliable_change(change, scale),
        response=_response(total, baseline, rules.response_percent),
        remission=None if rules.remission_below is None else total < rules.remission_below,
        flags=tuple(FLAGS_SAID.get(flag, flag) for flag in scored.flags),
    )


def _response(total: int, baseline: int | None, percent: int | None) -> bool | None:
    """Whether the total has dropped by so many percent; unknown without a start to drop from."""
    if not baseline or percent is None:
        return None
    return 100 * (baseline - total) >= percent * baseline


def reliable_change(change: int | None, scale: Instrument) -> str:
    """Improved, deteriorated or none, against the start of treatment."""
    threshold = scale.change.reliable
    if change is None or threshold is None or abs(change) < threshold:
        return "none"
    return "improved" if change < 0 else "deteriorated"
