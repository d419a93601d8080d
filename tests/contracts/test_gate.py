"""`handrail contracts`: what was published stays true, and freezing never overwrites it."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field
from typer.testing import CliRunner

from contracts import catalogue
from contracts.event import Event
from contracts.vocabulary import Minutes, Token
from deploy.local import contract_examples, contracts_cli
from deploy.local.contracts_cli import BEGIN, END, Frozen, breaches, described_readme, freeze_all


class Said(Event):
    """Something was said."""

    AGGREGATE: ClassVar[str] = "site_id"
    weekly_minutes: Minutes


class Grown(Event):
    """Something was said."""

    AGGREGATE: ClassVar[str] = "site_id"
    weekly_minutes: Minutes
    cause: Token | None = None


class Narrowed(Event):
    """Something was said."""

    AGGREGATE: ClassVar[str] = "site_id"
    weekly_minutes: int = Field(ge=0, le=600)


class Unworded(Event):
    """no sentence"""

    AGGREGATE: ClassVar[str] = "site_id"


NAME = Said.type()


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    """A folder in which `Said` was published."""
    folder = Frozen(tmp_path)
    assert freeze_all(folder, {NAME: Said}) == [NAME]
    return folder


def test_every_event_is_as_published() -> None:
    assert list(breaches(Frozen(), catalogue.all_events())) == []


def test_what_was_just_frozen_is_in_order(frozen: Frozen) -> None:
    assert list(breaches(frozen, {NAME: Said})) == []
    assert freeze_all(frozen, {NAME: Said}) == []


def test_a_new_event_must_be_frozen(tmp_path: Path) -> None:
    found = list(breaches(Frozen(tmp_path), {NAME: Said}))

    assert len(found) == 2
    assert all("handrail contracts freeze" in sentence for sentence in found)


def test_an_event_that_grew_is_frozen_again_and_its_older_golden_payload_is_kept(frozen: Frozen) -> None:
    (grown,) = breaches(frozen, {NAME: Grown})
    before = frozen.example_file(NAME).read_text()

    assert "has grown" in grown
    assert freeze_all(frozen, {NAME: Grown}) == [NAME]
    assert list(breaches(frozen, {NAME: Grown})) == []
    assert [file.name for file in frozen.examples(NAME)] == [f"{NAME}.1.json", f"{NAME}.json"]
    assert frozen.examples(NAME)[0].read_text() == before


def test_a_breaking_change_is_named_and_is_not_frozen(frozen: Frozen) -> None:
    (sentence,) = breaches(frozen, {NAME: Narrowed})
    before = frozen.schema(NAME)

    assert sentence.startswith(f"{NAME}: $.weekly_minutes changed maximum from 10080 to 600")
    with pytest.raises(ValueError, match="changed maximum"):
        freeze_all(frozen, {NAME: Narrowed})
    assert frozen.schema(NAME) == before


def test_a_golden_payload_that_no_longer_parses_is_named(frozen: Frozen) -> None:
    file = frozen.example_file(NAME)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"weekly_minutes": "540"}))

    (sentence,) = breaches(frozen, {NAME: Said})

    assert sentence.startswith(f"{NAME} no longer parses {NAME}.json: weekly_minutes")


def test_an_event_may_not_vanish(frozen: Frozen) -> None:
    (sentence,) = breaches(frozen, {})

    assert "nobody says it any more" in sentence


def test_an_event_without_a_sentence_is_named(tmp_path: Path) -> None:
    assert any("needs a summary" in sentence for sentence in breaches(Frozen(tmp_path), {"x.y.v1": Unworded}))


def test_a_field_without_an_example_value_is_named() -> None:
    class Odd(Event):
        """Something odd."""

        unheard_of: int

    with pytest.raises(LookupError, match="unheard_of"):
        contract_examples.example_of(Odd)


def test_check_prints_one_json_document() -> None:
    result = CliRunner().invoke(contracts_cli.app, ["check", "--json"])

    assert json.loads(result.stdout) == {"events": len(catalogue.all_events()), "breaches": []}
    assert result.exit_code == 0


def test_check_fails_with_one_sentence_per_breach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Frozen.__init__, "__defaults__", (tmp_path,))

    result = CliRunner().invoke(contracts_cli.app, ["check"])

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2 * len(catalogue.all_events())


def test_only_what_is_between_the_markers_is_renewed() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert described_readme(text, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="events:begin"):
        described_readme("no markers", "new\n")
