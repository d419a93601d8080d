"""The HTTP edge: who calls, problem+json, limits, idempotency; nothing a caller sends becomes a 5xx."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import asyncpg
from fastapi import Depends, FastAPI, Header, Query, Security
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.decisions import Refused
from contracts.rulebook import Rulebook
from services.chassis import clock, commands, work
from services.chassis.auth import Who, require_role
from services.chassis.db import Connection
from services.chassis.runtime import Runtime
from services.chassis.telemetry import log, new_traceparent

MAX_BODY = 1024 * 1024
MAX_REQUESTS = 256
"""Requests under way in one process; further ones are answered 503 at once."""
BODY_SECONDS = 5
"""Longest wait for the whole body of a request."""
_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_BIG = 2**53

Answer: TypeAlias = dict[str, Any]
Item = TypeVar("Item")


class Body(BaseModel):
    """The base of request bodies: no unknown fields, no control characters, no boundless numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        refuse_unstorable(value)
        return value


def refuse_unstorable(value: Any, depth: int = 0) -> None:
    """Refuse what JSON allows and a database does not; raises ValueError."""
    if depth > 64:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        if any((ord(c) < 32 and c not in "\t\n\r") or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise ValueError("control characters are not allowed")
    elif isinstance(value, int):
        if abs(value) > _BIG:
            raise ValueError("number out of range")
    elif isinstance(value, float):
        if not abs(value) <= _BIG:
            raise ValueError("number out of range")
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_unstorable(key, depth + 1)
            refuse_unstorable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            refuse_unstorable(item, depth + 1)


class Page(BaseModel):
    """One page of a list; `cursor` fetches the next, null at the end."""

    items: list[dict[str, Any]]
    cursor: str | None = None


class PageOf(BaseModel, Generic[Item]):
    """One page of a list; `cursor` fetches the next, null at the end."""

    items: list[Item]
    cursor: str | None = None


class Problem(BaseModel):
    """Why something was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str | None = None
    facts: dict[str, Any] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": what}
    for status, what in {
        400: "The body cannot be read.",
        401: "Nobody vouches for the caller.",
        403: "The caller's role may not do this.",
        404: "There is nothing of this kind in the caller's network and sites.",
        409: "The rules refuse it; `facts` names every rule that does.",
        413: "The body is too large.",
        422: "The request does not have the form that is asked for.",
        503: "The service cannot answer now; try again with the same key.",
    }.items()
}
"""What any route may answer instead, for the description of an API."""


def answer(id: str, **more: Any) -> Answer:
    """An answer in the shape of a command's, for what needed no command."""
    return {"id": id, "version": 0, "said": [], **more}


class Caller:
    """One request: who calls, and the ways to act and to read for them."""

    def __init__(self, runtime: Runtime, request: Request, who: Who, body: bytes) -> None:
        self.runtime = runtime
        self.request = request
        self.who = who
        self.body = body

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    @property
    def rules(self) -> Rulebook:
        """The rules of every network; `at` gives those of one place."""
        return self.runtime.service.rules

    def new_id(self) -> str:
        return clock.new_id()

    async def take(
        self, command: Any, *, on: str, extra: Callable[[Any], dict[str, Any]] | None = None
    ) -> Answer:
        """Take a command on an aggregate and answer what came of it; a repeat gets the same answer."""
        key = commands.key_of(self.request.headers.get("idempotency-key"))
        digest = commands.digest_of(
            self.request.method, self.request.url.path, self.request.url.query, self.body
        )
        trace = self.request.headers.get("traceparent", "")
        return await commands.take(
            self.runtime,
            self.who,
            command,
            on,
            request=commands.Request(key, digest),
            traceparent=trace if _TRACEPARENT.match(trace) else new_traceparent(),
            extra=extra,
        )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for reads; raises TimeoutError (503) where they take too long."""
        async with self.runtime.reading() as db:
            yield db

    def require_role(self, *roles: str) -> None:
        require_role(self.who, roles)

    def require_site(self, site_id: str) -> None:
        if site_id not in self.who.sites:
            raise commands.not_found()

    def not_found(self) -> Refused:
        return commands.not_found()


def runtime_of(request: Request) -> Runtime:
    """The running service behind a request."""
    runtime: Runtime = request.app.state.runtime
    return runtime


_BEARER = HTTPBearer(auto_error=False, description="A token of the issuer; see the page for integrators.")


_KEYED = Header(
    alias="Idempotency-Key",
    description="The same key with the same request gets the same answer; writes only.",
)


async def _caller(
    request: Request,
    _: Annotated[Any, Security(_BEARER)] = None,
    __: Annotated[str | None, _KEYED] = None,
) -> Caller:
    who = request.app.state.gate.who(request.headers.get("authorization"))
    return Caller(runtime_of(request), request, who, await request.body())


Call: TypeAlias = Annotated[Caller, Depends(_caller)]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=200)]


def problem(refused: Refused) -> JSONResponse:
    """An RFC 9457 problem: stable code, one sentence, the facts, what to do."""
    body = {
        "type": f"urn:handrail:problem:{refused.code}",
        "title": refused.code.replace("_", " "),
        "status": refused.status,
        "code": refused.code,
        "detail": refused.message,
        **({"hint": refused.hint} if refused.hint else {}),
        **({"facts": refused.facts} if refused.facts else {}),
    }
    headers = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
    if refused.status == 503:
        headers["retry-after"] = "1"
    return JSONResponse(_plain(body), refused.status, headers, "application/problem+json")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class Api(FastAPI):
    """An application whose description says that problems have a media type of their own."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        for methods in document["paths"].values():
            for operation in methods.values():
                for response in operation["responses"].values():
                    _say_problem(response.get("content", {}))
        return document


def _say_problem(content: dict[str, Any]) -> None:
    plain = content.get("application/json", {})
    if plain.get("schema", {}).get("$ref", "").endswith("/Problem"):
        content["application/problem+json"] = content.pop("application/json")


def install(app: FastAPI) -> None:
    """Give an app the edge that all services share."""

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> JSONResponse:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        where = [{"at": ".".join(map(str, e["loc"]))[:200], "why": _safe(e)} for e in error.errors()[:20]]
        not_json = any(e["type"] == "json_invalid" for e in error.errors())
        if not_json:
            return problem(Refused("not_json", "The body is not valid JSON.", status=400))
        return problem(
            Refused(
                "invalid", "The request does not have the form that is asked for.", status=422, fields=where
            )
        )

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "not_found", 405: "method_not_allowed", 400: "not_json"}
        code = codes.get(error.status_code, "refused")
        sentence = {
            "not_json": "The body cannot be read as JSON.",
            "not_found": "There is nothing at this address.",
        }
        return problem(
            Refused(code, sentence.get(code, "The request was refused."), status=error.status_code)
        )

    async def _passing(_: Request, error: Exception) -> JSONResponse:
        log().warning("unavailable", error=type(error).__name__)
        return problem(
            Refused(
                "unavailable",
                "The service cannot reach what it needs just now.",
                status=503,
                hint="Try again with the same key.",
            )
        )

    @app.exception_handler(asyncpg.DataError)
    async def _data(_: Request, error: asyncpg.DataError) -> JSONResponse:
        log().warning("not_storable", error=type(error).__name__)
        return problem(Refused("invalid", "The request holds a value that cannot be kept.", status=422))

    @app.exception_handler(Exception)
    async def _failed(_: Request, error: Exception) -> JSONResponse:
        log().error("request_failed", error=type(error).__name__)
        return problem(Refused("failed", "The service failed to answer; nothing was changed.", status=500))

    for kind in work.RETRY:
        app.add_exception_handler(kind, _passing)
    app.add_middleware(Edge)


