"""Callers who are many and light: one HTTP/1.1 connection for every request under way, kept for the next."""

import asyncio
import json
from dataclasses import dataclass
from time import monotonic
from typing import Any

from deploy.local.ports import HOST

IDLE_SECONDS = 2.0
"""A connection that was idle for longer is not used again: the server may be about to close it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got, and after how long."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]
    seconds: float

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))


@dataclass(frozen=True, slots=True)
class _Idle:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float


class Callers:
    """Requests to one port; a connection that breaks is raised, never tried again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Idle] = []
        self.connections = 0

    async def ask(self, method: str, path: str, token: str, body: object = None) -> Answer:
        """One request and its answer. Raises OSError or EOFError where the connection breaks."""
        began = monotonic()
        reader, writer = await self._connection()
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + content)
            status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
            answer = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        self._idle.append(_Idle(reader, writer, monotonic()))
        return Answer(
            status,
            headers,
            json.loads(answer) if "json" in headers["content-type"] else {},
            monotonic() - began,
        )

    def close(self) -> None:
        for idle in self._idle:
            idle.writer.close()
        self._idle.clear()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            idle = self._idle.pop()
            if monotonic() - idle.since < IDLE_SECONDS and not idle.reader.at_eof():
                return idle.reader, idle.writer
            idle.writer.close()
        self.connections += 1
        return await asyncio.open_connection(HOST, self._port)


def _head(text: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = text.decode().rstrip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}
