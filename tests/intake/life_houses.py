"""Two houses that take the same requests: intake's real process over HTTP, and its rules alone in memory."""

import asyncio
import http.client
import inspect
import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import quote

import asyncpg
import nats
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from contracts import catalogue
from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Envelope
from contracts.rulebook import rulebook
from contracts.subjects import subject_of
from contracts.vocabulary import Actor, ActorType, Token
from deploy.local.contract_examples import example_of
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from services.chassis import codec
from services.chassis.auth import Who
from services.intake import api, domain
from services.intake.api import referrals, views
from services.intake.app import service

START = datetime(2026, 5, 4, 13, 5, tzinfo=UTC)
NET, SITE, OTHER = "north", "boston", "worcester"
CALLERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "admissions": ("admissions", NET, (SITE, OTHER)),
    "clinician": ("clinician", NET, (SITE,)),
    "scheduler": ("scheduler", NET, (SITE, OTHER)),
    "operator": ("operator", NET, (SITE, OTHER)),
    "other site": ("director", NET, (OTHER,)),
    "other network": ("director", "south", (SITE, OTHER)),
}
IDLE_SECONDS = 2
"""A server closes what nobody used for a while."""
Answer = tuple[int, dict[str, Any], str]
"""Status, body, media type."""


class House(Protocol):
    @property
    def now(self) -> datetime: ...

    def send(self, path: str, body: Any, caller: str = "admissions") -> Answer: ...

    def look(self, referral_id: str) -> dict[str, Any]: ...

    def row(self, referral_id: str) -> dict[str, Any]: ...

    def stands(self, referral_id: str) -> tuple[int, str]: ...

    def hear(self, name: str, said: dict[str, Any], *, changes: str | None) -> None: ...

    def advance(self, by: timedelta) -> None: ...


