"""A stack on which nothing runs but the flood: two processes of one service, on one schema and one stream."""

import secrets
from pathlib import Path
from typing import Any, ClassVar

from deploy.local.faults.flood.flood import service
from deploy.local.processes import Stack

PROCESSES = ("flood-1", "flood-2")


class FloodStack(Stack):
    """The servers as they always are; the flood has a role, a schema and rights on the bus of its own."""

    package = "deploy.local.faults.{}"
    says: ClassVar = {service.name: service.says}

    def __init__(self, data_dir: Path, **options: Any) -> None:
        super().__init__(data_dir, services=PROCESSES, **options)

    def service_of(self, process: str) -> str:
        return process.partition("-")[0]

    def _read_before(self) -> None:
        super()._read_before()
        for role in (service.name, f"{service.name}_owner"):
            self.passwords["postgres"][role] = secrets.token_urlsafe(24)
        self.passwords["nats"][service.name] = secrets.token_urlsafe(24)

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.run["services"] = self.run["schemas"] = [service.name]
