"""From a list of answers to an answer per item, or to everything that is wrong with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.instruments.definition import Instrument, Item, Scoring

Given = dict[str, int | None]
PARTIAL = (Scoring.SUBSCALES, Scoring.MEANS)
"""Without one of its items a subscale is left out; where everything is one sum, nothing would be left."""
COUNT = "answers"
"""The item of a problem that is about how many answers there are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one item; never what was answered."""

    item: str
    why: str


class BadAnswers(ValueError):
    """Answers that cannot be scored; `problems` names every wrong item and repeats no answer."""

    def __init__(self, instrument: str, problems: Sequence[Problem]) -> None:
        super().__init__(instrument, tuple(problems))
        self.instrument = instrument
        self.problems = tuple(problems)

    def __str__(self) -> str:
        said = (p.why if p.item == COUNT else f"item {p.item} {p.why}" for p in self.problems)
        return f"{self.instrument}: {'; '.join(said)}."


def read_answers(
    instrument: Instrument, answers: Sequence[int | None], lifetime_months: int | None = None
) -> Given:
    """The answer to each item, None where it was not asked; raises BadAnswers."""
    layout = layout_for(instrument, len(answers))
    given: Given = {}
    found: dict[str, str] = {}
    for item, answer in zip(layout, answers, strict=True):
        given[item.key] = answer
        # A bool or a float can equal a legal number and is still no answer.
        if answer is not None and (type(answer) is not int or answer not in item.values):
            found[item.key] = f"must be {legal(item)}"
            given[item.key] = None
    found |= {key: why for key, why in _missing(instrument, layout, given) if key not in found}
    found |= {key: why for key, why in _contradictions(instrument, given) if key not in found}
    if lifetime_months is not None and instrument.recency and instrument.recency.item not in found:
        found |= _date(instrument, given, lifetime_months)
    if found:
        problems = [Problem(item.key, found[item.key]) for item in layout if item.key in found]
        raise BadAnswers(instrument.name, problems)
    return given


def layout_for(instrument: Instrument, count: int) -> list[Item]:
    """The item behind each of so many answers; raises BadAnswers where there is no such form."""
    layouts = {len(layout): layout for layout in _layouts(instrument)}
    if count not in layouts:
        wanted = " or ".join(map(str, sorted(layouts)))
        why = f"{count} answers were given and {wanted} are asked for"
        raise BadAnswers(instrument.name, [Problem(COUNT, why)])
    return layouts[count]


def legal(item: Item) -> str:
    """The answers an item may have, in words."""
    if item.words:
        return _listed(list(item.words))
    if item.yes_no:
        return "yes or no"
    if len(item.values) == item.values[-1] - item.values[0] + 1:
        return f"from {item.values[0]} to {item.values[-1]}"
    return _listed([str(value) for value in item.values])


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _layouts(instrument: Instrument) -> Iterator[list[Item]]:
    """The lists that are accepted: all items, without the optional ones, with split ones in their parts."""
    items = list(instrument.items)
    yield items
    required = [item for item in items if not item.optional]
    if len(required) < len(items):
        yield required
    if any(item.parts for item in items):
        yield [one for item in items for one in _parted(item)]


def _parted(item: Item) -> list[Item]:
    return [item.model_copy(update={"key": key, "parts": ()}) for key in item.parts] or [item]


def _missing(instrument: Instrument, layout: list[Item], given: Given) -> Iterator[tuple[str, str]]:
    scored = [item.key for item in layout if item.scored]
    if instrument.scoring in PARTIAL and any(given[key] is not None for key in scored):
        return
    skipped = {key for gap in instrument.gaps if _open(gap.when, given) for key in gap.optional}
    for key in scored:
        if given[key] is None and key not in skipped:
            yield key, "was not answered"


def _contradictions(instrument: Instrument, given: Given) -> Iterator[tuple[str, str]]:
    for gap in instrument.gaps:
        if gap.why and _open(gap.when, given):
            yield from ((key, gap.why) for key in gap.optional if given[key])


def _open(when: dict[str, tuple[int, ...]], given: Given) -> bool:
    return all(given[key] in values for key, values in when.items())


def _date(instrument: Instrument, given: Given, months: int) -> dict[str, str]:
    """Let the months decide between recent and earlier; they may not contradict the answer."""
    rule = instrument.recency
    assert rule is not None
    if type(months) is not int or months < 0:
        return {rule.item: "needs a whole number of months, 0 or more"}
    answer = given[rule.item]
    recent = months <= rule.months
    if answer == rule.recent:
        given[rule.item] = rule.recent if recent else rule.earlier
    elif answer != rule.earlier or recent:
        return {rule.item: "does not fit the number of months"}
    return {}
