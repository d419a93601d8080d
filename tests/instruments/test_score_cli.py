"""`handrail score` as its users meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts import instruments
from deploy.local.cli import run

ROOT = Path(__file__).parents[2]
KEYS = {"instrument", "version", "total", "subscales", "band", "flags"}


class Terminal:
    """Runs `handrail score` and keeps what it answered."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.code, self.out, self.err = 0, "", ""

    def score(self, line: str) -> "Terminal":
        self.code = run(["score", *line.split()])
        self.out, self.err = self.capsys.readouterr()
        return self

    def document(self, line: str) -> dict[str, Any]:
        """The one document that `--json` gives."""
        self.score(f"{line} --json")
        found: dict[str, Any] = json.loads(self.out)
        return found

    def refusal(self, line: str) -> dict[str, str]:
        """The refusal, said for people and as a document."""
        error: dict[str, str] = self.document(line)["error"]
        assert self.code == 2
        assert error["message"] in self.err
        assert error["message"].endswith(".")
        assert error["hint"]
        assert "Traceback" not in self.err
        return error


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def test_a_result_is_one_document_with_exactly_these_keys(terminal: Terminal) -> None:
    assert terminal.document("PHQ-9 3 3 2 3 2 2 2 1 2") == {
        "instrument": "phq9",
        "version": "1",
        "total": 20,
        "subscales": {},
        "band": "severe",
        "flags": ["item9", "review"],
    }
    assert terminal.code == 0
    assert terminal.err == ""


LINES = {
    "phq9": "phq9 0 0 0 0 0 0 0 0 0",
    "gad7": "gad-7 3 3 3 3 3 3 3",
    "pcl5": "pcl5" + " 2" * 20,
    "audit": "audit 0 - - - - - - - 0 0",
    "audit_c": "audit-c 1 1 1 --sex male",
    "bam": "bam --version likert" + " 2" * 17,
    "cssrs": "c-ssrs n n - - - n",
    "dast10": "DAST-10 n n yes n n n n no n 0",
    "ciwa_ar": "ciwa 7 7 7 7 7 7 7 7 7 4",
    "cows": "cows 4 4 5 5 4 4 5 4 4 4 5",
    "edeq": "EDE-Q" + " 3" * 28,
}


@pytest.mark.parametrize(("name", "line"), LINES.items())
def test_every_instrument_can_be_scored_for_people_and_for_programs(
    terminal: Terminal, name: str, line: str
) -> None:
    document = terminal.document(line)
    assert document.keys() == KEYS
    assert document["instrument"] == name
    terminal.score(line)
    assert (terminal.code, terminal.err) == (0, "")
    assert terminal.out.startswith(instruments.find(name).title.split(" ")[0])
    assert all(flag in terminal.out for flag in document["flags"])


def test_every_instrument_has_a_line_of_its_own_here() -> None:
    assert LINES.keys() == set(instruments.names())


def test_people_read_the_total_the_band_and_what_a_flag_means(terminal: Terminal) -> None:
    assert terminal.score("phq9 2 2 2 2 1 2 2 1 1").out.splitlines() == [
        "PHQ-9  version 1",
        "total  15 of 27",
        "band   moderately severe",
        "flag   item9: thoughts of death or self-harm: ask the C-SSRS",
    ]


@pytest.mark.parametrize(
    ("line", "band"),
    [
        ("cssrs y y n n n n", "low"),
        ("cssrs y n - - - lifetime", "moderate"),
        ("cssrs n n - - - within3m", "high"),
        ("cssrs N No - - - WITHIN3M", "high"),
        ("cssrs n n - - - y --lifetime-months 3", "high"),
        ("cssrs n n - - - yes --lifetime-months 4", "moderate"),
        ("cssrs --lifetime-months 8 n n - - - y", "moderate"),
        ("cssrs 1 1 1 0 0 0", "moderate"),
        ("cssrs 0 0 - - - 2", "moderate"),
    ],
)
def test_a_dash_is_an_item_that_was_not_asked(terminal: Terminal, line: str, band: str) -> None:
    document = terminal.document(line)
    assert (document["total"], document["band"]) == (None, band)


