"""Brings the schemas of a local stack forward, all in this process.

On a cluster each service does it itself, as `python -m services.<name>.app migrate`; here that would start
four more interpreters, which takes longer than everything else together.
"""

import asyncio
from collections.abc import Iterable

from deploy.local.network import Network
from deploy.local.trouble import Trouble


async def apply(network: Network, services: Iterable[str], package: str = "services.{}") -> None:
    """Apply what is missing, each service as the owner of its schema. Raises Trouble if it cannot be done."""
    await asyncio.gather(*(_apply(network, name, package.format(name)) for name in services))


async def _apply(network: Network, name: str, package: str) -> None:
    import asyncpg

    from services.chassis import db

    try:
        files = {"chassis": db.migrations_of("services.chassis"), name: db.migrations_of(package)}
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise Trouble(f"There is no service {name!r}.", code="unknown_service") from error
    connection = await asyncpg.connect(
        **network.pg_dsn_kwargs(f"{name}_owner"), server_settings={"search_path": name, "timezone": "UTC"}
    )
    try:
        await db.migrate(connection, name, files)
    except (db.MigrationError, asyncpg.PostgresError) as error:
        raise Trouble(
            f"The schema of {name} cannot be brought up to date: {str(error).rstrip('.')}.",
            "If it is only a rehearsal, start with a fresh --data folder.",
            code="migration_failed",
        ) from error
    finally:
        await connection.close()
