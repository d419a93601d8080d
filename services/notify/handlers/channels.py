"""How a letter leaves the house: the port that handlers send through, and the adapters on this side of it."""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from services.notify.domain import Letter

OUTBOX = "HANDRAIL_OUTBOX_DIR"


class ChannelFailed(Exception):
    """The other side did not take a letter; it may be offered again."""


class Channel(Protocol):
    """Whatever takes a letter out of the house."""

    async def send(self, letter: Letter) -> None:
        """Hand over a letter: offering the same `message_id` again delivers nothing new.

        Raises ChannelFailed where it was not taken.
        """


@dataclass(frozen=True, slots=True)
class FileChannel:
    """One file per letter in a folder, for a relay to pick up; the same letter again is the same file."""

    folder: Path

    async def send(self, letter: Letter) -> None:
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise ChannelFailed(f"the outbox folder did not take the letter: {error.strerror}") from error

    def _write(self, letter: Letter) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.folder / f"{letter.message_id}.json"
        draft = self.folder / f".{letter.message_id}.draft"
        line = json.dumps(asdict(letter), ensure_ascii=False, sort_keys=True) + "\n"
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        self._keep()

    def _keep(self) -> None:
        """Without this a power cut could lose the rename after it was recorded as sent."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass(frozen=True, slots=True)
class ConsoleChannel:
    """One line per letter on standard error, with nothing about the person in it."""

    async def send(self, letter: Letter) -> None:
        sys.stderr.write(f"message {letter.message_id}: {letter.template_id} by {letter.channel}\n")


def from_environment() -> Channel:
    """Files where HANDRAIL_OUTBOX_DIR names a folder, else the console."""
    folder = os.environ.get(OUTBOX)
    return FileChannel(Path(folder)) if folder else ConsoleChannel()
