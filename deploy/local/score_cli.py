"""`handrail score`: one instrument scored on the spot; needs no running network."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.local.output import Document, show, table
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    from contracts.instruments import Instrument, Scored
    from contracts.instruments.definition import Item

YES_NO = {"y": 1, "yes": 1, "n": 0, "no": 0}
NOT_ASKED = "-"
ILLEGAL = -1
"""Stands for what cannot be read: no item allows it, so scoring names the item with all other wrong ones."""
_WHOLE = re.compile(r"[0-9]{1,6}")

app = typer.Typer(add_completion=False)


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


# Unknown options are taken as answers, so that -1 is refused as an answer and not as an option.
@app.command(context_settings={"ignore_unknown_options": True})
def score(
    instrument: Annotated[
        str, typer.Argument(help="Such as phq9, GAD-7 or c-ssrs; an unknown name lists all.")
    ],
    answers: Annotated[
        list[str],
        typer.Argument(
            help="In item order: whole numbers; y or n where an item asks for yes or no; - for not asked. "
            "Item 6 of cssrs: n, within3m, lifetime, or y with --lifetime-months.",
            metavar="ANSWERS...",
        ),
    ],
    version: Annotated[str | None, typer.Option("--version", help="Needed for bam.")] = None,
    sex: Annotated[Sex | None, typer.Option("--sex", help="For audit_c: its cut point differs.")] = None,
    lifetime_months: Annotated[
        int | None, typer.Option("--lifetime-months", min=0, help="For cssrs: months since item 6.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Score the answers to a screening instrument: total, subscales, band and flags."""
    from contracts import instruments
    from contracts.instruments.answers import layout_for

    for word in answers:
        if word.startswith("--"):
            raise Trouble("There is no such option.", "handrail score --help", code="usage", exit_code=2)
    definition = _definition(instrument, version)
    try:
        given = [
            _number(word, item, lifetime_months)
            for word, item in zip(answers, layout_for(definition, len(answers)), strict=True)
        ]
        scored = instruments.score(
            definition.name, given, version=definition.version, sex=sex, lifetime_months=lifetime_months
        )
    except instruments.BadAnswers as error:
        hint = "Answers come in item order, - where an item was not asked."
        raise Trouble(f"{error}", hint, code="bad_answers", exit_code=2) from None
    show(_document(definition, scored), as_json, lambda found: _lines(definition, found))


def _definition(name: str, version: str | None) -> "Instrument":
    from contracts import instruments

    try:
        found = instruments.find(name, version)
    except instruments.UnknownInstrument as error:
        hint = "handrail score --help"
        raise Trouble(str(error), hint, code="instrument_unknown", exit_code=2) from None
    if version is None and found.version_required:
        options = " or ".join(f"--version {one}" for one in instruments.versions(name))
        raise Trouble(
            f"{found.name} has versions that score differently.",
            f"Say which one: {options}.",
            code="version_needed",
            exit_code=2,
        )
    return found


def _number(word: str, item: "Item", lifetime_months: int | None) -> int | None:
    if word == NOT_ASKED:
        return None
    said = word.casefold()
    if item.words:
        if YES_NO.get(said) == 1 and lifetime_months is None:
            raise Trouble(
                f"Item {item.key} is yes, and it is not said how long ago.",
                "Answer within3m or lifetime, or add --lifetime-months N.",
                code="recency_needed",
                exit_code=2,
            )
        return _read(said, YES_NO | item.words)
    return _read(said, YES_NO if item.yes_no else {})


def _read(word: str, words: dict[str, int]) -> int:
    if word in words:
        return words[word]
    return int(word) if _WHOLE.fullmatch(word) else ILLEGAL


def _document(definition: "Instrument", scored: "Scored") -> dict[str, Any]:
    def shown(number: int | None) -> int | float | None:
        return number / 10**definition.decimals if number is not None and definition.decimals else number

    return {
        "instrument": scored.instrument,
        "version": scored.version,
        "total": shown(scored.total),
        "subscales": {name: shown(number) for name, number in scored.subscales.items()},
        "band": scored.band,
        "flags": list(scored.flags),
    }


def _lines(definition: "Instrument", found: Document) -> list[str]:
    meanings = definition.meanings()

    def text(number: float) -> str:
        return f"{number:.{definition.decimals}f}"

    rows = [[definition.title, f"version {definition.version}"]]
    if found["total"] is not None and definition.limits:
        highest = definition.limits[1] / 10**definition.decimals
        rows.append(["total", f"{text(found['total'])} of {text(highest)}"])
    rows += [[name, text(number)] for name, number in found["subscales"].items()]
    if found["band"] is not None:
        rows.append(["band", found["band"].replace("_", " ")])
    rows += [["flag", f"{flag}: {meanings[flag]}"] for flag in found["flags"]]
    return table(rows)