def _safe(error: Any) -> str:
    """What is wrong, without what was sent."""
    kind = str(error["type"])
    return "not allowed here" if kind == "extra_forbidden" else kind.replace("_", " ")


class Edge:
    """Refuses what is too much at once, and bodies that are too large or not text, before they are parsed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.running >= MAX_REQUESTS and scope["path"].startswith("/v1/"):
            await problem(Refused("overloaded", "More requests are running than may run.", status=503))(
                scope, receive, send
            )
            return
        self.running += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self.running -= 1

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            await _too_large()(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _whole_body(receive)
        except TimeoutError:
            await _too_slow()(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > MAX_BODY:
            await _too_large()(scope, receive, send)
            return
        try:
            body.decode()
        except UnicodeDecodeError:
            refused = Refused("not_json", "The body is not UTF-8 text.", status=400)
            await problem(refused)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, as soon as it is whole or too large; None where the caller went away."""
    body, more = bytearray(), True
    while more and len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _too_slow() -> JSONResponse:
    refused = Refused("too_slow", "The body did not arrive in time.", status=408, hint="Send it again.")
    response = problem(refused)
    response.headers["connection"] = "close"
    return response


def _too_large() -> JSONResponse:
    return problem(
        Refused(
            "too_large", "The body is larger than 1 MiB.", status=413, hint="Send less.", limit_bytes=MAX_BODY
        )
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
