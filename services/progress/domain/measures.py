"""Instruments scored during treatment and held against the start."""

from dataclasses import dataclass

from contracts.decisions import Moment, Refused
from contracts.progress import MeasureRecorded
from contracts.rulebook import InstrumentRules
from services.progress.domain.plan import weigh_goals
from services.progress.domain.recommend import review_deterioration, review_step_down
from services.progress.domain.safety import raise_suicide_alert
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, running, then

SUICIDE_ITEM = {"phq9": 9}
"""Which item of an instrument asks for thoughts of death; any answer above zero counts."""


@dataclass(frozen=True, slots=True)
class RecordMeasure:
    """Score the answers to one instrument."""

    instrument: str
    answers: tuple[int, ...]


def record_measure(state: Episode, command: RecordMeasure, moment: Moment) -> Facts:
    """Score, look at the goals, raise an alert where item 9 asks for one, and judge anew."""
    running(state)
    scale = moment.rules.instruments.get(command.instrument)
    if scale is None:
        known = ", ".join(moment.rules.instruments)
        raise Refused(
            "instrument_unknown", f"There is no instrument {command.instrument}: {known}.", status=422
        )
    _check(command, scale)
    item = SUICIDE_ITEM.get(command.instrument)
    flagged = item is not None and command.answers[item - 1] >= 1
    flags = (f"item_{item}",) if flagged else ()
    return then(
        state,
        moment,
        [_score(state, command, scale, flags, moment)],
        *([raise_suicide_alert] if flagged else []),
        weigh_goals,
        review_step_down,
        review_deterioration(command.instrument),
    )


def _check(command: RecordMeasure, scale: InstrumentRules) -> None:
    if len(command.answers) != scale.items:
        message = f"{command.instrument} has {scale.items} items, not {len(command.answers)}."
        raise Refused("answers_incomplete", message, status=422)
    if any(not 0 <= answer <= scale.item_max for answer in command.answers):
        message = f"Every answer of {command.instrument} lies from 0 to {scale.item_max}."
        raise Refused("answer_out_of_range", message, status=422)


def _score(
    state: Episode, command: RecordMeasure, scale: InstrumentRules, flags: tuple[str, ...], moment: Moment
) -> MeasureRecorded:
    total = sum(command.answers)
    earlier = state.scores(command.instrument)
    baseline = state.baselines.get(command.instrument)
    change = None if baseline is None else total - baseline
    return MeasureRecorded(
        **about(state, moment.actor),
        instrument=command.instrument,
        version="1",
        total=total,
        band=scale.band(total),
        administered_at=moment.at,
        previous_total=earlier[-1].total if earlier else baseline,
        baseline_total=baseline,
        change=change,
        reliable_change=reliable_change(change, scale),
        response=None if not baseline else 2 * total <= baseline,
        remission=total < scale.remission_below,
        flags=flags,
    )


def reliable_change(change: int | None, scale: InstrumentRules) -> str:
    """Improved, deteriorated or none, against the start of treatment."""
    if change is None or abs(change) < scale.reliable_change:
        return "none"
    return "improved" if change < 0 else "deteriorated"