def test_a_dash_may_be_the_first_answer(terminal: Terminal) -> None:
    document = terminal.document("bam - 2 2 0 0 0 - 2 2 2 2 2 2 2 2 2 - --version likert")
    assert document["subscales"] == {"use": 0, "protective": 12}


def test_means_are_decimals_and_everything_else_is_whole(terminal: Terminal) -> None:
    # the worked case of 2.80: restraint 3, eating 1, shape and item 8 four, weight 3
    line = "edeq 3 3 3 3 3 4 1 4 1 4 4 3 - - - - - - 1 1 1 3 4 3 3 4 4 4"
    document = terminal.document(line)
    assert document["total"] == pytest.approx(2.8)
    assert '"total": 2.8,' in terminal.out
    assert document["subscales"] == {"restraint": 3.0, "eating": 1.0, "shape": 4.0, "weight": 3.2}
    assert "2.80 of 6.00" in terminal.score(line).out
    assert '"total": 7,' in terminal.score("phq9 1 1 1 1 0 1 1 0 1 --json").out


def test_a_global_score_that_is_missing_is_null(terminal: Terminal) -> None:
    document = terminal.document("edeq" + " 3" * 7 + " -" + " 3" * 20)
    assert document["total"] is None
    assert document["subscales"].keys() == {"restraint", "eating"}


def test_without_a_sex_the_lower_cut_is_used_and_said(terminal: Terminal) -> None:
    assert terminal.document("audit-c 1 1 1")["flags"] == ["audit", "lower_cut"]
    assert terminal.document("audit-c 1 1 1 --sex male")["flags"] == []


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("tea_leaves 1 2", "instrument_unknown", "phq9"),
        ("phq9 --version 7" + " 0" * 9, "instrument_unknown", "it has 1"),
        ("bam" + " 0" * 17, "version_needed", "versions that score differently"),
        ("phq9 1 1", "bad_answers", "2 answers were given and 9 or 10 are asked for"),
        ("gad7 77 1 1 1 oft 1 -", "bad_answers", "item 1 must be from 0 to 3; item 5 must be"),
        ("gad7 -77 1 1 1 1 1 1", "bad_answers", "item 1 must be from 0 to 3"),
        ("gad7 1.0 1_0 y " + "9" * 5000 + " 1 1 1", "bad_answers", "item 1 must be"),
        ("dast10 n n n n n n n n n maybe", "bad_answers", "item 10 must be yes or no"),
        ("cssrs y n y - - n", "bad_answers", "item 3 is asked only after a yes to item 2"),
        ("cssrs y y n n - n", "bad_answers", "item 5 was not answered"),
        ("cssrs n n - - - y", "recency_needed", "Item 6 is yes"),
        ("cssrs n n - - - lifetime --lifetime-months 1", "bad_answers", "does not fit the number of months"),
        ("cssrs n n - - - perhaps", "bad_answers", "item 6 must be n, within3m or lifetime"),
        ("phq9 0 0 0 0 0 0 0 0 0 --jsn", "usage", "no such option"),
        ("phq9", "usage", "ANSWERS"),
        ("audit-c 1 1 1 --sex m", "usage", "--sex"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence_and_a_hint(
    terminal: Terminal, line: str, code: str, said: str
) -> None:
    error = terminal.refusal(line)
    assert error["code"] == code
    assert said in error["message"]
    assert not any(word in error["message"] for word in ("77", "oft", "1_0", "maybe", "perhaps", "999"))


def test_the_versions_are_named_where_one_must_be_chosen(terminal: Terminal) -> None:
    assert "--version likert or --version continuous" in terminal.refusal("bam 0")["hint"]


def test_all_instruments_are_listed_for_an_unknown_one(terminal: Terminal) -> None:
    message = terminal.refusal("bdi 1")["message"]
    assert all(name in message for name in instruments.names())


def test_it_needs_no_network_and_loads_nothing_of_one(tmp_path: Path) -> None:
    script = """
import sys; from deploy.local.cli import run
code = run("score cssrs y y n n n n --json".split())
print(code, sorted({'asyncpg', 'nats', 'fastapi', 'faststream', 'httpx'} & sys.modules.keys()))"""
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert answer.stdout.splitlines()[-1] == "0 []"
    assert json.loads(answer.stdout.splitlines()[0])["band"] == "low"
    assert list(tmp_path.iterdir()) == []
