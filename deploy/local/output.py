"""What goes where: one JSON document or plain lines to standard output, everything else to standard error."""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Document = Mapping[str, Any]


def say(text: str) -> None:
    """Progress and remarks, for people."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def output_kept_for_the_answer() -> Iterator[None]:
    """Meanwhile, what libraries print goes to standard error: HiGHS introduces itself on standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        # What a library printed may still wait in the buffers of the C library.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def show(document: Document, as_json: bool, lines: Callable[[Document], list[str]]) -> None:
    """The result: as one JSON document, or as lines."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False), flush=True)
        return
    for line in lines(document):
        print(line, flush=True)


def show_trouble(sentence: str, hint: str, code: str, as_json: bool) -> None:
    """What went wrong: for people always, as the one document too where one was asked for."""
    say(f"handrail: {sentence}")
    if hint:
        say(f"  hint: {hint}")
    if as_json:
        print(json.dumps({"error": {"code": code, "message": sentence, "hint": hint}}), flush=True)


def table(rows: list[list[str]]) -> list[str]:
    """Columns, left-aligned, two spaces apart; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
