"""Judge the answers that the command line gave during a run of `.ci/run`, and say them in one line."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SERVICES = 4
CLEAN = {"lost", "doubled", "out_of_order", "parked"}


def named(document: Any, name: str) -> Iterator[Any]:
    """Every value of that name, however deep."""
    if isinstance(document, dict):
        if name in document:
            yield document[name]
        for value in document.values():
            yield from named(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from named(value, name)


def demo(document: Any) -> str:
    """The records agree with the bus, everybody is accounted for once, and events were said at all."""
    compared = next((found for found in named(document, "reconcile") if isinstance(found, dict)), None)
    if compared is None or not compared.keys() >= CLEAN:
        sys.exit("demo: the answer holds no comparison of the records with the bus")
    unclean = {name: compared[name] for name in sorted(CLEAN) if compared[name] != 0}
    if unclean:
        sys.exit(f"demo: the records do not agree: {unclean}")
    if document.get("adds_up") is not True:
        sys.exit("demo: the outcome does not add up")
    said = document.get("events")
    total = sum(said.values()) if isinstance(said, dict) else said
    if not total:
        sys.exit("demo: nobody said anything")
    return f"demo: {total} events; nothing lost, doubled, out of order or parked; the outcome adds up"


def faults(document: Any) -> str:
    """Much was broken, something was lived through, and every promise held."""
    promises = ("lost", "doubled", "out_of_order", "parked_unexplained", "commands_lost")
    if not document["clean"] or any(document[name] for name in promises):
        sys.exit(f"faults: seed {document['seed']}: {document['trouble'] or document['details']}")
    if document["faults"] < 10 or not document["commands"]:
        sys.exit(f"faults: hardly anything happened: {document}")
    left_out = f", left out {', '.join(document['left_out'])}" if document["left_out"] else ""
    return (
        f"{document['load']} on {document['nodes']}: {document['faults']} faults, "
        f"{document['events']} events, {document['commands']} commands, nothing lost or doubled{left_out}"
    )


def ready(document: Any) -> str:
    """Every one of the four services says that it is ready."""
    services = document.get("services", [])
    if not document.get("ready") or len(services) != SERVICES:
        sys.exit(1)
    return "ready"


def refer(document: Any, files: list[str]) -> str:
    """Every bundle has exactly one answer: accepted, or refused with a reason."""
    if not isinstance(document, list):
        sys.exit(f"referrals: no answers but {document}")
    told = Counter(str(answer["file"]) for answer in document)
    asked = Counter(files)
    if told != asked:
        missing, twice = sorted(asked - told), sorted(told - asked)
        sys.exit(f"referrals: without an answer {missing}, answered too often {twice}")
    outcomes = Counter(str(answer["outcome"]) for answer in document)
    reasoned = [a for a in document if a["outcome"] == "refused" and a["code"] and a["reason"]]
    if outcomes["accepted"] + len(reasoned) != len(document):
        sys.exit(f"referrals: refused without a reason, or neither: {dict(outcomes)}")
    if not outcomes["accepted"]:
        sys.exit(f"referrals: none accepted: {dict(Counter(a['code'] for a in reasoned))}")
    codes = ", ".join(f"{count} {code}" for code, count in Counter(a["code"] for a in reasoned).most_common())
    linked = sum(a["outcome"] == "accepted" and a["code"] == "linked" for a in document)
    return (
        f"referrals: {len(document)} bundles, {outcomes['accepted']} accepted ({linked} linked), "
        f"refused: {codes or 'none'}"
    )


def main() -> None:
    """`summary.py demo|faults|ready|refer ANSWER [FILE...]`."""
    what, answer, *files = sys.argv[1:]
    document = json.loads(Path(answer).read_text())
    judges = {"demo": demo, "faults": faults, "ready": ready}
    print(refer(document, files) if what == "refer" else judges[what](document))


if __name__ == "__main__":
    main()
