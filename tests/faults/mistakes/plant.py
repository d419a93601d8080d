"""A copy of the tree with one mistake in it, and a net cast over the copy."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.next_version import copy
from deploy.local.postgres import clean_environment

ROOT = Path(__file__).resolve().parents[3]
_ORIGIN = "from importlib.util import find_spec as f; print(f('services.chassis').origin)"


class DoesNotFit(Exception):
    """A change does not fit the code as it is now."""


@dataclass(frozen=True, slots=True)
class Change:
    """Text that stands exactly once in a file of services/chassis, and what it becomes."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Catch:
    """What a net said of a tree."""

    found: bool
    seconds: float
    said: str


@contextmanager
def planted(changes: Iterable[Change]) -> Iterator[Path]:
    """A copy of the tree with these changes, out of which its own code is imported."""
    with tempfile.TemporaryDirectory(prefix="handrail-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        tree = copy(folder / "tree")
        shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        for change in changes:
            _plant(tree, change)
        origin = subprocess.run(
            [sys.executable, "-c", _ORIGIN], cwd=tree, env=_environment(tree), capture_output=True, text=True
        ).stdout.strip()
        assert Path(origin).is_relative_to(tree), f"{origin} would be tested, not the copy"
        yield tree


def _plant(tree: Path, change: Change) -> None:
    file = tree / "services" / "chassis" / change.file
    text = file.read_text()
    times = text.count(change.old)
    if times != 1:
        first = change.old.strip().splitlines()[0]
        raise DoesNotFit(f"{change.file} holds {first!r} {times} times, not once: adapt the catalogue")
    changed = text.replace(change.old, change.new)
    compile(changed, change.file, "exec")
    file.write_text(changed)


def cast_tests(tree: Path, tests: Iterable[str], limit: float) -> Catch:
    """Run tests of the chassis in a tree, up to the first that fails."""
    nodes = [f"tests/chassis/{test}" for test in tests]
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", "--no-header"]
    lines, seconds = _run(tree, ["-m", "pytest", *options, *nodes], limit)
    if any(line.startswith("ERROR ") for line in lines):  # a server that did not come up has caught nothing
        lines, seconds = _run(tree, ["-m", "pytest", *options, *nodes], limit)
    failed = [line.partition(" - ")[2] for line in lines if line.startswith("FAILED ")]
    if failed:
        return Catch(True, seconds, failed[0].replace("TimeoutError", "what was waited for never came"))
    if any(" passed" in line and "error" not in line for line in lines[-2:]):
        return Catch(False, seconds, "")
    raise RuntimeError("the tests did not come to an end:\n" + "\n".join(lines[-30:]))


def cast_histories(tree: Path, seeds: str, worlds: int, limit: float) -> Catch:
    """Run histories in a tree, up to the first that ends badly."""
    arguments = ["-m", "tests.faults.histories", "--seeds", seeds, "--worlds", str(worlds)]
    lines, seconds = _run(tree, arguments, limit, until="  as a regression:")
    said = [line.strip() for line in lines if line.startswith("  ") and not line.startswith("  fault:")]
    if any(line.startswith("SEED ") for line in lines):
        return Catch(True, seconds, said[0])
    if any(line.startswith("histories ") for line in lines):
        return Catch(False, seconds, "")
    raise RuntimeError("the histories did not come to an end:\n" + "\n".join(lines[-30:]))


def _run(tree: Path, arguments: list[str], limit: float, until: str = "") -> tuple[list[str], float]:
    """Run Python in a tree; what is not done within the limit is ended. Returns what it said."""
    (tree.parent / "tmp").mkdir(mode=0o711, exist_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=tree, env=_environment(tree), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    timer = threading.Timer(limit, process.send_signal, (signal.SIGINT,))
    last = threading.Timer(limit + 30, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    last.start()
    seconds = 0.0
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if not seconds and until and line.startswith(until):
                seconds = time.monotonic() - started
                process.send_signal(signal.SIGINT)
        process.wait()
    finally:
        timer.cancel()
        last.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return lines, seconds or time.monotonic() - started


def _environment(tree: Path) -> dict[str, str]:
    """What a net needs: the copy first on the path, and a place of its own for what it leaves behind."""
    mine = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(tree.parent / "tmp")}
    mine["COLUMNS"] = "400"  # so that pytest says why a test failed beside its name
    return clean_environment() | mine
