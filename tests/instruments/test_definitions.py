"""The definitions: what is shipped, on what terms, and what a network may change."""

import json
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from contracts import instruments
from contracts.instruments import Instrument, adjusted, find, score
from contracts.instruments.checks import checks_out
from contracts.instruments.library import read

ALL = [find(name, version) for name in instruments.names() for version in instruments.versions(name)]
IDS = [f"{one.name}.{one.version}" for one in ALL]

TERMS = {
    "phq9": ("public_domain", True),
    "gad7": ("public_domain", True),
    "pcl5": ("public_domain", True),
    "audit_c": ("public_domain", True),
    "ciwa_ar": ("public_domain", True),
    "cows": ("free_with_credit", True),
    "audit": ("non_commercial", False),
    "dast10": ("non_commercial", False),
    "bam": ("provider_attested", False),
    "cssrs": ("provider_attested", False),
    "edeq": ("research_only", False),
}
CODES = {
    "phq9": ("44249-1", "44261-6", None),
    "gad7": ("69737-5", "70274-6", None),
    "audit": ("72110-0", "75624-7", None),
    "audit_c": ("72109-2", "75626-2", None),
    "dast10": ("82666-9", "82667-7", None),
    "pcl5": ("101697-1", "101698-9", None),
    "cssrs": (None, None, "93374-7"),
}


def raw(name: str, version: str | None = None) -> dict[str, Any]:
    return find(name, version).model_dump(mode="json")


def built(definition: dict[str, Any]) -> Instrument:
    return Instrument.model_validate_json(json.dumps(definition))


def test_these_instruments_are_shipped() -> None:
    assert set(instruments.names()) == TERMS.keys()
    assert "bam.continuous" in IDS


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_every_instrument_says_on_what_terms_it_may_be_used(instrument: Instrument) -> None:
    assert (instrument.licence, instrument.wording) == TERMS[instrument.name]
    assert instrument.credit
    assert instrument.cite
    assert all(trigger.cite and trigger.says for trigger in instrument.triggers)
    assert instrument.change.cite or instrument.change.reliable is None


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_no_wording_is_shipped(instrument: Instrument) -> None:
    assert instrument.stem is None
    assert [item.key for item in instrument.items if item.text] == []


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_wording_is_taken_only_where_the_licence_lets_it_travel(instrument: Instrument) -> None:
    worded_item = raw(instrument.name, instrument.version)
    worded_item["items"][0]["text"] = "How have you been?"
    worded_stem = raw(instrument.name, instrument.version) | {"stem": "Over the last week"}
    for worded in (worded_item, worded_stem):
        if instrument.wording:
            assert built(worded).name == instrument.name
        else:
            with pytest.raises(ValidationError, match="does not let it carry wording"):
                built(worded)


def test_a_name_is_too_narrow_for_wording() -> None:
    worded = raw("dast10")
    worded["items"][0]["name"] = "Have you been well?"
    with pytest.raises(ValidationError):
        built(worded)


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_loinc_codes_are_those_that_were_verified_and_none_is_borrowed(instrument: Instrument) -> None:
    codes = instrument.loinc
    assert (codes.panel, codes.total, codes.result) == CODES.get(instrument.name, (None, None, None))
    items = [item.loinc for item in instrument.items if item.loinc]
    assert len(items) == (10 if instrument.name == "phq9" else 0)


def test_a_code_with_a_wrong_check_digit_is_noticed() -> None:
    assert checks_out("44261-6")
    assert not checks_out("99999-0")
    with pytest.raises(ValidationError, match="check digit"):
        built(raw("phq9") | {"loinc": {"total": "44261-7"}})


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_bands_part_the_range_of_the_total_without_gap_or_overlap(instrument: Instrument) -> None:
    if not instrument.bands:
        assert instrument.name in {"bam", "cssrs", "edeq", "pcl5"}
        return
    assert instrument.limits == (instrument.bands[0].low, instrument.bands[-1].high)
    assert all(after.low == before.high + 1 for before, after in pairwise(instrument.bands))


def test_ranges_are_those_of_the_publications() -> None:
    ranges = {one.name: one.limits for one in ALL if one.limits}
    assert ranges == {
        "phq9": (0, 27),
        "gad7": (0, 21),
        "pcl5": (0, 80),
        "audit": (0, 40),
        "audit_c": (0, 12),
        "dast10": (0, 10),
        "ciwa_ar": (0, 67),
        "cows": (0, 48),
        "edeq": (0, 600),
    }
    assert {one.name for one in ALL if one.decimals} == {"edeq"}


