"""Scoring: a pure function from answers to numbers, a band and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from contracts.instruments.answers import Given, read_answers
from contracts.instruments.definition import Instrument, Scoring, Trigger, adjusted
from contracts.instruments.library import UnknownInstrument, find, versions


@dataclass(frozen=True, slots=True)
class Scored:
    """A result: whole numbers, in hundredths where the instrument has decimals."""

    instrument: str
    version: str
    total: int | None
    subscales: dict[str, int] = field(default_factory=dict)
    band: str | None = None
    flags: tuple[str, ...] = ()


def score(
    name: str,
    answers: Sequence[int | None],
    *,
    version: str | None = None,
    sex: str | None = None,
    lifetime_months: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Scored:
    """Score the answers in item order, None where an item was not asked.

    Yes is 1 and no is 0. Raises UnknownInstrument, also where an instrument wants its version said,
    BadAnswers, and ValueError where the changes do not fit the definition.
    """
    instrument = find(name, version)
    if version is None and instrument.version_required:
        raise UnknownInstrument(
            f"{instrument.name} has the versions {' and '.join(versions(name))}, "
            "which score differently: say which."
        )
    return score_by(adjusted(instrument, changes or {}), answers, sex=sex, lifetime_months=lifetime_months)


def score_by(
    instrument: Instrument,
    answers: Sequence[int | None],
    *,
    sex: str | None = None,
    lifetime_months: int | None = None,
) -> Scored:
    """Score by a definition at hand; raises BadAnswers."""
    given = read_answers(instrument, tuple(answers), lifetime_months)
    points = {key: instrument.item(key).points(answer) for key, answer in given.items() if answer is not None}
    subscales, total = _numbers(instrument, points)
    band, structural = _band(instrument, given, total, sex)
    raised = [t.flag for t in instrument.triggers if _raised(t, points, subscales, total, band)]
    if _provisional(instrument, points):
        assert instrument.provisional is not None
        raised.append(instrument.provisional.flag)
    return Scored(instrument.name, instrument.version, total, subscales, band, (*raised, *structural))


def _numbers(instrument: Instrument, points: Mapping[str, int]) -> tuple[dict[str, int], int | None]:
    complete = {
        s.name: [points[key] for key in s.items]
        for s in instrument.subscales
        if all(key in points for key in s.items)
    }
    if instrument.scoring is Scoring.MEANS:
        means = {name: Fraction(sum(values), len(values)) for name, values in complete.items()}
        whole = len(means) == len(instrument.subscales)
        # The global score is the mean of the exact means: rounding twice could move it across a cut.
        total = _hundredths(sum(means.values(), Fraction()) / len(means)) if whole else None
        return {name: _hundredths(mean) for name, mean in means.items()}, total
    sums = {name: sum(values) for name, values in complete.items()}
    if instrument.scoring is Scoring.SUM:
        return sums, sum(points[item.key] for item in instrument.items if item.scored and item.key in points)
    return sums, None


def _hundredths(number: Fraction) -> int:
    """Rounded half up."""
    return int(number * 100 + Fraction(1, 2))


def _band(
    instrument: Instrument, given: Given, total: int | None, sex: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """The band, and the flags that say how it came about."""
    if instrument.levels:
        rest = instrument.levels[-1]
        shown = (x for x in instrument.levels if any(sign.shows(given) for sign in x.signs))
        return next(shown, rest).band, ()
    if total is None or not instrument.bands:
        return None, ()
    if instrument.sex_cut:
        return _band_by_sex(instrument, given, total, sex)
    place = next(n for n, band in enumerate(instrument.bands) if band.low <= total <= band.high)
    rule = instrument.escalation
    lifted = (
        rule is not None and place + 1 < len(instrument.bands) and any(s.shows(given) for s in rule.signs)
    )
    if rule is not None and lifted:
        return instrument.bands[place + 1].name, (rule.flag,)
    return instrument.bands[place].name, ()


def _band_by_sex(
    instrument: Instrument, given: Given, total: int, sex: str | None
) -> tuple[str, tuple[str, ...]]:
    cut = instrument.sex_cut
    assert cut is not None
    negative, positive = (band.name for band in instrument.bands)
    known = {"male": cut.male, "female": cut.female}.get((sex or "").casefold())
    flags = () if known is not None else (cut.lower_flag,)
    if total < (cut.lower if known is None else known):
        return negative, flags
    if not any(answer for key, answer in given.items() if key != cut.alone):
        return negative, (cut.alone_flag, *flags)
    return positive, flags


def _raised(
    trigger: Trigger,
    points: Mapping[str, int],
    subscales: dict[str, int],
    total: int | None,
    band: str | None,
) -> bool:
    if trigger.band is not None:
        return band == trigger.band
    if trigger.item is not None:
        number = points.get(trigger.item)
    else:
        number = total if trigger.subscale is None else subscales.get(trigger.subscale)
    if number is None:
        return False
    return (trigger.at_least is None or number >= trigger.at_least) and (
        trigger.at_most is None or number <= trigger.at_most
    )


def _provisional(instrument: Instrument, points: Mapping[str, int]) -> bool:
    rule = instrument.provisional
    if rule is None:
        return False
    items = {s.name: s.items for s in instrument.subscales}
    return all(
        sum(points[key] >= rule.present_at for key in items[name]) >= needed
        for name, needed in rule.needs.items()
    )
