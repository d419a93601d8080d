"""What people are called and what they tell stays with whom they told it: no other door lets it out."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from deploy.local.processes import Stack
from deploy.local.rebuild import carried
from deploy.local.secrets import SERVICES
from deploy.local.story import connect
from deploy.local.timekeeper import Timekeeper
from tests.journeys.vignettes.clinic import ASSESSED, Clinic, answers, goal, present, screening
from tests.journeys.vignettes.weeks import COMMERCIAL, FRI, THU, TUE, WED, authorized, slots, wish

PERSON = {
    "given": "Quixandra",
    "family": "Winterbottomley",
    "birth_date": "1961-07-29",
    "phone": "+1 518 555 0147",
    "identifiers": [{"system": "urn:oid:2.999.1", "value": "MRN-77-KESTREL"}],
}
TOLD = ("Zanzibar", "Mooncastle", "Ottoline")
WORDS = ("quixandra", "winterbottomley", "1961-07-29", "19610729", "5550147", "555 0147", "kestrel")
EVERYWHERE = (*WORDS, *(word.lower() for word in TOLD), '"answers"')
NINE = [3, 0, 2, 1, 3, 0, 1, 2, 0]
"""Answers in an order that nothing else has."""


class _Sink(BaseHTTPRequestHandler):
    """Takes spans as a collector does."""

    taken: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        zipped = self.headers.get("content-encoding") == "gzip"
        self.taken.append(gzip.decompress(body) if zipped else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing of it."""


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    taken: list[bytes] = []
    handler = type("Sink", (_Sink,), {"taken": taken})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
    finally:
        server.shutdown()
        server.server_close()


def found(text: str, words: tuple[str, ...] = EVERYWHERE) -> set[str]:
    """Which of the words a text holds."""
    lower = text.lower()
    return {word for word in words if word in lower}


async def comes_and_goes(clinic: Clinic) -> None:
    """A short way through all services, with something told wherever words can be."""
    group = {"group_id": "day", "dow": [TUE, WED, THU, FRI], "start_local": "09:00", "end_local": "12:00"}
    await clinic.opens("albany", group=group)
    await clinic.clock("2026-01-09T11:00")
    refused = await clinic.post(
        "/v1/referrals", {"site_id": "albany", "person": PERSON, "Ottoline": "Mooncastle"}
    )
    assert refused.status == 422
    path = await clinic.refers(site="albany", **PERSON)
    await clinic.signs(path)
    await clinic.does(f"{path}/screening", screening(answers(phq9=NINE)))
    await clinic.does(f"{path}/assessment", ASSESSED)
    await clinic.does(f"{path}/coverage", COMMERCIAL)
    await clinic.does(f"{path}/authorization", authorized(44, "2026-01-09", "2026-04-30", days_per_week=4))
    await clinic.does(f"{path}/seat-request", wish("2026-01-13", 720, 4))
    await clinic.clock("2026-01-13T08:15")
    admission = {"program_id": "adult_sud_day", "primary_clinician_id": "clinician", "program_kind": "sud"}
    await clinic.does(f"{path}/admission", admission)
    episode = path.replace("referrals", "episodes")
    await clinic.agrees(episode, *slots("day", TUE, WED, THU, FRI))
    await clinic.meets("2026-01-13", present(episode), group="day")
    await clinic.signs_plan(episode, goal("sobriety"))
    await clinic.cares(episode, "measures", {"instrument": "phq9", "answers": NINE})
    await clinic.cares(episode, "measures", {"instrument": "phq9", "answers": [3, 3, 3, 3, 3, 3, 3, 3, 3]})
    await told_wrongly(clinic, episode)
    await clinic.clock("2026-01-20T09:00")
    meeting = {"relapse_prevention_plan": True, "override_reason": "Zanzibar, her aunt"}
    await clinic.post(f"{episode}/aftercare", meeting, service="progress", role="clinician")
    leaving = {
        "reason": "transferred_higher_level",
        "receiving_program": "Mooncastle",
        "receiving_accepted": True,
    }
    await clinic.cares(episode, "discharge", leaving | {"handoff_basis": "emergency"})


async def told_wrongly(clinic: Clinic, episode: str) -> None:
    """Words where none are asked for: no refusal says them back, but for the names of fields."""
    for what, body in (
        ("measures", {"instrument": "Winterbottomley", "answers": NINE}),
        ("measures", {"instrument": "phq9", "answers": ["Quixandra"]}),
        ("outreach", {"channel": "Quixandra Winterbottomley", "reached": "Zanzibar"}),
        ("homework", {"kind": "call Ottoline", "due_on": "1961-07-29"}),
        ("medications", {"medication_ref": "+1 518 555 0147", "adherence": "Mooncastle"}),
        ("discharge", {"reason": "moved", "died_on": "Ottoline", "receiving_program": ["Zanzibar"]}),
    ):
        answer = await clinic.post(f"{episode}/{what}", body, service="progress", role="clinician")
        assert 400 <= answer.status < 500, answer.body
        assert found(json.dumps(answer.body)) - {'"answers"'} == set(), answer.body


@pytest.mark.slow
async def test_what_somebody_is_called_and_tells_is_nowhere_else() -> None:
    with collector() as (endpoint, spans):
        env = {
            "HANDRAIL_CLOCK_START": "2025-12-01T00:00:00+00:00",
            "HANDRAIL_LOG_LEVEL": "DEBUG",
            "HANDRAIL_OTLP_ENDPOINT": endpoint,
        }
        async with Stack.temporary(clock="manual", env=env) as stack:
            urls = {name: stack.url(name) for name in SERVICES}
            async with (
                Timekeeper(urls, stack.token("operator"), alone=True) as keeper,
                httpx.AsyncClient(timeout=30) as http,
            ):
                await comes_and_goes(Clinic(stack, keeper, http, "albany", "America/New_York"))
                shown = {name: (await http.get(f"{url}/metrics")).text for name, url in urls.items()}
            _, stream = await carried(stack)
            kept = await rows_of(stack)
            for name in SERVICES:
                # Whoever stops sends the spans that are still there.
                await asyncio.to_thread(stack.restart, name)
            logs = {path.name: path.read_text(errors="replace") for path in stack.data.rglob("*.log")}

    assert len(stream) > 30
    for message in stream:
        assert found(message.subject + json.dumps(message.headers)) == set(), message.subject
        assert found(message.body.decode()) == set(), message.subject
        assert str(NINE).replace(" ", "") not in message.body.decode().replace(" ", "")
    assert all("handrail_messages_total" in text and not found(text) for text in shown.values())
    assert {name: found(text) for name, text in logs.items() if found(text)} == {}
    assert any(b"command RecordMeasure" in each for each in spans)
    assert [found(each.decode("latin-1")) for each in spans if found(each.decode("latin-1"))] == []
    told = {name for name, text in kept.items() if found(text, WORDS)}
    assert told
    assert {name.partition(".")[0] for name in told} == {"intake"}


async def rows_of(stack: Stack) -> dict[str, str]:
    """Every row that intake keeps, which is told names, and that two services keep which are not."""
    db = await connect(stack)
    try:
        kept = {}
        for service in ("intake", "progress", "scheduling"):
            tables = await db.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace "
                "AND relkind IN ('r', 'p') AND NOT relispartition",
                service,
            )
            for table in (t["relname"] for t in tables):
                found = await db.fetch(f"SELECT to_jsonb(t)::text AS row FROM {service}.{table} AS t")
                kept[f"{service}.{table}"] = "\n".join(row["row"] for row in found)
        return kept
    finally:
        await db.close()