UP_TO_3, UP_TO_4, YES_NO = (0, 1, 2, 3), (0, 1, 2, 3, 4), (0, 1)
VALUES = {
    "phq9.1": [UP_TO_3] * 10,
    "gad7.1": [UP_TO_3] * 7,
    "pcl5.1": [UP_TO_4] * 20,
    "audit.1": [UP_TO_4] * 8 + [(0, 2, 4)] * 2,
    "audit_c.1": [UP_TO_4] * 3,
    "dast10.1": [YES_NO] * 10,
    "cssrs.1": [YES_NO] * 5 + [(0, 1, 2)],
    "ciwa_ar.1": [tuple(range(8))] * 9 + [UP_TO_4],
    "cows.1": [
        (0, 1, 2, 4),
        UP_TO_4,
        (0, 1, 3, 5),
        (0, 1, 2, 5),
        (0, 1, 2, 4),
        (0, 1, 2, 4),
        (0, 1, 2, 3, 5),
        *[(0, 1, 2, 4)] * 3,
        (0, 3, 5),
    ],
    "bam.likert": [UP_TO_4] * 17,
    "bam.continuous": [tuple(range(31))] * 17,
    "edeq.6": [tuple(range(7))] * 12 + [tuple(range(1000))] * 6 + [tuple(range(7))] * 10,
}
SUBSCALES = {
    "pcl5": {"b": "1 2 3 4 5", "c": "6 7", "d": "8 9 10 11 12 13 14", "e": "15 16 17 18 19 20"},
    "bam": {"use": "4 5 6", "risk": "1 2 3 8 11 15", "protective": "9 10 12 13 14 16"},
    "edeq": {
        "restraint": "1 2 3 4 5",
        "eating": "7 9 19 20 21",
        "shape": "6 8 10 11 23 26 27 28",
        "weight": "8 12 22 24 25",
    },
}


@pytest.mark.parametrize("instrument", ALL, ids=IDS)
def test_items_take_the_published_values_and_stand_in_the_published_subscales(instrument: Instrument) -> None:
    assert [item.values for item in instrument.items] == VALUES[f"{instrument.name}.{instrument.version}"]
    assert [item.key for item in instrument.items] == [str(n + 1) for n in range(len(instrument.items))]
    named = {subscale.name: " ".join(subscale.items) for subscale in instrument.subscales}
    assert named == SUBSCALES.get(instrument.name, {})


def test_change_rules_are_those_of_the_publications() -> None:
    phq9, gad7, pcl5 = (find(name).change for name in ("phq9", "gad7", "pcl5"))
    assert (phq9.reliable, phq9.response_percent, phq9.remission_below) == (5, 50, 5)
    assert phq9.off_track == ((4, 17), (9, 13), (14, 9))
    assert (gad7.reliable, gad7.meaningful) == (6, 4)
    assert (pcl5.reliable, pcl5.significant_at_most) == (15, 28)
    assert {one.name for one in ALL if one.change.reliable} == {"phq9", "gad7", "pcl5"}


def test_every_flag_that_is_raised_has_a_meaning() -> None:
    raised = {
        "phq9": score("phq9", [3] * 9).flags,
        "audit": score("audit", [1, 0, 0, 2, 0, 0, 0, 0, 0, 0]).flags,
        "audit_c": score("audit_c", [4, 0, 0]).flags,
        "pcl5": score("pcl5", [4] * 20).flags,
    }
    for name, flags in raised.items():
        assert flags
        assert set(flags) <= find(name).meanings().keys()


def second(items: list[Any]) -> dict[str, Any]:
    """A change of the second entry of a list."""
    entry: dict[str, Any] = items[1]
    return entry


