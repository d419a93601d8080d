"""A small keep-alive HTTP/1.1 client for loopback.

The timekeeper and the simulator ask tens of thousands of tiny questions; a general client spends
more time on each than the service that answers it.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

SECONDS = 30.0


class Away(Exception):
    """Nobody answered, or not to the end."""


@dataclass(frozen=True, slots=True)
class Response:
    """A status and a body."""

    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {"items": found}


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Connections to the services of one stack, kept and used again."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._places = {
            name: (urlsplit(url).hostname or "", urlsplit(url).port or 80) for name, url in urls.items()
        }
        self._idle: dict[str, list[_Line]] = {name: [] for name in urls}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for lines in self._idle.values():
            for _, writer in lines:
                writer.close()
            lines.clear()

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None = None,
        json_body: object = None,
        content: bytes | None = None,
    ) -> Response:
        """One request and its answer.

        Raises Away where there is none; then nobody knows whether it was taken.
        """
        body = content if content is not None else b""
        sent = dict(headers)
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"
        target = f"{path}?{urlencode(params)}" if params else path
        host, port = self._places[service]
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            async with asyncio.timeout(SECONDS):
                return await self._exchange(service, request)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise Away(type(error).__name__) from error

    async def _exchange(self, service: str, request: bytes) -> Response:
        idle = self._idle[service]
        line = idle.pop() if idle else None
        while line is not None and line[0].at_eof():
            line[1].close()
            line = idle.pop() if idle else None
        reader, writer = line or await asyncio.open_connection(*self._places[service])
        try:
            writer.write(request)
            response, stays = await _read(reader)
        except BaseException:
            writer.close()
            raise
        if stays:
            idle.append((reader, writer))
        else:
            writer.close()
        return response


async def _read(reader: asyncio.StreamReader) -> tuple[Response, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name
    }
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(status, body), headers.get("connection", "").lower() != "close"


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)
