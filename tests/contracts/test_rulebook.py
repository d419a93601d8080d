"""The rulebook as configuration: every number has a source, and layers say who does what differently."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import rulebook as module
from contracts.rulebook import BadRulebook, Rulebook, rulebook
from contracts.vocabulary import AgeBand, LevelOfCare

DEFAULT = tomllib.loads(Path(module.__file__).with_name("rulebook.toml").read_text())
ADULT = (LevelOfCare(code="2.1"), AgeBand.ADULT)
Write = Callable[[str], Rulebook]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """The rulebook with a file of a network's own over the defaults, as a service finds it."""

    def load(text: str) -> Rulebook:
        file = tmp_path / "own.toml"
        file.write_text(text)
        monkeypatch.setenv("HANDRAIL_RULEBOOK", str(file))
        return rulebook.__wrapped__()

    return load


def layer(place: str, set: str, cite: str = 'cite = "a decision of the site"') -> str:
    return f"[[layers]]\n{place}\n{cite}\n{set}\n"


def tables(value: Any, path: str = "") -> dict[str, dict[str, Any]]:
    """Every table of numbers and where it stands; a table inside one that has a cite shares it."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(value, list):
        for n, each in enumerate(value):
            found |= tables(each, f"{path}[{n}]")
    elif isinstance(value, dict):
        if any(not isinstance(v, dict | list) for v in value.values()):
            return {path: value}
        for key, each in value.items():
            found |= tables(each, f"{path}.{key}" if path else key)
    return found


class TestSources:
    @pytest.mark.parametrize("place", [p for p in tables(DEFAULT) if p != "teds"])
    def test_every_table_says_where_its_numbers_come_from(self, place: str) -> None:
        assert tables(DEFAULT)[place].get("cite", "").strip()

    def test_the_defaults_hold_at_every_place(self) -> None:
        assert rulebook.__wrapped__().band(*ADULT).min_minutes == 540

    @pytest.mark.parametrize("level", [LevelOfCare(code="1"), LevelOfCare(edition="4", code="1.5")])
    def test_what_is_below_540_minutes_is_a_level_in_both_editions(self, level: LevelOfCare) -> None:
        band = rulebook.__wrapped__().band(level, AgeBand.ADULT)
        assert band.holds(539)
        assert not band.holds(540)

    @pytest.mark.parametrize("table", ["matching", "payer", "checkins", "intake"])
    def test_a_table_without_a_source_is_refused(self, table: str) -> None:
        bare = {k: v for k, v in DEFAULT[table].items() if k != "cite"}
        with pytest.raises(ValueError, match="cite"):
            Rulebook.model_validate(DEFAULT | {table: bare})


class TestLayers:
    NET = layer('network = "north"', "[layers.set.intake]\nlow_units = 4\nlow_days = 4\nack_minutes_high = 4")
    SITE = layer('site = "boston"', "[layers.set.intake]\nlow_units = 5\nlow_days = 5")
    PROGRAM = layer(
        'program = "mh_12w"', "[layers.set.intake]\nlow_units = 6\n[layers.set.program]\nmax_days = 99"
    )
    PAYER = layer('payer = "acme"', "[layers.set.intake]\nlow_units = 7")

    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
    def test_the_later_of_network_site_program_and_payer_wins_wherever_it_is_written(
        self, own: Write, order: tuple[int, ...]
    ) -> None:
        written = (self.NET, self.SITE, self.PROGRAM, self.PAYER)
        rules = own("".join(written[n] for n in order))
        found = {
            place: (at.intake.low_units, at.intake.low_days, at.intake.ack_minutes_high)
            for place, at in {
                "nowhere": rules,
                "elsewhere": rules.at("south", "troy"),
                "network": rules.at("north", "troy"),
                "site": rules.at("north", "boston"),
                "program": rules.at("north", "boston", "mh_12w"),
                "payer": rules.at("north", "boston", "mh_12w", ("acme", "commercial")),
            }.items()
        }
        assert found == {
            "nowhere": (3, 7, 15),
            "elsewhere": (3, 7, 15),
            "network": (4, 4, 4),
            "site": (5, 5, 4),
            "program": (6, 5, 4),
            "payer": (7, 5, 4),
        }

    def test_a_layer_of_two_keys_needs_both(self, own: Write) -> None:
        rules = own(layer('network = "north"\nsite = "boston"', "[layers.set.intake]\nlow_units = 9"))
        assert rules.at("north", "boston").intake.low_units == 9
        assert rules.at("south", "boston").intake.low_units == 3
        assert rules.at("north", "troy").intake.low_units == 3

    def test_between_equals_the_later_written_wins(self, own: Write) -> None:
        rules = own(
            layer('network = "north"', "[layers.set.intake]\nlow_units = 8")
            + layer('network = "north"', "[layers.set.intake]\nlow_units = 9")
        )
        assert rules.at("north").intake.low_units == 9

    def test_a_payer_is_known_by_its_id_or_its_kind_of_plan(self) -> None:
        rules = rulebook()
        assert not rules.at("n", "s").payer.certification_required
        assert rules.at("n", "s", payer=("p-1", "medicare")).payer.certification_required
        assert rules.at("n", "s", payer=("medicare",)).payer.certification_required
        assert not rules.at("n", "s", payer=("p-1", "medicaid")).payer.certification_required

    def test_a_plan_paid_by_medicare_wants_a_physician_too(self) -> None:
        rules = rulebook()
        assert not rules.at("n", "s").payer.plan_physician_signature
        assert rules.at("n", "s", payer=("p-1", "medicare")).payer.plan_physician_signature

    def test_measures_are_asked_for_by_names_of_instruments(self, own: Write) -> None:
        weekly = '[measures.cadence.{}]\nprograms = ["sud"]\nevery_days = 14\ncite = "a decision of the site"'
        assert own(weekly.format("gad7")).measures.cadence["gad7"].every_days == 14
        with pytest.raises(BadRulebook, match="there is no instrument tea_leaves"):
            own(weekly.format("tea_leaves"))

    def test_a_band_replaces_the_one_of_the_same_level_and_age(self, own: Write) -> None:
        band = (
            '[[layers.set.bands]]\nlevel = "2.1"\nage_band = "adult"\nmin_minutes = 600\nmax_minutes = 1199\n'
            'cite = "a payer"'
        )
        rules = own(layer('site = "boston"', band))
        here, anywhere = rules.at("n", "boston"), rules.at("n", "troy")
        assert (here.band(*ADULT).min_minutes, anywhere.band(*ADULT).min_minutes) == (600, 540)
        assert here.band(LevelOfCare(code="2.1"), AgeBand.ADOLESCENT).min_minutes == 360
        assert len(here.bands) == len(anywhere.bands)

    @pytest.mark.parametrize("age_band", list(AgeBand))
    def test_below_a_program_comes_a_level_of_the_same_edition_that_has_hours(
        self, age_band: AgeBand
    ) -> None:
        rules = Rulebook.model_validate(DEFAULT)
        for edition in rules.intake.dimensions:
            below = rules.program.below(LevelOfCare(edition=edition, code="2.1"))
            assert below is not None
            assert rules.band(below, age_band).min_minutes == 0

    def test_a_layer_may_name_one_level_below_for_every_edition(self, own: Write) -> None:
        rules = own(layer('site = "albany"', '[layers.set.program]\nlower_level = "1.7"')).at(site="albany")

        below = rules.program.below(LevelOfCare(edition="4", code="2.1"))
        assert below == LevelOfCare(edition="4", code="1.7")

    def test_tables_are_laid_over_key_by_key_and_lists_are_replaced(self, own: Write) -> None:
        rules = own(
            layer(
                'site = "boston"',
                '[layers.set.intake]\nassessor_credentials = ["RN"]\n'
                "[layers.set.intake.dimensions]\n3 = [1, 2]",
            )
        ).at("n", "boston")
        assert rules.intake.assessor_credentials == ("RN",)
        assert rules.intake.dimensions["3"] == (1, 2)
        assert rules.intake.dimensions["4"] == rulebook().intake.dimensions["4"]

    def test_a_site_may_cut_an_instrument_elsewhere(self, own: Write) -> None:
        cuts = '[layers.set.instruments.cows]\ncite = "the site"\ncuts = { detox_gate = 9 }'
        rules = own(layer('site = "boston"', cuts))
        assert rules.at("n", "boston").instruments["cows"]["cuts"] == {"detox_gate": 9}
        with pytest.raises(BadRulebook, match="boston"):
            own(layer('site = "boston"', cuts.replace("detox_gate", "no_such_flag")))


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (layer('site = "boston"', "[layers.set.intake]\nlow_units = 'few'"), "boston"),
            (layer('site = "boston"', "[layers.set.intake]\nlow_unit = 3"), "boston"),
            (layer('payer = "acme"', "[layers.set.nonsense]\nx = 1"), "acme"),
            (
                layer('network = "north"\nsite = "boston"', "[layers.set.program]\nmax_days = 'x'"),
                "north, boston",
            ),
            (layer('site = "boston"', "[layers.set.intake]\nlow_units = 3", cite=""), "cite"),
            (layer('site = "boston"', "[layers.set.intake]\nlow_units = 3", cite='cite = ""'), "cite"),
            (layer('planet = "mars"', "[layers.set.intake]\nlow_units = 3"), "planet"),
            ("[intake]\nlow_unit = 3\n", "low_unit"),
            ("[nonsense]\nx = 1\n", "nonsense"),
            ("[intake\n", "cannot be read"),
        ],
    )
    def test_what_does_not_hold_is_refused_at_the_start_and_says_where(
        self, own: Write, text: str, says: str
    ) -> None:
        with pytest.raises(BadRulebook) as refusal:
            own(text)
        assert says in str(refusal.value)
        assert str(refusal.value).startswith("The rulebook ")
        assert str(refusal.value).endswith(".")

    def test_two_layers_that_hold_alone_and_not_together_are_found_at_the_start(self, own: Write) -> None:
        """A key that one layer opens as a table and another as a word."""
        word = layer('program = "mh_12w"', "[layers.set]\nteds = { moved = 'other' }")
        assert own(word).at(program="mh_12w").teds["moved"] == "other"
        with pytest.raises(BadRulebook, match="acme"):
            own(word + layer('payer = "acme"', "[layers.set]\nteds = 'none'"))

    def test_a_file_that_is_not_there_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HANDRAIL_RULEBOOK", "/nowhere/own.toml")
        with pytest.raises(BadRulebook, match="cannot be read"):
            rulebook.__wrapped__()

    def test_an_unknown_level_has_no_band(self) -> None:
        with pytest.raises(LookupError):
            rulebook().band(LevelOfCare(code="3.7"), AgeBand.ADULT)


class TestOwnFile:
    def test_it_lies_over_the_defaults(self, own: Write) -> None:
        rules = own("[intake]\noffer_ttl_hours = 24\n")
        assert rules.intake.offer_ttl_hours == 24
        assert rules.intake.waitlist_ttl_days == 30

    def test_its_layers_join_those_of_the_defaults(self, own: Write) -> None:
        rules = own(layer('payer = "acme"', "[layers.set.payer]\ncertification_days = 30"))
        assert rules.at(payer=("acme",)).payer.certification_days == 30
        assert rules.at(payer=("medicare",)).payer.certification_required
        assert rules.at(program="matrix_16w").program.default_days == 112

    def test_rules_for_a_level_are_data_too(self, own: Write) -> None:
        """A list of a file replaces the list of the defaults."""
        rules = own(
            '[[level_rules]]\nid = "x"\nsuggests = "2.5"\nbecause = "y"\ncite = "z"\n'
            'when = [{ fact = "phq9", op = "ge", value = 1 }]\n'
        )
        assert [r.id for r in rules.level_rules] == ["x"]

    @pytest.mark.parametrize(
        "broken",
        [
            {"when": []},
            {"suggests": "high"},
            {"cite": ""},
            {"when": [{"fact": "phq9", "op": "about", "value": 1}]},
        ],
    )
    def test_a_rule_for_a_level_that_says_nothing_is_refused(self, broken: dict[str, Any]) -> None:
        rules = [DEFAULT["level_rules"][0] | broken]
        with pytest.raises(ValueError, match="level_rules"):
            Rulebook.model_validate(DEFAULT | {"level_rules": rules})


class TestCost:
    def test_where_nothing_differs_it_is_the_same_object(self) -> None:
        rules = rulebook()
        assert rules.at("n", "s") is rules
        assert rules.at("n", "s", "adult_sud_day", ("p-1", "commercial")) is rules

    def test_what_was_laid_over_once_is_kept(self, own: Write) -> None:
        rules = own(TestLayers.SITE)
        assert rules.at("n", "boston") is rules.at("n", "boston")
        medicare = rules.at("n", "boston", payer=("p-1", "medicare"))
        assert medicare is rules.at("n", "boston", payer=("p-2", "medicare"))
        assert len(rules._at) < 30

    def test_the_rulebook_is_read_once(self) -> None:
        assert rulebook() is rulebook()