@dataclass
class HttpHouse:
    """The real service: one connection for each caller, one to the bus, one to look at the rows."""

    address: str
    tokens: dict[str, str]
    bus: dict[str, Any]
    rows: dict[str, Any]
    now: datetime = START

    def __post_init__(self) -> None:
        self._http = {who: http.client.HTTPConnection(self.address, timeout=30) for who in self.tokens}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._bus = self._wait(nats.connect(**self.bus))
        self._db = self._wait(asyncpg.connect(**self.rows, server_settings={"search_path": "intake"}))
        self._ids = itertools.count(1)
        self._used: dict[str, float] = {}

    def close(self) -> None:
        self._wait(self._bus.close())
        self._wait(self._db.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for connection in self._http.values():
            connection.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _ask(self, method: str, path: str, body: Any, caller: str) -> Answer:
        connection = self._http[caller]
        if time.monotonic() - self._used.get(caller, 0.0) > IDLE_SECONDS:
            connection.close()
        content = None if body is None else json.dumps(body).encode()
        headers = {
            "authorization": f"Bearer {self.tokens[caller]}",
            "content-type": "application/json",
        }
        connection.request(method, quote(path, safe="/%"), content, headers)
        answer = connection.getresponse()
        text = answer.read()
        self._used[caller] = time.monotonic()
        return answer.status, json.loads(text), answer.headers["content-type"]

    def send(self, path: str, body: Any, caller: str = "admissions") -> Answer:
        return self._ask("POST", path, body, caller)

    def look(self, referral_id: str) -> dict[str, Any]:
        status, found, _ = self._ask("GET", f"/v1/referrals/{referral_id}", None, "admissions")
        assert status == 200, found
        return found

    def row(self, referral_id: str) -> dict[str, Any]:
        """The state as it is kept; the service need not be asked each time."""
        sql = "SELECT version, state FROM referrals WHERE id = $1"
        row = self._wait(self._db.fetchrow(sql, referral_id))
        kept: dict[str, Any] = json.loads(row["state"])
        return _BLANK | kept | {"version": row["version"]}

    def stands(self, referral_id: str) -> tuple[int, str]:
        """Version and stage as they are kept."""
        row = self._wait(self._db.fetchrow("SELECT version, stage FROM referrals WHERE id = $1", referral_id))
        return row["version"], row["stage"]

    def hear(self, name: str, said: dict[str, Any], *, changes: str | None) -> None:
        """Say an event; where it changes a referral, wait until it has."""
        before = self.stands(changes) if changes else None
        kind = catalogue.all_events()[name]
        event = kind.model_validate_json(json.dumps(example_of(kind) | {"network_id": NET} | said))
        number = next(self._ids)
        id = f"life-{number}"
        envelope = Envelope(id, event, self.now, self.now, number, event.aggregate_id, "test")
        self._wait(
            self._bus.jetstream().publish(subject_of(event), envelope.body(), headers=envelope.headers())
        )
        deadline = time.monotonic() + 20
        while changes and self.stands(changes) == before:
            assert time.monotonic() < deadline, f"{name} never came to be"
            time.sleep(0.001)

    def advance(self, by: timedelta) -> None:
        self.now += by
        status, answer, _ = self._ask("POST", "/v1/clock", {"now": self.now.isoformat()}, "operator")
        assert status == 200, answer
        deadline = time.monotonic() + 20
        while self._wait(self._db.fetchval(_DUE, self.now)):
            assert time.monotonic() < deadline, "somebody is never woken"
            time.sleep(0.001)


_BLANK: dict[str, Any] = {"wish": None, "hold": None, "entry": None, "consents": [], "alerts": []}
_DUE = "SELECT EXISTS (SELECT FROM wakes WHERE at <= $1)"


@dataclass
class PureHouse:
    """The rules alone: bodies go through the real forms and routes, states live in a dictionary."""

    now: datetime = START
    rows: dict[str, tuple[domain.Referral, int]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    wakes: dict[tuple[str, str], datetime] = field(default_factory=dict)
    count: int = 0

    def send(self, path: str, body: Any, caller: str = "admissions") -> Answer:
        role, network, sites = CALLERS[caller]
        who = Who(Actor(type=ActorType.USER, id=f"{role}-1", role=role), network, sites)
        text = b"" if body is None else json.dumps(body).encode()
        try:
            if path == "/v1/referrals":
                return 201, self._receive(_Call(self, who, text)), "application/json"
            endpoint, arguments = _route(path)
            form = next((f for f in _forms(endpoint)), None)
            if form is not None:
                arguments["body"] = form.model_validate_json(text)
            answer = _run(endpoint(**arguments, call=_Call(self, who, text)))
        except ValidationError:
            return (
                422,
                {"code": "invalid", "detail": "It does not have the form."},
                "application/problem+json",
            )
        except Refused as refused:
            problem = {"code": refused.code, "detail": refused.message, "facts": refused.facts}
            return refused.status, problem, "application/problem+json"
        shown: dict[str, Any] = TypeAdapter(Any).dump_python(answer, mode="json")
        return 201, shown, "application/json"

    def look(self, referral_id: str) -> dict[str, Any]:
        state, version = self.rows[referral_id]
        row = {"id": referral_id, "version": version, "state": state}
        return views.referral(row, "admissions", self.now, _RULES).model_dump(mode="json")

    def row(self, referral_id: str) -> dict[str, Any]:
        state, version = self.rows[referral_id]
        kept: dict[str, Any] = json.loads(codec.dump(state))
        return _BLANK | kept | {"version": version}

    def stands(self, referral_id: str) -> tuple[int, str]:
        state, version = self.rows[referral_id]
        return version, str(state.stage)

    def hear(self, name: str, said: dict[str, Any], *, changes: str | None) -> None:
        kind = catalogue.all_events()[name]
        event: Any = kind.model_validate_json(json.dumps(example_of(kind) | {"network_id": NET} | said))
        before = self.rows[event.episode_id][1]
        self._decide(event.episode_id, _HEARD[name], event, _SYSTEM)
        assert (self.rows[event.episode_id][1] != before) is (changes is not None), name

    def advance(self, by: timedelta) -> None:
        """Every wake in its order, at its own instant."""
        ends = self.now + by
        while due := min(((at, key) for key, at in self.wakes.items() if at <= ends), default=None):
            self.now, (id, what) = due[0], due[1]
            del self.wakes[due[1]]
            self._decide(id, _WOKE[what.partition(":")[0]], Woke(self.now, what), _SYSTEM)
        self.now = ends

    def take(self, who: Who, command: Any, on: str) -> dict[str, Any]:
        state = self.rows[on][0] if on in self.rows else None
        if state is None or state.network_id != who.network_id or state.site_id not in who.sites:
            raise Refused("not_found", "There is nothing with this id here.", status=404)
        more = {}
        if isinstance(command, domain.DeclineReferral):
            more = {"same_person": command.duplicate_of in self.rows and command.duplicate_of != on}
        self._decide(on, _TAKEN[type(command)], command, who.actor, **more)
        state, version = self.rows[on]
        return {"id": on, "version": version, "said": [], "stage": str(state.stage)}

    def _decide(self, id: str, decide: Any, message: Any, actor: Actor, **more: Any) -> None:
        state = self.rows[id][0]
        self._keep(id, decide(state, message, self._moment(actor).there(state), **more))

    def _keep(self, id: str, facts: Iterable[Any]) -> None:
        state, version = self.rows[id]
        for fact in facts:
            if isinstance(fact, Wake):
                self.wakes[id, fact.what] = fact.at
            elif isinstance(fact, Unwake):
                self.wakes.pop((id, fact.what), None)
            else:
                state, version = domain.evolve(state, fact), version + 1
        self.rows[id] = state, version
        if state.closed:
            self.people = {k: v for k, v in self.people.items() if v != id}

    def _moment(self, actor: Actor) -> Moment:
        self.count += 1
        return Moment(self.now, actor, f"cause-{self.count}", _RULES)

    def _receive(self, call: "_Call") -> dict[str, Any]:
        command = referrals._from_form(call)  # type: ignore[arg-type]
        keys = domain.person_keys(command.person)
        open_way = next((self.people[k] for k in keys if k in self.people), None)
        id = f"r-{self.count}-{len(self.rows)}"
        if open_way is not None:
            state = self.rows[open_way][0]
            self._keep(open_way, domain.link_referral(state, id, 950, command, self._moment(call.who.actor)))
            return {"id": id, "referral_id": open_way, "linked": True}
        earlier = tuple(
            i for i, (s, _) in self.rows.items() if set(keys) & set(domain.person_keys(s.person))
        )[::-1]
        known = domain.Known(earlier, self.rows[earlier[0]][0].patient_id if earlier else None)
        site = domain.Site(SITE, NET, SITE, "America/New_York", part2=True)
        moment = self._moment(call.who.actor)
        opened, _ = domain.receive_referral(site, known, command, moment, id)
        self.rows[id] = domain.evolve(None, opened), 2
        self.people |= dict.fromkeys(keys, id)
        for closed in (state for i in earlier if (state := self.rows[i][0]).alerts):
            self._keep(id, domain.take_over(self.rows[id][0], closed.alerts, moment))
            self._keep(closed.id, domain.pass_on(closed, id))
        return {"id": id, "referral_id": id, "linked": False}


_RULES = rulebook()
_SYSTEM = Actor(type=ActorType.SYSTEM, id="intake", role="system")
_HEARD = {
    "scheduling.seat_held.v1": domain.keep_seat,
    "scheduling.seat_unavailable.v1": domain.miss_seat,
    "scheduling.seat_released.v1": domain.lose_seat,
    "progress.patient_discharged.v1": domain.end_episode,
    "progress.patient_died.v1": domain.note_death,
}
_TAKEN: dict[type, Any] = {kind: reaction.decide for kind, reaction in service.takes.items()} | {
    domain.AnswerOffer: domain.answer_offer,
    domain.DeclineReferral: domain.decline_referral,
}
_WOKE: dict[str, Any] = {what: reaction.decide for what, reaction in service.wakes.items()} | {
    "offer_expires": domain.expire_offer,
    "entry_expires": domain.expire_entry,
}
_ROUTES = [
    (route.path_regex, route.endpoint)
    for part in (api.steps, api.safety, api.payers, api.seats, api.desk)
    for route in part.routes.routes
    if isinstance(route, APIRoute) and "POST" in (route.methods or ())
]
_ID: TypeAdapter[str] = TypeAdapter(Token)


@dataclass
class _Call:
    """What a route needs of the request."""

    house: PureHouse
    who: Who
    body: bytes
    request: Any = field(default_factory=lambda: SimpleNamespace(headers={}))

    def require_role(self, *roles: str) -> None:
        if self.who.role not in roles:
            raise Refused("forbidden", "Your role may not do this.", status=403)

    async def take(self, command: Any, *, on: str, **_: Any) -> dict[str, Any]:
        return self.house.take(self.who, command, on)


def _route(path: str) -> tuple[Any, dict[str, Any]]:
    for regex, endpoint in _ROUTES:
        if match := regex.match(path):
            return endpoint, {k: _ID.validate_python(v) for k, v in match.groupdict().items()}
    raise Refused("not_found", "There is nothing at this address.", status=404)


def _forms(endpoint: Any) -> Iterator[Any]:
    parameter = inspect.signature(endpoint).parameters.get("body")
    if parameter is not None:
        yield parameter.annotation


def _run(work: Any) -> Any:
    """A route that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a rule waited for something")


@contextmanager
def connected(stack: Stack) -> Iterator[HttpHouse]:
    """A house over a running stack."""
    tokens = {who: stack.token(role, network, sites) for who, (role, network, sites) in CALLERS.items()}
    address = stack.url("intake").removeprefix("http://")
    house = HttpHouse(address, tokens, stack.nats_kwargs("operator"), stack.pg_dsn_kwargs(ADMIN))
    try:
        yield house
    finally:
        house.close()
