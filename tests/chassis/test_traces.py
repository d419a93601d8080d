"""One trace goes from the request through the outbox and the bus to what the reaction says."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis import telemetry
from tests.chassis.conftest import START, Lab
from tests.chassis.toy_service.toy import AskToBeWoken, Tick

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
_OUTBOX = "SELECT type, headers->>'traceparent' AS trace FROM outbox ORDER BY id"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Everything that is traced while the test runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


async def tick(lab: Lab, edge: httpx.AsyncClient, note: str | None = None) -> None:
    """A request in a trace, whose event is heard."""
    lab.start()
    body = {"site_id": "s1", "note": note}
    reply = await edge.post("/v1/counters/c1/tick", json=body, headers={"traceparent": TRACEPARENT})
    assert reply.status_code == 201
    await lab.quiet()


async def test_without_a_tracer_the_callers_trace_is_passed_on(lab: Lab, edge: httpx.AsyncClient) -> None:
    await tick(lab, edge)

    assert [r["trace"] for r in await lab.fetch(_OUTBOX)] == [TRACEPARENT]


async def test_the_spans_of_a_story_are_linked(
    lab: Lab, edge: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await tick(lab, edge)

    by_name = {span.name: span for span in spans.get_finished_spans()}
    command, event = by_name["command Tick"], by_name["event toy.ticked.v1"]
    assert {trace_of(span) for span in (command, event)} == {TRACE}
    assert parent_of(command) == CALLER
    assert parent_of(event) == span_of(command)
    assert (await lab.fetch(_OUTBOX))[0]["trace"] == f"00-{TRACE}-{span_of(command)}-01"


async def test_what_a_reaction_says_belongs_to_the_same_trace(
    lab: Lab, edge: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await tick(lab, edge, "echo")

    rows = await lab.fetch(_OUTBOX)
    reacting = next(s for s in spans.get_finished_spans() if s.name == "event toy.ticked.v1")
    assert [r["type"] for r in rows] == ["toy.ticked.v1", "toy.echoed.v1"]
    assert {r["trace"].split("-")[1] for r in rows} == {TRACE}
    assert rows[1]["trace"].split("-")[2] == span_of(reacting)


async def test_a_wake_asked_for_in_a_trace_rings_in_it(lab: Lab, spans: InMemorySpanExporter) -> None:
    lab.start()
    await lab.take(Tick("net", "s1"), "c1")
    await lab.take(AskToBeWoken(START, "alarm:x"), "c1")
    await lab.quiet()

    asked, rang = (
        next(s for s in spans.get_finished_spans() if s.name == name)
        for name in ("command AskToBeWoken", "wake alarm")
    )
    assert parent_of(rang) == span_of(asked)
    assert trace_of(rang) == trace_of(asked)


async def test_a_made_up_traceparent_starts_a_trace_of_its_own(lab: Lab, edge: httpx.AsyncClient) -> None:
    bad = ("nonsense", f"00-{TRACE}-{CALLER}", f"00-{'g' * 32}-{CALLER}-01", "00-" + "1" * 300, "")
    for trace in bad:
        await edge.post("/v1/counters/c1/tick", json={"site_id": "s1"}, headers={"traceparent": trace})

    traces = [r["trace"] for r in await lab.fetch(_OUTBOX)]
    assert len(set(traces)) == len(bad)
    assert all([len(p) for p in t.split("-")] == [2, 32, 16, 2] for t in traces)
    assert not any(t in b for t, b in itertools.product(traces, bad))


async def test_spans_carry_no_ids_and_no_content(
    lab: Lab, edge: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await tick(lab, edge)

    for span in spans.get_finished_spans():
        assert "c1" not in span.name
        assert not span.attributes
        assert not span.events


def trace_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def span_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    assert span.parent is not None
    return f"{span.parent.span_id:016x}"
