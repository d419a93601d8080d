"""The import rules hold, and each of them would notice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
CONTRACTS = (
    "independence",
    "rooms",
    "pure-domain",
    "contracts-stand-alone",
    "chassis-knows-no-clinic",
    "drivers-in-the-chassis",
)
SERVICES = ("intake", "scheduling", "progress", "notify")

PLANTED = [
    ("independence", "services.notify.store", "import services.intake.domain"),
    ("independence", "services.scheduling.domain", "from services.progress import domain"),
    ("rooms", "services.progress.domain", "import services.progress.store"),
    ("rooms", "services.scheduling.store", "import services.scheduling.app"),
    ("rooms", "services.intake.helpers", "import json"),
    ("contracts-stand-alone", "contracts.event", "import asyncpg"),
    ("contracts-stand-alone", "contracts.intake", "from services.chassis import clock"),
    ("contracts-stand-alone", "contracts.catalogue", "import nats.aio.client"),
    ("chassis-knows-no-clinic", "services.chassis.service", "import services.notify.domain"),
    ("chassis-knows-no-clinic", "services.chassis.service", "from contracts.intake import PatientAdmitted"),
    ("chassis-knows-no-clinic", "services.chassis.service", "from contracts import catalogue"),
    ("drivers-in-the-chassis", "services.intake.store", "import asyncpg"),
    ("drivers-in-the-chassis", "services.notify.store", "from nats.js import JetStreamContext"),
    ("drivers-in-the-chassis", "services.scheduling.api", "from faststream.nats import NatsBroker"),
    ("drivers-in-the-chassis", "services.progress.app", "from opentelemetry import trace"),
    *(
        ("pure-domain", f"services.{service}.domain", f"import {module}")
        for service, module in zip(
            SERVICES * 3,
            (
                *("asyncio", "os", "time", "random"),
                *("logging", "socket", "asyncpg", "nats"),
                *("services.chassis.clock", "faststream", "opentelemetry.trace", "secrets"),
            ),
            strict=True,
        )
    ),
]


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-logo", "--no-cache", *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
    )


def source_of(tree: Path, module: str) -> Path:
    """The file of a module, whether it is one file or has grown into a package."""
    path = tree.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the rules speak about."""
    for folder in ("contracts", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_its_own_rules() -> None:
    checked = lint(ROOT)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in checked.stdout


@pytest.mark.parametrize(("contract", "module", "line"), PLANTED)
def test_a_forbidden_import_is_noticed(tree: Path, contract: str, module: str, line: str) -> None:
    source = source_of(tree, module)
    before = source.read_text() if source.exists() else ""
    source.write_text(f"{before}\n{line}\n")

    checked = lint(tree, "--contract", contract)

    assert checked.returncode == 1
    assert "Contracts: 0 kept, 1 broken." in checked.stdout, checked.stdout + checked.stderr


def test_every_rule_is_broken_once() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(CONTRACTS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_domain_that_grew_into_a_package_stays_pure(tree: Path, service: str) -> None:
    room = tree / "services" / service / "domain"
    if not room.is_dir():
        room.mkdir()
        room.with_suffix(".py").rename(room / "__init__.py")
    (room / "planted.py").write_text("import asyncio\n")

    checked = lint(tree, "--contract", "pure-domain")

    assert "Contracts: 0 kept, 1 broken." in checked.stdout, checked.stdout + checked.stderr
