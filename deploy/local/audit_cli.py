"""`handrail audit`: whether every replica of the stream is whole, and mending it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.local.network import DEFAULT_DATA, Network
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    from deploy.nats.auditor import Report

app = typer.Typer(add_completion=False)


class Outboxes:
    """The outboxes of a local network, as the auditor asks for them."""

    def __init__(self, network: Network) -> None:
        self.network = network

    async def sent(self) -> set[str]:
        return await self._ids("WHERE sent_at IS NOT NULL")

    async def said(self) -> set[str]:
        return await self._ids("")

    async def refill(self, anew: bool) -> None:
        from deploy.local.rebuild import rebuild

        try:
            await rebuild(self.network, anew=anew)
        except Trouble as trouble:
            if anew or trouble.code != "gap":
                raise
            await rebuild(self.network, anew=True)

    async def _ids(self, which: str) -> set[str]:
        import asyncpg

        from deploy.local.secrets import OPERATOR

        db = await asyncpg.connect(**self.network.pg_dsn_kwargs(OPERATOR))
        try:
            return {
                row["event_id"]
                for service in self.network.services
                for row in await db.fetch(f"SELECT event_id FROM {service}.outbox {which}")
            }
        finally:
            await db.close()


@app.command()
def audit(
    data: Annotated[Path, typer.Option("--data", help="Folder of the running network.")] = DEFAULT_DATA,
    mend: Annotated[bool, typer.Option("--mend", help="Replace what is damaged.")] = False,
    watch: Annotated[
        float | None, typer.Option(min=1, help="Again after so many seconds, until Ctrl-C.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Read every replica of the stream to its end and compare it with the others and with the outboxes."""
    from deploy.local.output import show

    network = Network.running(data)

    def tell(report: "Report", seconds: float) -> None:
        document = {"ok": report.ok, "seconds": round(seconds, 2)} | asdict(report)
        show(document, as_json, lambda _: report.lines())

    if not asyncio.run(_rounds(network, mend, watch, tell)):
        raise typer.Exit(1)


async def audit_network(network: Network, *, mend: bool = False) -> "Report":
    """One audit of a local network."""
    from deploy.local.ports import HOST
    from deploy.nats.auditor import audit as audit_once
    from deploy.nats.replicas import Reader
    from deploy.nats.topology import hang_up

    names = network.nats_names
    monitors = [f"http://{HOST}:{network.nats_monitor(name)}" for name in names]
    client = Reader()
    await client.connect(**network.nats_kwargs("operator"), connect_timeout=10)
    try:
        return await audit_once(client, len(names), monitors, Outboxes(network), mend=mend)
    finally:
        await hang_up(client)


async def _rounds(
    network: Network, mend: bool, watch: float | None, tell: Callable[["Report", float], Any]
) -> bool:
    import nats.errors

    from deploy.local.output import say
    from deploy.nats.replicas import Unreadable

    while True:
        began = time.monotonic()
        try:
            report = await audit_network(network, mend=mend)
        except (Unreadable, OSError, TimeoutError, nats.errors.Error) as error:
            if watch is None:
                raise Trouble(f"The stream cannot be audited now: {error}.", code="unreadable") from error
            say(f"not audited: {error}")
        else:
            tell(report, time.monotonic() - began)
            if watch is None:
                return report.ok
        await asyncio.sleep(watch)
