"""The suggestion of a level of care: it explains itself, guesses nothing and decides nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.rulebook import Condition, LevelRule, rulebook
from contracts.vocabulary import Risk
from services.intake import domain
from services.intake.domain import Suggestion
from tests.intake.story import ASSESSMENT, NO_RISKS, RULES, Story, measured, referred, screened


def suggested(story: Story, **more: Any) -> Suggestion:
    return domain.suggest(story.state, story.rules, "3", **more)


def under(*conditions: Condition) -> Story:
    """A screened story under one rule alone."""
    rule = LevelRule(id="x", when=conditions, suggests="2.5", because="y", cite="z")
    story = screened(measured(phq9=12))
    story.rules = RULES.model_copy(update={"level_rules": (rule,)})
    return story


class TestExplaining:
    def test_every_reason_shows_its_rule_its_facts_and_its_source(self) -> None:
        found = suggested(screened(measured(phq9=21, audit=22, ciwa_ar=2)))
        assert str(found.level) == "2.5"
        assert [(r.rule, r.level, r.facts) for r in found.reasons] == [
            ("severe_depression", "2.5", {"phq9": 21}),
            ("moderate_depression", "2.1", {"phq9": 21}),
            ("likely_dependence", "2.1", {"audit": 22}),
        ]
        assert all(r.because and r.cite for r in found.reasons)

    @pytest.mark.parametrize(
        ("command", "level", "rule"),
        [
            (replace(NO_RISKS, needs_24h_supervision=True), "3.7", "supervision"),
            (replace(NO_RISKS, withdrawal_risk=Risk.HIGH), "3.7", "withdrawal"),
            (replace(NO_RISKS, suicide_risk=Risk.HIGH), "3.7", "suicide"),
            (replace(NO_RISKS, home_safe=False), "3.1", "unsafe_home"),
            (measured(phq9=20), "2.5", "severe_depression"),
            (measured(phq9=19), "2.1", "moderate_depression"),
            (measured(phq9=10), "2.1", "moderate_depression"),
            (measured(audit=20, ciwa_ar=0), "2.1", "likely_dependence"),
            (measured(dast10=(1, 1, 0, 1, 1, 1, 0, 0, 0, 0)), "2.1", "substantial_drug_problem"),
        ],
    )
    def test_each_rule_speaks_at_its_edge(self, command: domain.ScreenPatient, level: str, rule: str) -> None:
        found = suggested(screened(command))
        assert (str(found.level), found.reasons[0].rule) == (level, rule)

    @pytest.mark.parametrize("command", [NO_RISKS, measured(phq9=9), measured(audit=19)])
    def test_below_every_edge_nobody_says_anything(self, command: domain.ScreenPatient) -> None:
        assert suggested(screened(command)) == Suggestion(None, ())

    def test_another_roof_makes_a_home_safe(self) -> None:
        housed = replace(NO_RISKS, home_safe=False, alternative_housing=True)
        assert suggested(screened(housed)).level is None

    def test_the_answer_is_in_the_edition_that_was_asked_for(self) -> None:
        level = domain.suggest(screened(measured(phq9=20)).state, RULES, "4").level
        assert level
        assert (level.edition, level.code) == ("4", "2.5")

    def test_it_changes_nothing(self) -> None:
        story = screened(measured(phq9=20))
        before = story.state
        suggested(story)
        assert story.state == before


class TestUnknown:
    """What nobody recorded satisfies no condition, not even that it is not so."""

    @pytest.mark.parametrize("op", ["eq", "ne", "ge", "le", "in"])
    @pytest.mark.parametrize("fact", ["gad7", "support_network", "no_such_fact"])
    def test_an_unknown_fact_satisfies_nothing(self, op: Any, fact: str) -> None:
        value: Any = ("weak",) if op == "in" else 0
        assert suggested(under(Condition(fact=fact, op=op, value=value))).level is None

    @pytest.mark.parametrize(
        ("fact", "op", "value"),
        [("suicide_risk", "ge", 0), ("phq9", "ge", "many"), ("phq9", "in", 12), ("withdrawal_risk", "le", 9)],
    )
    def test_what_cannot_be_compared_satisfies_nothing(self, fact: str, op: Any, value: Any) -> None:
        assert suggested(under(Condition(fact=fact, op=op, value=value))).level is None

    def test_without_a_screening_no_rule_speaks(self) -> None:
        assert suggested(referred()) == Suggestion(None, ())

    def test_every_condition_of_a_rule_must_hold(self) -> None:
        high = Condition(fact="phq9", op="ge", value=10)
        assert suggested(under(high)).level
        assert suggested(under(high, Condition(fact="home_safe", op="eq", value=False))).level is None

    def test_earlier_episodes_alone_and_weak_support_alone_say_nothing(self) -> None:
        story = screened()
        assert suggested(story, earlier_episodes=2).level is None
        assert suggested(story, earlier_episodes=1, support_network="weak").level is None
        found = suggested(story, earlier_episodes=2, support_network="weak")
        assert str(found.level) == "3.1"
        assert found.reasons[0].facts == {"earlier_episodes": 2, "support_network": "weak"}

    def test_what_the_last_assessment_found_of_support_is_known(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, support_network="weak"))
        assert str(suggested(story, earlier_episodes=2).level) == "3.1"


class TestOperators:
    @pytest.mark.parametrize(
        ("op", "value", "holds"),
        [
            ("eq", 12, True), ("eq", 11, False), ("ne", 11, True), ("ne", 12, False), ("ge", 12, True),
            ("ge", 13, False), ("le", 12, True), ("le", 11, False),
        ],
    )  # fmt: skip
    def test_numbers_compare(self, op: Any, value: int, holds: bool) -> None:
        assert bool(suggested(under(Condition(fact="phq9", op=op, value=value))).level) is holds

    def test_a_word_may_be_one_of_several(self) -> None:
        some = Condition(fact="withdrawal_risk", op="in", value=("low", "moderate"))
        assert suggested(under(some)).level
        assert not suggested(under(Condition(fact="withdrawal_risk", op="in", value=("high",)))).level


def test_rules_come_from_a_file_of_the_network(tmp_path: Path) -> None:
    """The door for a rule engine of one's own: what is in the file is what speaks."""
    file = tmp_path / "own.toml"
    file.write_text(
        '[[level_rules]]\nid = "anxious"\nsuggests = "2.5"\nbecause = "anxiety is severe"\n'
        'cite = "the network"\n'
        'when = [{ fact = "gad7", op = "ge", value = 15 }]\n'
    )
    story = screened(measured(phq9=20, gad7=15))
    story.rules = rulebook.__wrapped__(str(file))
    found = suggested(story)
    assert [(r.rule, r.facts) for r in found.reasons] == [("anxious", {"gad7": 15})]
    lower = story.refusal(domain.assess_patient, ASSESSMENT).facts["failed"]
    assert [f["guard"] for f in lower] == ["differs_reason"]
