"""The rules can be looked at before they are deployed, and wrong ones stop a process at its start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.cli import app
from deploy.local.trouble import Trouble

LAYER = """
[[layers]]
network = "north"
site = "phoenix"
cite = "Arizona: a minor signs beside the parent"
[layers.set.intake]
minor_signers = ["patient", "parent_or_guardian"]
"""


def shown(file: Path, *place: str) -> dict[str, object]:
    answer = CliRunner().invoke(app, ["rules", "--file", str(file), *place, "--json"])
    assert answer.exit_code == 0, answer.output
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_what_a_site_does_differently_is_shown_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "rulebook.toml"
    file.write_text(LAYER)
    here = shown(file, "--network", "north", "--site", "phoenix")
    there = shown(file, "--network", "north", "--site", "tucson", "--payer", "medicare")
    assert here["intake"]["minor_signers"] == ["patient", "parent_or_guardian"]  # type: ignore[index]
    assert [layer["cite"] for layer in here["laid_over"]] == [  # type: ignore[attr-defined]
        "Arizona: a minor signs beside the parent"
    ]
    assert there["intake"]["minor_signers"] == ["parent_or_guardian"]  # type: ignore[index]
    assert there["payer"]["certification_required"] is True  # type: ignore[index]


def test_people_read_each_table_with_its_source(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["rules"])
    assert answer.exit_code == 0
    assert "offer_ttl_hours = 48" in answer.stdout
    assert "TIP 47" in answer.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAYER.replace('["patient", "parent_or_guardian"]', "7"), "north, phoenix: intake.minor_signers"),
        ("[intake]\nnope = 1\n", "intake.nope"),
        ("intake = [", "cannot be read"),
    ],
)
def test_a_rulebook_that_does_not_hold_is_refused_with_the_place(
    tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "rulebook.toml"
    file.write_text(text)
    answer = CliRunner().invoke(app, ["rules", "--file", str(file)])
    assert isinstance(answer.exception, Trouble)
    assert says in answer.exception.sentence

    started = subprocess.run(
        [sys.executable, "-m", "services.intake.app"],
        env={**os.environ, "HANDRAIL_RULEBOOK": str(file)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert started.returncode == 1
    assert says in started.stderr
    assert "Traceback" not in started.stderr