BROKEN = {
    "bands with a gap": ("phq9", lambda d: second(d["bands"]).update(low=6), "gap"),
    "bands that overlap": ("phq9", lambda d: second(d["bands"]).update(low=4), "overlap"),
    "bands that end too early": ("phq9", lambda d: d["bands"][-1].update(high=26), "from 0 to 27"),
    "bands that begin too late": ("phq9", lambda d: d["bands"][0].update(low=1), "from 0 to 27"),
    "a band twice": ("phq9", lambda d: second(d["bands"]).update(name="minimal"), "twice"),
    "an item twice": ("phq9", lambda d: second(d["items"]).update(key="1"), "item 1 is there twice"),
    "an item without values": ("phq9", lambda d: second(d["items"]).update(values=[]), "at least 2"),
    "values out of order": ("phq9", lambda d: second(d["items"]).update(values=[3, 0]), "do not rise"),
    "a flag of no item": ("phq9", lambda d: d["triggers"][0].update(item="11"), "does not exist"),
    "a flag of an item that does not count": (
        "phq9",
        lambda d: d["triggers"][0].update(item="10"),
        "does not count",
    ),
    "a flag that is always up": ("phq9", lambda d: d["triggers"][0].update(at_least=0), "never be raised"),
    "a flag that is never up": (
        "phq9",
        lambda d: second(d["triggers"]).update(at_least=28),
        "never be raised",
    ),
    "a flag twice": ("phq9", lambda d: second(d["triggers"]).update(flag="item9"), "twice"),
    "a flag without a source": ("phq9", lambda d: d["triggers"][0].update(cite=""), "cite"),
    "a flag of no subscale": ("bam", lambda d: d["triggers"][0].update(subscale="joy"), "subscale"),
    "a flag of no band": ("audit_c", lambda d: d["triggers"][0].update(band="sober"), "never be raised"),
    "a subscale of no item": ("bam", lambda d: d["subscales"][0].update(items=["18"]), "does not exist"),
    "a subscale of an item that does not count": (
        "bam",
        lambda d: d["subscales"][0].update(items=["17"]),
        "does not count",
    ),
    "no subscales": ("bam", lambda d: d.update(subscales=[], triggers=[]), "no subscales"),
    "more symptoms than there are": (
        "pcl5",
        lambda d: d["provisional"]["needs"].update(c=3),
        "than there are",
    ),
    "a reliable change larger than the scale": (
        "phq9",
        lambda d: d["change"].update(reliable=28),
        "outside the total",
    ),
    "a change rule without a source": ("phq9", lambda d: d["change"].update(cite=None), "a source"),
    "a change rule without a total": (
        "bam",
        lambda d: d["change"].update(reliable=2, cite="mine"),
        "a total",
    ),
    "weeks that do not rise": (
        "phq9",
        lambda d: d["change"].update(off_track=[[9, 13], [4, 17]]),
        "do not rise",
    ),
    "a drop of more than everything": ("phq9", lambda d: d["change"].update(response_percent=101), "percent"),
    "an answer that speaks for no level": ("cssrs", lambda d: d["levels"][1]["signs"].pop(), "every answer"),
    "a level twice": ("cssrs", lambda d: second(d["levels"]).update(band="low"), "twice"),
    "no level for what is left": ("cssrs", lambda d: d["levels"].pop(), "takes what is left"),
    "a word for no value": ("cssrs", lambda d: d["items"][5]["words"].update(maybe=3), "no value"),
    "a field nobody knows": ("phq9", lambda d: d.update(colour="green"), "colour"),
}


@pytest.mark.parametrize(("name", "breaks", "complaint"), BROKEN.values(), ids=BROKEN.keys())
def test_a_definition_that_does_not_hold_together_is_refused(name: str, breaks: Any, complaint: str) -> None:
    definition = raw(name)
    assert built(definition) == find(name)
    breaks(definition)
    with pytest.raises(ValidationError, match=complaint):
        built(definition)


def test_a_definition_is_read_from_its_file_with_ranges_and_groups_of_keys() -> None:
    text = """
        name = "two"
        version = "1"
        title = "Two questions"
        scoring = "sum"
        licence = "public_domain"
        credit = "Nobody"
        wording = true
        cite = "Made up"
        items = [{ keys = ["1", "2"], values = "0-2" }]
    """
    instrument = read(text)
    assert [(item.key, item.values) for item in instrument.items] == [("1", (0, 1, 2)), ("2", (0, 1, 2))]


