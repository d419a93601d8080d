"""Every state held against a fold of its journal, in a fresh process that knows nothing but the facts."""

import asyncio
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from deploy.local.proof.books import Book, Books
from deploy.local.proof.result import Proof

_ROOT = Path(__file__).resolve().parents[3]


class Folding:
    """A process that folds; started early, because it needs a moment to learn the rules."""

    _process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "deploy.local.proof.folding",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=_ROOT, env={"PYTHONPATH": str(_ROOT), "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def judge(self, books: Books, proof: Proof) -> None:
        """Count the states that their journal does not give. Raises RuntimeError if the process fails."""
        document = json.dumps({name: _plain(book) for name, book in books.items()}).encode()
        out, trouble = await self._process.communicate(document)
        if self._process.returncode != 0:
            raise RuntimeError(f"the fold failed: {trouble.decode(errors='replace')[-2000:]}")
        for service, table, id, why in json.loads(out):
            proof.note("states_wrong", f"{service} {table} {id}: {why}")


def _plain(book: Book) -> dict[str, Any]:
    return {
        "facts": [(f["aggregate"], f["aggregate_id"], f["type"], f["data"]) for f in book.journal],
        "states": [
            (table, id, r["network_id"], r["site_id"], r["state"]) for (table, id), r in book.states.items()
        ],
    }


def fold(service: str, facts: list[Any], states: list[Any]) -> list[tuple[str, str, str, str]]:
    """Aggregates of a service whose stored state is not what their facts give, and why."""
    from services.chassis import codec

    app = import_module(f"services.{service}.app").service
    kinds = {aggregate.table: aggregate for aggregate in app.aggregates}
    names = {table: {f.__name__: f for f in aggregate.facts} for table, aggregate in kinds.items()}
    folded: dict[tuple[str, str], Any] = {}
    broken: dict[tuple[str, str], str] = {}
    for table, id, type_, data in facts:
        key = (table, id)
        if key in broken:
            continue
        try:
            fact = codec.load(app.language.get(type_) or names[table][type_], data)
            folded[key] = kinds[table].evolve(folded.get(key), fact)
        except Exception as error:
            broken[key] = f"{type_} cannot be folded ({type(error).__name__})"
    wrong = [(service, *key, why) for key, why in broken.items()]
    stored = {(table, id): rest for table, id, *rest in states}
    for key in sorted((stored.keys() | folded.keys()) - broken.keys()):
        why = _difference(folded.get(key), stored.get(key))
        if why:
            wrong.append((service, *key, why))
    return wrong


def _difference(folded: Any, stored: list[str] | None) -> str:
    """Where a state differs, by the names of its fields: values stay out of reports."""
    from services.chassis import codec

    if stored is None:
        return "has facts but no state"
    if folded is None:
        return "has a state but no facts"
    network, site, state = stored
    expected, found = json.loads(codec.dump(folded)), json.loads(state)
    if expected != found:
        # Written by an earlier version of the service it may lack fields that have defaults.
        found = _as_of_now(type(folded), state)
    fields = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    if expected["network_id"] != network or expected["site_id"] != site:
        fields.append("tenant of its row")
    return f"the journal gives another {', '.join(sorted(fields))}" if fields else ""


def _as_of_now(kind: type, state: str) -> dict[str, Any]:
    from services.chassis import codec

    try:
        found: dict[str, Any] = json.loads(codec.dump(codec.load(kind, state)))
    except ValueError:
        return {}
    return found


def main() -> None:
    """Fold what comes in on standard input and say what is wrong."""
    names = ("intake", "scheduling", "progress", "notify")
    for name in names:
        import_module(f"services.{name}.app")
    books = json.load(sys.stdin)
    json.dump(
        [w for name, book in books.items() for w in fold(name, book["facts"], book["states"])], sys.stdout
    )


if __name__ == "__main__":
    main()
