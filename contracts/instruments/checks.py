"""What must hold inside a definition, so that scoring need not ask."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.instruments.definition import Instrument, Trigger


def problems(instrument: "Instrument") -> Iterator[str]:
    """One sentence part for everything that does not hold together."""
    yield from _items(instrument)
    yield from _references(instrument)
    yield from _bands(instrument)
    yield from _levels(instrument)
    yield from _triggers(instrument)
    yield from _sexes(instrument)
    yield from _change(instrument)
    yield from _licence(instrument)
    yield from _codes(instrument)


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _items(instrument: "Instrument") -> Iterator[str]:
    keys = [key for item in instrument.items for key in (item.key, *item.parts)]
    for key in _twice(keys):
        yield f"item {key} is there twice"
    for item in instrument.items:
        if any(b <= a for a, b in pairwise(item.values)):
            yield f"the values of item {item.key} do not rise"
        if not set(item.words.values()) <= set(item.values):
            yield f"a word of item {item.key} stands for no value of it"
        if item.scored and (item.optional or item.parts):
            yield f"item {item.key} counts and can be neither left out nor split"
    optional = [item.optional for item in instrument.items]
    if optional != sorted(optional):
        yield "only the last items can be left out"


def _references(instrument: "Instrument") -> Iterator[str]:
    scored = {item.key for item in instrument.items if item.scored}
    subscales = {s.name: s.items for s in instrument.subscales}
    for name in _twice(s.name for s in instrument.subscales):
        yield f"subscale {name} is there twice"
    wanted = [(f"subscale {name}", items) for name, items in subscales.items()]
    wanted += [("a gap", (*gap.when, *gap.optional)) for gap in instrument.gaps]
    signs = [*(instrument.escalation.signs if instrument.escalation else ())]
    signs += [sign for level in instrument.levels for sign in level.signs]
    wanted += [("a sign", sign.items) for sign in signs]
    wanted += [("a trigger", (t.item,)) for t in instrument.triggers if t.item]
    wanted += [("the recency rule", (instrument.recency.item,))] if instrument.recency else []
    wanted += [("the cut by sex", (instrument.sex_cut.alone,))] if instrument.sex_cut else []
    for what, keys in wanted:
        if not keys or not set(keys) <= scored:
            yield f"{what} speaks of an item that does not exist or does not count"
    named = {t.subscale for t in instrument.triggers if t.subscale}
    named |= set(instrument.provisional.needs) if instrument.provisional else set()
    if not named <= subscales.keys():
        yield "a flag speaks of a subscale that does not exist"
    if not subscales and instrument.scoring in {"subscales", "means"}:
        yield "it has no subscales to score"


def _bands(instrument: "Instrument") -> Iterator[str]:
    bands, limits = instrument.bands, instrument.limits
    for name in _twice(band.name for band in bands):
        yield f"band {name} is there twice"
    if not bands:
        return
    if limits is None:
        yield "it has bands and no total"
        return
    if any(band.low > band.high for band in bands) or (bands[0].low, bands[-1].high) != limits:
        yield f"the bands do not reach from {limits[0]} to {limits[1]}"
    if any(after.low != before.high + 1 for before, after in pairwise(bands)):
        yield "the bands leave a gap or overlap"


def _levels(instrument: "Instrument") -> Iterator[str]:
    levels = instrument.levels
    if (instrument.scoring == "levels") != bool(levels):
        yield "levels belong to an instrument that is scored by levels, and to no other"
    for name in _twice(level.band for level in levels):
        yield f"level {name} is there twice"
    if not levels:
        return
    if levels[-1].signs or not all(level.signs for level in levels[:-1]):
        yield "the last level, and only that, takes what is left"
    heard = {
        (key, value)
        for level in levels
        for sign in level.signs
        for key in sign.items
        for value in sign.values
    }
    said = {(item.key, value) for item in instrument.items for value in item.values if value}
    if heard != said:
        yield "every answer but a no must speak for a level"


def _triggers(instrument: "Instrument") -> Iterator[str]:
    flags = [t.flag for t in instrument.triggers]
    flags += [rule.flag for rule in (instrument.escalation, instrument.provisional) if rule]
    if cut := instrument.sex_cut:
        flags += [cut.lower_flag, cut.alone_flag]
    for flag in _twice(flags):
        yield f"flag {flag} is there twice"
    for trigger in instrument.triggers:
        if not _can_fire(instrument, trigger):
            yield f"flag {trigger.flag} can never be raised, or always is"
    if rule := instrument.provisional:
        sizes = {s.name: len(s.items) for s in instrument.subscales}
        if any(not 1 <= n <= sizes.get(name, 0) for name, n in rule.needs.items()):
            yield f"flag {rule.flag} asks for more symptoms than there are"
    if instrument.escalation and not instrument.bands:
        yield "there are no bands to be lifted through"


def _can_fire(instrument: "Instrument", trigger: "Trigger") -> bool:
    subjects = sum(of is not None for of in (trigger.item, trigger.subscale, trigger.band))
    cuts = [cut for cut in (trigger.at_least, trigger.at_most) if cut is not None]
    if trigger.band is not None:
        names = {band.name for band in instrument.bands} | {level.band for level in instrument.levels}
        return subjects == 1 and not cuts and trigger.band in names
    if subjects > 1 or len(cuts) != 1:
        return False
    if trigger.item is not None:
        span: tuple[int, int] | None = instrument.span((trigger.item,))
    elif trigger.subscale is not None:
        keys = [s.items for s in instrument.subscales if s.name == trigger.subscale]
        span = instrument.span(keys[0]) if keys and not instrument.decimals else instrument.limits
    else:
        span = instrument.limits
    if span is None:
        return False
    low, high = span
    return low < cuts[0] <= high if trigger.at_most is None else low <= cuts[0] < high


def _sexes(instrument: "Instrument") -> Iterator[str]:
    cut = instrument.sex_cut
    if cut is None:
        return
    limits = instrument.limits or (0, 0)
    if not all(limits[0] < number <= limits[1] for number in (cut.male, cut.female)):
        yield "a cut by sex lies outside the total"
    if len(instrument.bands) != 2 or instrument.bands[1].low != cut.lower:
        yield "a cut by sex wants two bands that part at the lower number"


def _change(instrument: "Instrument") -> Iterator[str]:
    change, limits = instrument.change, instrument.limits
    points = [change.reliable, change.meaningful, change.remission_below, change.significant_at_most]
    points += [total for _, total in change.off_track]
    given = [n for n in points if n is not None]
    if (given or change.response_percent is not None) and (limits is None or change.cite is None):
        yield "a change rule wants a total and a source"
    elif limits and any(not 1 <= n <= limits[1] - limits[0] for n in given):
        yield "a change rule lies outside the total"
    if change.response_percent is not None and not 1 <= change.response_percent <= 100:
        yield "a response is a drop of 1 to 100 percent"
    weeks = [week for week, _ in change.off_track]
    if any(b <= a for a, b in pairwise([0, *weeks])):
        yield "the weeks of the off-track totals do not rise"


def _licence(instrument: "Instrument") -> Iterator[str]:
    worded = instrument.stem or any(item.text for item in instrument.items)
    if worded and not instrument.wording:
        yield f"its licence ({instrument.licence}) does not let it carry wording"


def _codes(instrument: "Instrument") -> Iterator[str]:
    table = instrument.loinc
    codes = [table.panel, table.total, table.result, *(item.loinc for item in instrument.items)]
    for code in codes:
        if code is not None and not checks_out(code):
            yield f"{code} is no LOINC code: its check digit is wrong"


def checks_out(code: str) -> bool:
    """Whether the last digit of a LOINC code fits the others (mod 10)."""
    digits, check = code.split("-")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 if place % 2 else 2)
        total += doubled - 9 if doubled > 9 else doubled
    return (10 - total % 10) % 10 == int(check)
