"""A stack as its users see it: where it is and how to get in. Reads the data folder, controls nothing."""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.local import tokens
from deploy.local.ports import HOST
from deploy.local.roles import DATABASE
from deploy.local.secrets import SERVICES, load_or_make
from deploy.local.trouble import Trouble

DEFAULT_DATA = Path(".handrail")
DEFAULT_NETWORK = "local"
DEFAULT_SITE = "main"


class Network:
    """The addresses and credentials of a local stack, from its data folder."""

    def __init__(self, data: Path) -> None:
        self.data = Path(data).absolute()
        self.run: dict[str, Any] = {}
        self.passwords: dict[str, dict[str, str]] = {}

    def load(self) -> None:
        """Read what the running stack wrote down. Raises Trouble if no stack was ever started here."""
        try:
            self.run = json.loads((self.data / "run.json").read_text())
        except FileNotFoundError:
            raise Trouble(
                f"No network has been started in {self.data}.",
                f"Start one: handrail up --data {self.data}",
                code="not_started",
            ) from None
        except (OSError, ValueError) as error:
            raise Trouble(
                f"{self.data / 'run.json'} cannot be read ({type(error).__name__}).",
                "Is the folder yours?",
                code="unreadable",
            ) from error
        self.passwords = load_or_make(self.data)

    def is_up(self) -> bool:
        """Whether some process holds the stack now."""
        try:
            descriptor = os.open(self.data / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @classmethod
    def running(cls, data: Path) -> "Network":
        """The stack in a folder. Raises Trouble unless it is up."""
        network = cls(data)
        network.load()
        if not network.is_up():
            raise Trouble(
                f"The network in {network.data} is not running.",
                f"Start it: handrail up --data {data}",
                code="not_running",
            )
        return network

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = self.run.get("ports", {})
        return ports

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.run.get("services", SERVICES))

    @property
    def schemas(self) -> tuple[str, ...]:
        """The services that have books here, whether or not they run."""
        return tuple(self.run.get("schemas", SERVICES))

    @property
    def clock(self) -> str:
        return str(self.run.get("clock", "wall"))

    @property
    def key_file(self) -> Path:
        return self.data / "token.jwk"

    def url(self, service: str) -> str:
        """Base URL of a service."""
        return f"http://{HOST}:{self.ports[service]}"

    def token(
        self,
        role: str = "operator",
        network: str = DEFAULT_NETWORK,
        sites: Iterable[str] = (DEFAULT_SITE,),
        subject: str | None = None,
        lifetime: int = 12 * tokens.HOUR,
    ) -> str:
        """A bearer token for any role, signed with the key of this stack."""
        return tokens.mint(
            self.key_file, role=role, network=network, sites=sites, subject=subject, lifetime=lifetime
        )

    def pg_dsn_kwargs(self, role: str) -> dict[str, Any]:
        """What `asyncpg.connect(**...)` needs to log in as a role."""
        return {
            "host": HOST,
            "port": self.ports["postgres"],
            "database": DATABASE,
            "user": role,
            "password": self.passwords["postgres"][role],
        }

    @property
    def nats_names(self) -> tuple[str, ...]:
        """The processes of NATS: one, or the nodes of a cluster, each with a copy of the stream."""
        return tuple(self.run.get("nats_names", ("nats",)))

    def nats_url(self) -> str:
        """The addresses of all nodes, joined by commas."""
        return ",".join(f"nats://{HOST}:{self.ports[name]}" for name in self.nats_names)

    def nats_monitor(self, name: str = "nats") -> int:
        """The port at which a node tells of its state by HTTP."""
        return self.ports[f"{name}_monitor"]

    def nats_store(self, name: str = "nats") -> Path:
        """The folder in which a node keeps its copy of the stream."""
        return Path(self.run.get("nats_stores", {}).get(name, self.data / name / "store"))

    def nats_kwargs(self, user: str) -> dict[str, Any]:
        """What `nats.connect(**...)` needs to log in as a user."""
        from deploy.nats.permissions import inbox_prefix

        return {
            "servers": self.nats_url().split(","),
            "user": user,
            "password": self.passwords["nats"][user],
            "inbox_prefix": inbox_prefix(user),
        }
