"""The check after a rehearsal: whether everything that was promised held, whatever was done to the network.

Reads with its own SQL and its own consumer, and shares no code with the services but their tables of what
they hear and the pure folds of their aggregates. Asks for a network at rest.
"""

import asyncio
from collections.abc import Iterable

from deploy.local.network import Network
from deploy.local.proof.books import read_books
from deploy.local.proof.checks import Evidence, judge
from deploy.local.proof.folding import Folding
from deploy.local.proof.ledger import Ledger, ask_again
from deploy.local.proof.result import Proof
from deploy.local.reconcile import hearers, read_messages
from deploy.local.secrets import OPERATOR

__all__ = ["Ledger", "Proof", "collect", "prove"]


async def prove(stack: Network, ledger: Ledger | None = None, parked_allowed: Iterable[str] = ()) -> Proof:
    """Check a network at rest; `parked_allowed` names aggregates of which something may be parked.

    With a ledger, commands that were answered are looked up, and sent again with their keys.
    """
    import asyncpg

    allowed = frozenset(parked_allowed)
    async with Folding() as folding:
        db = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR))
        try:
            evidence = await collect(stack, db)
        finally:
            await db.close()
        proof = judge(evidence, ledger, allowed)
        await folding.judge(evidence.books, proof)
    if ledger is not None:
        await ask_again(stack, ledger, evidence.books, proof)
    return proof


async def collect(stack: Network, db: object) -> Evidence:
    """The stream, and the books of all services as one snapshot."""
    hears = await asyncio.to_thread(hearers, stack.services)
    stream = await read_messages(stack)
    return Evidence(stream, await read_books(db, stack.services), hears)
