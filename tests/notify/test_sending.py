"""The way out: adapters deliver once per message, and the handler records what became of it."""

import asyncio
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.notify.domain import Letter
from services.notify.handlers.channels import ChannelFailed, ConsoleChannel, FileChannel, from_environment

LETTER = Letter(
    message_id="m-1",
    network_id="north",
    site_id="elm",
    episode_id="ep-1",
    channel="sms",
    recipient="pt-1",
    recipient_role="patient",
    template_id="goodbye",
    text="Thank you.",
)
NOW = datetime(2026, 10, 5, 16, 0, tzinfo=UTC)


def test_the_same_letter_twice_is_one_file_that_others_cannot_read(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path / "out")

    for _ in range(2):
        asyncio.run(channel.send(LETTER))

    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "m-1.json"
    assert file.read_text().count("\n") == 1
    assert json.loads(file.read_text())["text"] == "Thank you."
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_letter_half_written_by_a_crash_is_not_a_letter(tmp_path: Path) -> None:
    (tmp_path / ".m-1.draft").write_text('{"half')

    asyncio.run(FileChannel(tmp_path).send(LETTER))

    assert [p.name for p in tmp_path.iterdir()] == ["m-1.json"]


def test_a_folder_that_cannot_be_written_is_a_failed_channel(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")

    with pytest.raises(ChannelFailed):
        asyncio.run(FileChannel(tmp_path / "out").send(LETTER))


def test_the_console_shows_nothing_about_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(ConsoleChannel().send(LETTER))

    shown = capsys.readouterr().err
    assert "m-1" in shown
    assert "pt-1" not in shown
    assert "Thank you" not in shown


def test_the_environment_chooses_the_channel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HANDRAIL_OUTBOX_DIR", raising=False)
    assert from_environment() == ConsoleChannel()

    monkeypatch.setenv("HANDRAIL_OUTBOX_DIR", str(tmp_path))
    assert from_environment() == FileChannel(tmp_path)
