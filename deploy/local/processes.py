"""Start, watch, kill and stop every process of a local network."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

from deploy.local import child as children
from deploy.local import folder, links, migrations, ports, roles, stream
from deploy.local.child import Child
from deploy.local.links import Links
from deploy.local.nats_server import http_get, http_status
from deploy.local.nats_server import nodes as nats_nodes
from deploy.local.network import Network
from deploy.local.ports import HOST
from deploy.local.postgres import Postgres, clean_environment
from deploy.local.secrets import (
    ADMIN,
    AUDIENCE,
    ISSUER,
    SERVICES,
    load_or_make,
    load_or_make_key,
    write_private,
)
from deploy.local.trouble import Trouble

T = TypeVar("T")
_SETTINGS_PASSED_ON = (
    "HANDRAIL_LOG_LEVEL",
    "HANDRAIL_OTLP_ENDPOINT",
    "HANDRAIL_READERS",
    "HANDRAIL_CLOCK_START",
)
_ROOT = Path(__file__).resolve().parents[2]


class Stack(Network):
    """One local network: PostgreSQL, NATS and the services, each a process of its own.

    `with Stack(folder, clock="manual") as stack:` starts and stops it. All methods block;
    `async with` does the same from a coroutine without holding up its loop. `nodes=3` makes NATS a
    cluster of nats-1, nats-2 and nats-3, each with a copy of the stream. With `links=True` the services
    reach the servers, and the nodes each other, over `stack.links`, which can be cut. `places` puts the
    data of a server into a folder of its own, such as a disk that a rehearsal can break; `code` names the
    tree from which a service is started, where that is another than this one.
    """

    package: ClassVar[str] = "services.{}"
    says: ClassVar[Mapping[str, Sequence[type]] | None] = None

    def __init__(
        self,
        data_dir: Path | str,
        clock: Literal["wall", "manual"] = "wall",
        services: Iterable[str] = SERVICES,
        env: dict[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
        places: Mapping[str, Path] | None = None,
        nodes: Literal[1, 3] = 1,
        links: bool = False,
    ) -> None:
        super().__init__(Path(data_dir))
        self._nodes = ("nats",) if nodes == 1 else tuple(f"nats-{n}" for n in range(1, nodes + 1))
        self._linked = links
        self.links = Links({})
        self._wanted = tuple(services)
        self._clock = clock
        self._env = env or {}
        self._say = say
        self._places = dict(places or {})
        self.code: dict[str, Path] = {}
        self.extra: dict[str, dict[str, str]] = {}
        self._children: dict[str, Child] = {}
        self._meant_to_run: set[str] = set()
        self._changing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock_file: int | None = None
        self._writing = threading.Lock()
        self._cancelled = threading.Event()
        self._temporary = False
        self._started = False

    @property
    def started(self) -> bool:
        return self._started

    @property
    def serving(self) -> tuple[str, ...]:
        """The processes that serve: one for each service, unless a kind of stack has more."""
        return self._wanted

    def service_of(self, process: str) -> str:
        """The service that a process serves."""
        return process

    @classmethod
    def temporary(cls, **options: Any) -> Self:
        """A stack in a fresh folder that disappears when it is stopped."""
        folder = Path(tempfile.mkdtemp(prefix="handrail-"))
        # Passable, so that the unprivileged user of the database gets through; what is private is so itself.
        folder.chmod(0o711)
        stack = cls(folder, **options)
        stack._temporary = True
        return stack

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start everything and return when all of it is ready; on failure nothing is left running."""
        folder.make(self.data)
        self._lock_file = folder.hold(self.data)
        self._cancelled.clear()
        self._started = False
        try:
            self._read_before()
            self._choose_ports()
            self._open_links()
            self._start_servers()
            self._start_services()
            self._started = True
        except BaseException:
            self.stop()
            raise

    def cancel(self) -> None:
        """Give up a start that is under way; once started, end everything at once without draining."""
        if self._started:
            for process in self._children.values():
                process.signal(signal.SIGKILL)
        self._cancelled.set()

    def stop(self) -> None:
        """Drain the services, then NATS, then PostgreSQL. Harmless to repeat."""
        self._meant_to_run.clear()
        self.links.heal()
        for process in self._children.values():
            process.resume()
        self._stop_all([name for name in self._children if name not in self._servers], 20)
        self._stop_all([name for name in self._nodes if name in self._children], 30)
        self._stop_all([name for name in ("postgres",) if name in self._children], 30)
        self.links.stop()
        if self._lock_file is not None:
            if self.run:
                self._write_run()
            os.close(self._lock_file)
            self._lock_file = None
        if self._temporary:
            self.destroy()

    def destroy(self) -> None:
        """Remove the data of a stopped stack, wherever it is kept."""
        postgres_home = self.run.get("postgres_home")
        stores = [self.nats_store(name) for name in self._nodes]
        for place in (self.data, *stores, *([Path(postgres_home)] if postgres_home else [])):
            shutil.rmtree(place, ignore_errors=True)

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all its children; returns when it is gone."""
        self._meant_to_run.discard(name)
        self._child(name).kill()

    def pause(self, name: str) -> None:
        """Stop a process and all its children where they stand: it answers nothing and closes nothing."""
        self._child(name).pause()

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self._child(name).resume()

    def restart(self, name: str, wait: bool = True) -> None:
        """Start a process again on its old port, after draining it if it still runs.

        A node of a cluster is ready once it is level with a leader: do not wait where there is none.
        """
        self._child(name)
        with self._changing[name]:
            # Looked up anew: whoever had the lock before may have put another in its place.
            process = self._child(name)
            self._meant_to_run.discard(name)
            process.stop(20)
            if name in self._wanted:
                process = self._service(name)
            self._spawn(process, wait=False)
        if wait:
            process.wait_ready(self._cancelled)

    def wait_ready(self, *names: str) -> None:
        """Wait until these processes can be used. Raises Trouble if one ends or takes too long."""
        with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
            list(pool.map(lambda name: self._child(name).wait_ready(self._cancelled), names))

    def alive(self, name: str) -> bool:
        return self._child(name).alive()

    def pid(self, name: str) -> int | None:
        return self._child(name).pid

    def supervise(self, until: threading.Event) -> None:
        """Restart whatever ends unbidden, ever more slowly if it keeps ending, until told to stop."""
        failures: dict[str, int] = {}
        due: dict[str, float] = {}
        while not until.wait(0.2):
            now = time.monotonic()
            for name in [n for n in self._children if n in self._meant_to_run]:
                process = self._children[name]
                if process.alive():
                    if name in failures and time.time() - process.started_at > 60:
                        del failures[name]
                    due.pop(name, None)
                    continue
                if name not in due:
                    pause = min(0.5 * 2 ** failures.get(name, 0), 30)
                    failures[name] = failures.get(name, 0) + 1
                    due[name] = now + pause
                    self._say(f"{name} ended unexpectedly; starting it again in {pause:g} s")
                elif now >= due[name]:
                    del due[name]
                    self._revive(name)

    def _revive(self, name: str) -> None:
        """Start it unless somebody else has done so, or has ended it on purpose."""
        with self._changing[name]:
            if name in self._meant_to_run and not self._children[name].alive():
                self._spawn(self._children[name], wait=False)

    def run_async(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine to its end from synchronous code, whether or not a loop runs in this thread."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(lambda: asyncio.run(work())).result()

    def service_environment(self, name: str) -> dict[str, str]:
        """The whole configuration of a service process."""
        service = self.service_of(name)
        environment = clean_environment() | {k: os.environ[k] for k in _SETTINGS_PASSED_ON if k in os.environ}
        paths = [str(self.code.get(name, _ROOT)), environment.get("PYTHONPATH", "")]
        environment |= {
            "PYTHONPATH": os.pathsep.join(p for p in paths if p),
            "PYTHONUNBUFFERED": "1",
            "HANDRAIL_SERVICE_PORT": str(self.ports[name]),
            "HANDRAIL_PG_HOST": HOST,
            "HANDRAIL_PG_PORT": str(self._port_to("postgres", name)),
            "HANDRAIL_PG_DATABASE": roles.DATABASE,
            "HANDRAIL_PG_USER": service,
            "HANDRAIL_PG_PASSWORD": self.passwords["postgres"][service],
            "HANDRAIL_NATS_SERVERS": ",".join(f"nats://{HOST}:{self._port_to(n, name)}" for n in self._nodes),
            "HANDRAIL_NATS_USER": service,
            "HANDRAIL_NATS_PASSWORD": self.passwords["nats"][service],
            "HANDRAIL_NATS_MONITORS": ",".join(f"http://{HOST}:{self.nats_monitor(n)}" for n in self._nodes),
            "HANDRAIL_NATS_REPLICAS": str(len(self._nodes)),
            "HANDRAIL_CLOCK": self._clock,
            "HANDRAIL_TOKEN_KEY_FILE": str(self.key_file),
            "HANDRAIL_TOKEN_ISSUER": ISSUER,
            "HANDRAIL_TOKEN_AUDIENCE": AUDIENCE,
        }
        if name == "notify":
            environment["HANDRAIL_OUTBOX_DIR"] = str(self.data / "outbox")
        return environment | self._env | self.extra.get(name, {})

    def _read_before(self) -> None:
        self.passwords = load_or_make(self.data)
        load_or_make_key(self.data)
        run_file = self.data / "run.json"
        if run_file.exists():
            with contextlib.suppress(ValueError):
                self.run = json.loads(run_file.read_text())
        folder.end_leftovers(self.run.get("processes", {}))

    def _choose_ports(self) -> None:
        nodes = self._nodes
        doors = ("monitor", "cluster") if len(nodes) > 1 else ("monitor",)
        of_nodes = [f"{name}_{door}" for name in nodes for door in doors]
        named = links.names(self._wanted, nodes) if self._linked else ()
        names = ("postgres", *nodes, *of_nodes, *dict.fromkeys((*SERVICES, *self._wanted)), *named)
        self.run = {
            "ports": ports.choose(names, self.ports),
            "clock": self._clock,
            "services": list(self._wanted),
            "nats_names": list(nodes),
        }

    @property
    def _servers(self) -> tuple[str, ...]:
        return ("postgres", *self._nodes)

    def _open_links(self) -> None:
        if self._linked:
            self.links = Links(links.ways(self._wanted, self._nodes, self.ports))
            self.links.start()

    def _port_to(self, server: str, client: str) -> int:
        return self.ports[f"{client}>{server}" if self._linked else server]

    def _start_servers(self) -> None:
        postgres = Postgres(
            self.data,
            self.ports["postgres"],
            self.passwords["postgres"],
            self.data / "logs" / "postgres.log",
            self._cancelled,
            self._places.get("postgres"),
        )
        nodes = nats_nodes(
            self.data, self._nodes, self.ports, self.passwords["nats"], self._places, self._linked, self.says
        )
        self.run["postgres_home"] = str(postgres.home)
        self.run["nats_stores"] = {node.name: str(node.store) for node in nodes}
        self._write_run()

        def start_postgres() -> None:
            postgres.prepare()
            self._spawn(postgres.child())
            admin = self.pg_dsn_kwargs(ADMIN)
            asyncio.run(roles.arrange(admin, self.schemas, self.passwords["postgres"]))

        def start_nats() -> None:
            for node in nodes:
                node.prepare()
                self._spawn(node.child(), wait=False)
            self.wait_ready(*self._nodes)
            asyncio.run(stream.declare(self))

        self._say("starting PostgreSQL and NATS")
        self._together([start_postgres, start_nats])

    def _start_services(self) -> None:
        def start(name: str) -> Callable[[], None]:
            return lambda: self._spawn(self._service(name))

        if self._wanted:
            self._say("starting " + ", ".join(self._wanted))
            asyncio.run(migrations.apply(self, set(map(self.service_of, self._wanted)), self.package))
        self._together([start(name) for name in self._wanted])

    def _service(self, name: str) -> Child:
        return Child(
            name,
            # -P: what lies in the current folder must not shadow a module.
            [sys.executable, "-P", "-m", f"{self.package.format(self.service_of(name))}.app"],
            self.data / "logs" / f"{name}.log",
            lambda: http_status(self.ports[name], "/readyz") == 200,
            self.service_environment(name),
            why_not=lambda: self._problems(name),
            patience=60,
        )

    def _problems(self, name: str) -> str:
        _, body = http_get(self.ports[name], "/readyz")
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            return " ".join(json.loads(body).get("problems", []))
        return ""

    def _stop_all(self, names: list[str], seconds: float) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
            clean = pool.map(lambda name: self._children[name].stop(seconds), names)
        for name, went in zip(names, clean, strict=True):
            if not went and name not in self._servers:
                self._say(f"{name} did not drain within {seconds:g} s and was killed")

    def _together(self, tasks: list[Callable[[], None]]) -> None:
        if not tasks:
            return
        with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
            futures = [pool.submit(task) for task in tasks]
        for future in futures:
            future.result()

    def _spawn(self, process: Child, wait: bool = True) -> None:
        self._children[process.name] = process
        process.spawn()
        self._meant_to_run.add(process.name)
        self._write_run()
        if wait:
            process.wait_ready(self._cancelled)

    def _child(self, name: str) -> Child:
        try:
            return self._children[name]
        except KeyError:
            raise Trouble(f"{name} is not a process of this network.", code="unknown_process") from None

    def _write_run(self) -> None:
        with self._writing:
            self.run["pid"] = os.getpid() if self._lock_file is not None else None
            self.run["processes"] = {
                name: {
                    "pid": process.pid,
                    "started_at": int(process.started_at),
                    "started_ticks": children.started_ticks(process.pid) if process.pid else None,
                    "log": str(process.log),
                }
                for name, process in self._children.items()
            }
            write_private(self.data / "run.json", json.dumps(self.run, indent=2) + "\n")
