"""Structured logs without personal data, traces that cross the bus, and metrics."""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
HANDLED = Histogram(
    "handrail_handling_seconds",
    "Time from the start of a transaction to its commit.",
    ["kind"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
MESSAGES = Counter(
    "handrail_messages_total", "Messages handled.", ["kind", "name", "outcome"], registry=REGISTRY
)
LANE_LAG = Gauge(
    "handrail_lane_lag", "Events in the stream that this service has not read.", ["lane"], registry=REGISTRY
)
OUTBOX_AGE = Gauge(
    "handrail_outbox_age_seconds", "Age of the oldest event not yet on the bus.", registry=REGISTRY
)
OUTBOX_UNSENT = Gauge("handrail_outbox_unsent", "Events not yet on the bus.", registry=REGISTRY)
PARKED = Gauge("handrail_parked", "Messages parked.", registry=REGISTRY)
BUS_ERRORS = Counter("handrail_bus_errors_total", "Errors the bus told us of.", ["kind"], registry=REGISTRY)

_tracer: trace.Tracer | None = None


def configure_logs(service: str, level: str) -> None:
    """One JSON line per log entry on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(level.upper(), 20)
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    for noisy in ("nats", "faststream", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def log() -> Any:
    """The logger of this process."""
    return structlog.get_logger()


def configure_traces(service: str, endpoint: str) -> None:
    """Send spans to an OTLP endpoint; without one, trace context is only passed on."""
    global _tracer  # noqa: PLW0603 - one tracer for the process, set once at start
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"handrail-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = provider.get_tracer("handrail")


@contextmanager
def span(name: str, parent: str | None, kind: SpanKind = SpanKind.CONSUMER) -> Iterator[str]:
    """Do one thing within a span; gives the traceparent that its facts must carry on."""
    if _tracer is None:
        yield parent or new_traceparent()
        return
    with _tracer.start_as_current_span(
        name, context=_context(parent), kind=kind, record_exception=False
    ) as current:
        yield _traceparent(current.get_span_context())


def new_traceparent() -> str:
    """The beginning of a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _context(parent: str | None) -> Any:
    parts = (parent or "").split("-")
    if len(parts) != 4:
        return None
    try:
        context = SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=TraceFlags(1))
    except ValueError:
        return None
    return trace.set_span_in_context(NonRecordingSpan(context))
