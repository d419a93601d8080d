"""What the house looks like, room by room."""

import ast
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUFF = Path(sys.executable).with_name("ruff")
SERVICES = ("intake", "scheduling", "progress", "notify")
LONGEST = 400

MACHINE_PATH = re.compile(r"(?<![\w.}\])>])/(?:work|root|home|tmp)/\w")
REGISTRY = re.compile(r"https?://[^\s\"'<>)]*(?:pypi|pythonhosted|npmjs|proxy\.golang)")
MIGRATION = re.compile(r"\d{4}_(?:pre|post)_[a-z0-9]+(?:_[a-z0-9]+)*\.sql")
FENCE = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|handrail) [^`\n]+)`")

PLANTED = {
    "now": "import datetime as dt\n\nAT = dt.datetime.now(dt.UTC)\n",
    "now, imported": "from datetime import UTC, datetime\n\nAT = datetime.now(UTC)\n",
    "utcnow": "from datetime import datetime\n\nAT = datetime.utcnow()\n",
    "today": "from datetime import date\n\nON = date.today()\n",
    "time": "import time\n\nAT = time.time()\n",
    "uuid4": "from uuid import uuid4\n\nID = uuid4()\n",
    "random": "import random\n\nLOT = random.random()\n",
}


def tracked() -> list[Path]:
    """The files that belong to the project, also those not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what is tracked is not known")
    return [
        path for name in sorted(set(listed.stdout.split("\0"))) if name and (path := ROOT / name).is_file()
    ]


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def banned(source: str, filename: str) -> bool:
    checked = subprocess.run(
        [str(RUFF), "check", "--select", "TID251", "--no-cache", "--stdin-filename", filename, "-"],
        cwd=ROOT,
        input=source,
        capture_output=True,
        text=True,
    )
    assert checked.returncode in {0, 1}, checked.stderr
    return "TID251" in checked.stdout


def test_no_file_outgrows_its_room() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources("contracts", "services")
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }

    assert long == {}, "a room that outgrows its file becomes a package of the same name"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    inside = {
        path.name.removesuffix(".py")
        for path in (ROOT / "services" / service).iterdir()
        if path.name != "__pycache__"
    }

    assert inside - {"handlers"} == {"__init__", "app", "api", "domain", "store", "migrations"}


@pytest.mark.parametrize("package", [*SERVICES, "chassis"])
def test_every_service_says_in_one_sentence_what_it_is_for(package: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / "services" / package / "__init__.py").read_text()))

    assert said is not None
    assert said.rstrip().endswith(".")
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("package", [*SERVICES, "chassis"])
def test_migrations_are_named_and_numbered(package: str) -> None:
    names = sorted(path.name for path in (ROOT / "services" / package / "migrations").iterdir())
    numbers = [int(name[:4]) for name in names]

    assert names
    assert [name for name in names if not MIGRATION.fullmatch(name)] == []
    assert numbers[0] == 1
    assert all(after == before + 1 for before, after in pairwise(numbers)), names


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_clock_or_a_lot_outside_the_clock_is_noticed(planted: str) -> None:
    assert banned(planted, "services/notify/domain.py")
    assert banned(planted, "services/chassis/unit.py")
    assert banned(planted, "contracts/event.py")
    assert not banned(planted, "services/chassis/clock.py")


def test_the_packages_of_the_language_and_the_services_bring_nothing_along() -> None:
    """A re-export would load every event with the chassis, and no import rule would see it."""
    for package in ("contracts", "services"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text())

        assert all(isinstance(node, ast.Expr) for node in tree.body), package


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    assert lines_with(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY) == []


def documented_commands() -> list[tuple[str, str]]:
    """Every `make` and `handrail` command that a page tells the reader to run."""
    found = set()
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text()
        blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
        for line in [*blocks.splitlines(), *INLINE.findall(text)]:
            command = line.strip().removeprefix("$ ").split("  #")[0].strip()
            if command.startswith(("make ", "handrail ", ".venv/bin/handrail ")):
                found.add((page.name, command.removeprefix(".venv/bin/")))
    return sorted(found)


@pytest.mark.parametrize(("page", "command"), documented_commands())
def test_a_documented_command_exists(page: str, command: str) -> None:
    program, *words = shlex.split(command)
    if program == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

        assert {word for word in words if word.isalpha() and word.islower()} <= targets, page
        return

    names: list[str] = []
    for word in words:
        if not re.fullmatch(r"[a-z]+(?:[-/][a-z]+)*", word):
            break
        names.append(word)
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    helped = subprocess.run(
        [sys.executable, "-c", "from deploy.local.cli import main; main()", *names, "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert helped.returncode == 0, helped.stderr
    assert {option for option in options if option not in helped.stdout} == set(), page