class TestANetworksOwnNumbers:
    def test_nothing_changed_is_the_definition_itself(self) -> None:
        assert adjusted(find("phq9"), {}) is find("phq9")

    def test_bands_are_replaced(self) -> None:
        bands = [{"name": "low", "low": 0, "high": 11}, {"name": "high", "low": 12, "high": 27}]
        scored = [score("phq9", [2, 2, 2, 2, 2, 1, last, 0, 0], changes={"bands": bands}) for last in (0, 1)]
        assert [one.band for one in scored] == ["low", "high"]
        assert find("phq9").bands[0].name == "minimal"

    def test_change_rules_lie_over_what_is_there(self) -> None:
        changed = adjusted(find("phq9"), {"change": {"reliable": 6}, "cite": "our own study"})
        assert (changed.change.reliable, changed.change.remission_below, changed.cite) == (
            6,
            5,
            "our own study",
        )

    def test_the_number_that_raises_a_flag_can_be_moved(self) -> None:
        assert score("ciwa_ar", [7, 1, *[0] * 8], changes={"cuts": {"detox_gate": 8}}).flags == (
            "detox_gate",
        )
        sober = [0, 0, 0, 0, 0, 0, None, 0, *[2] * 8, None]
        sober = [0 if key in {11, 15} else answer for key, answer in enumerate(sober, 1)]
        assert score("bam", sober, version="likert").flags == ("protective",)
        assert score("bam", sober, version="likert", changes={"cuts": {"protective": 8}}).flags == ()

    def test_the_cut_by_sex_moves_with_its_bands(self) -> None:
        changes = {"positive_at": {"male": 6, "female": 5}}
        assert score("audit_c", [2, 2, 1], sex="female", changes=changes).band == "positive"
        assert score("audit_c", [2, 2, 1], sex="male", changes=changes).band == "negative"
        assert adjusted(find("audit_c"), changes).bands[1].low == 5

    def test_the_line_between_moderate_and_low_can_be_moved(self) -> None:
        levels = raw("cssrs")["levels"]
        levels[1]["signs"] = [{"items": ["2", "3"], "values": [1]}, {"items": ["6"], "values": [2]}]
        levels[2]["signs"] = [{"items": ["1"], "values": [1]}]
        assert score("cssrs", [1, 1, 0, 0, 0, 0], changes={"levels": levels}).band == "moderate"
        assert score("cssrs", [1, 1, 0, 0, 0, 0]).band == "low"

    def test_what_is_published_as_high_risk_stays(self) -> None:
        levels = raw("cssrs")["levels"]
        levels[0]["signs"] = [{"items": ["5", "6"], "values": [1]}]
        levels[1]["signs"].append({"items": ["4"], "values": [1]})
        with pytest.raises(ValueError, match="high is published and stays"):
            adjusted(find("cssrs"), {"levels": levels})

    @pytest.mark.parametrize(
        ("name", "changes", "complaint"),
        [
            (
                "phq9",
                {"bands": [{"name": "a", "low": 0, "high": 9}, {"name": "b", "low": 11, "high": 27}]},
                "gap",
            ),
            (
                "phq9",
                {"bands": [{"name": "a", "low": 0, "high": 9}, {"name": "b", "low": 9, "high": 27}]},
                "gap",
            ),
            ("phq9", {"bands": [{"name": "a", "low": 0, "high": 28}]}, "from 0 to 27"),
            ("phq9", {"bands": [[0, "a"]]}, "bands"),
            ("bam", {"bands": [{"name": "a", "low": 0, "high": 60}]}, "no total"),
            ("phq9", {"items": []}, "not items"),
            ("phq9", {"wording": True}, "not wording"),
            ("phq9", {"change": {"reliabel": 6}}, "change is a table of"),
            ("phq9", {"change": 6}, "change is a table of"),
            ("phq9", {"change": {"reliable": "6"}}, "reliable"),
            ("phq9", {"cuts": {"detox_gate": 8}}, "cuts is a table of item9, review"),
            ("phq9", {"cuts": {"review": 40}}, "never be raised"),
            ("phq9", {"positive_at": {"male": 3}}, "positive_at is a table of nothing"),
            ("audit_c", {"positive_at": {"other": 3}}, "positive_at is a table of female, male"),
            ("audit_c", {"positive_at": {"male": 13}}, "outside the total"),
            ("audit_c", {"positive_at": {"male": "four"}}, "male"),
            ("cssrs", {"levels": []}, "levels"),
        ],
    )
    def test_what_would_not_hold_together_is_refused(
        self, name: str, changes: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(ValueError, match=complaint):
            adjusted(find(name), changes)
