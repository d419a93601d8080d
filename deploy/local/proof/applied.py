"""How each event was applied: once, in one transaction with its row in the inbox, and in order.

A row's xmin names the transaction, or the subtransaction, that inserted it, and stays even when the row
is frozen. All facts of one message are saved by one statement, so they share an xmin however transactions
nest. Rows of the inbox and answers are written beside them in the same, outermost transaction; only a
parked message that was tried again is not, so those of aggregates that may be parked are left out.
Rows that are rewritten later (states, wakes, the outbox) say nothing this way, and a wake's name may
honestly come twice, so neither is looked at.
"""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from deploy.local.proof.books import Book, Row
from deploy.local.proof.result import Proof

if TYPE_CHECKING:
    from deploy.local.proof.checks import Evidence


def check_applied(
    evidence: "Evidence", service: str, book: Book, parked_allowed: Collection[str], proof: Proof
) -> None:
    """Check how one service applied what it heard and took."""
    facts: dict[str, list[Row]] = {}
    for fact in book.journal:
        if not _is_wake(fact["cause"]):
            facts.setdefault(fact["cause"], []).append(fact)
    _check_once(service, facts, proof)
    _check_together(evidence, service, book, facts, parked_allowed, proof)
    _check_in_order(evidence, service, book, proof)


def _is_wake(cause: str) -> bool:
    return "/" in cause


def _check_once(service: str, facts: dict[str, list[Row]], proof: Proof) -> None:
    """What one message caused was saved at once, without repetition, in one piece of each story."""
    for cause, caused in facts.items():
        by_aggregate: dict[tuple[str, str], list[Row]] = {}
        for fact in caused:
            by_aggregate.setdefault((fact["aggregate"], fact["aggregate_id"]), []).append(fact)
        apart = any(f[-1]["version"] - f[0]["version"] >= len(f) for f in by_aggregate.values())
        repeated = any(len({(x["type"], x["data"]) for x in f}) < len(f) for f in by_aggregate.values())
        if len({fact["xmin"] for fact in caused}) > 1:
            proof.note("doubled", f"{service} applied {cause} in more than one transaction")
        elif apart or repeated:
            proof.note("doubled", f"{service} applied {cause} more than once in one transaction")


def _check_together(
    evidence: "Evidence",
    service: str,
    book: Book,
    facts: dict[str, list[Row]],
    parked_allowed: Collection[str],
    proof: Proof,
) -> None:
    """Inbox and answers were written with what belongs to them."""
    for id, row in book.inbox.items():
        teller = evidence.said.get(id)
        if id not in facts or teller is None or teller[1]["aggregate_id"] in parked_allowed:
            continue
        if facts[id][0]["xmin"] != row["xmin"]:
            proof.note("torn", f"{service} admitted event {id} in another transaction than it applied it")
    causes = {row["event_id"]: row["cause"] for row in book.outbox}
    for key, row in book.answers.items():
        cause = next((causes[id] for id in _said(row) if id in causes), None)
        if cause in facts and facts[cause][0]["xmin"] != row["xmin"]:
            proof.note("torn", f"{service} kept the answer to {key} in another transaction than its facts")


def _said(answer: Row) -> list[str]:
    return [event["id"] for event in json.loads(answer["answer"]).get("said", ())]


def _check_in_order(evidence: "Evidence", service: str, book: Book, proof: Proof) -> None:
    """What came of the events of one story stands in each journal in the order of that story."""
    told: dict[tuple[str, str, str], int] = {}
    for fact in book.journal:
        teller = evidence.said.get(fact["cause"])
        messages = evidence.held.get(fact["cause"])
        if teller is None or not messages or fact["cause"] not in book.inbox:
            continue
        story = teller[1]["aggregate_id"]
        if evidence.same_stream:
            number = messages[0].seq
        else:
            story, number = f"{teller[0]} {story}", teller[1]["sequence"]
        key = (fact["aggregate"], fact["aggregate_id"], story)
        if number < told.get(key, 0):
            proof.note("out_of_order", f"{service} applied event {fact['cause']} after a later one")
        told[key] = number
