"""What a service refuses to serve with: names, sentences and cures, one row each."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.event import MAX_EVENT_BYTES
from contracts.subjects import STREAM
from services.chassis import findings as see
from services.chassis.findings import HEADER_ROOM, OLDEST_NATS, Facts


@dataclass(frozen=True)
class Unsafe:
    """One thing that must be mended before the process may serve."""

    name: str
    sentence: str
    cure: str


@dataclass(frozen=True)
class Check:
    """One row of the table; `find` says what was seen, or nothing where all is well."""

    name: str
    refused: str
    cure: str
    find: Callable[[Facts], str]


DATABASE = (
    Check(
        "fsync",
        "PostgreSQL confirms what it has not flushed to its disk",
        "Set `fsync = on` and restart PostgreSQL; restore the cluster if it crashed meanwhile.",
        see.setting("fsync", good=["on"]),
    ),
    Check(
        "full_page_writes",
        "PostgreSQL cannot mend a page that a power cut tore",
        "Set `full_page_writes = on` and reload PostgreSQL.",
        see.setting("full_page_writes", good=["on"]),
    ),
    Check(
        "synchronous_commit",
        "PostgreSQL confirms a commit before it is kept",
        "Set `synchronous_commit = on`; look at ALTER ROLE and ALTER DATABASE too.",
        see.setting("synchronous_commit", good=["on", "remote_write", "remote_apply"]),
    ),
    Check(
        "data_checksums",
        "PostgreSQL would not notice a page that went bad",
        "Stop PostgreSQL and run `pg_checksums --enable`.",
        see.setting("data_checksums", good=["on"]),
    ),
    Check(
        "damage_ignored",
        "PostgreSQL reads over damaged pages as if they were empty or whole",
        "Set `zero_damaged_pages` and `ignore_checksum_failure` to off; restore what was damaged.",
        see.setting("zero_damaged_pages", "ignore_checksum_failure", good=["off"]),
    ),
    Check(
        "server_encoding",
        "The database cannot hold every text",
        "Make the database anew with ENCODING 'UTF8' and restore into it.",
        see.setting("server_encoding", good=["UTF8"]),
    ),
    Check(
        "isolation",
        "Transactions begin with another isolation than the code was proved with",
        "Set `default_transaction_isolation = 'read committed'` for the role, the database and the server.",
        see.setting("default_transaction_isolation", good=["read committed"]),
    ),
    Check(
        "standby",
        "The database only follows another",
        "Point HANDRAIL_PG_HOST at the primary.",
        lambda f: "it is in recovery" * bool(f.role["standby"]),
    ),
    Check(
        "read_only",
        "The database takes no writes from this role",
        "Set `default_transaction_read_only = off` for the role, the database and the server.",
        see.read_only,
    ),
    Check(
        "superuser",
        "The service runs as a superuser of the database",
        "Set HANDRAIL_PG_USER to the limited role of the service.",
        see.role("rolsuper"),
    ),
    Check(
        "bypassrls",
        "The role of the service passes over row security",
        "ALTER ROLE ... NOBYPASSRLS.",
        see.role("rolbypassrls"),
    ),
    Check(
        "privileged_role",
        "The role of the service has rights over the whole server",
        "ALTER ROLE ... NOCREATEROLE NOCREATEDB NOREPLICATION.",
        see.role("rolcreaterole", "rolcreatedb", "rolreplication"),
    ),
    Check(
        "schema_owner",
        "The role of the service could change the schema or drop its record",
        "Let `<service>_owner` own the schema and all in it; grant the service only rows.",
        see.owns,
    ),
    Check(
        "unlogged_table",
        "A crash of PostgreSQL would empty a table",
        "ALTER TABLE ... SET LOGGED.",
        lambda f: ", ".join(f.role["unlogged"]) and f"unlogged: {', '.join(f.role['unlogged'])}",
    ),
    Check(
        "outbox_sequence",
        "Numbers of the outbox do not follow the order in which they were drawn",
        "ALTER TABLE outbox ALTER COLUMN id SET CACHE 1 SET INCREMENT BY 1 SET NO CYCLE.",
        see.sequence,
    ),
    Check(
        "clock_database",
        "The clocks of this process and of PostgreSQL are apart",
        "Set both by NTP.",
        lambda f: see.seconds_off(f.database_clock_off),
    ),
)

BUS = (
    Check(
        "clock_bus",
        "The clocks of this process and of NATS are apart",
        "Set both by NTP.",
        see.on_nodes(lambda n: see.seconds_off(n.clock_off)),
    ),
    Check(
        "monitors",
        "Whether NATS flushes before it confirms cannot be seen",
        "Set HANDRAIL_NATS_MONITORS to the monitor URLs of all nodes, separated by commas.",
        see.monitors,
    ),
    Check(
        "sync_interval",
        "NATS confirms what it has not flushed to its disk",
        "Set `jetstream { sync_interval: always }` on every node and restart one after the other.",
        see.on_nodes(see.lazy),
    ),
    Check(
        "nats_version",
        "NATS is too old to store a batch whole or not at all",
        f"Upgrade every node to {OLDEST_NATS[0]}.{OLDEST_NATS[1]} or newer.",
        see.on_nodes(see.old),
    ),
    Check(
        "bus_open",
        "NATS lets anybody in",
        "Give nats-server an `authorization` block; `deploy/nats/permissions.py` derives its users.",
        see.on_nodes(lambda n: "" if n.varz.get("auth_required") else "no authentication"),
    ),
    Check(
        "max_payload",
        "NATS refuses events that the contracts allow",
        f"Set `max_payload` to at least {MAX_EVENT_BYTES + HEADER_ROOM} on every node.",
        see.on_nodes(see.payload),
    ),
    Check(
        "stream_missing",
        "The stream does not exist",
        "`python -m deploy.nats.topology` declares it; if it was lost, run `handrail rebuild` then.",
        lambda f: "" if f.stream else STREAM,
    ),
    Check(
        "foreign_stream",
        "The stream is another than the one this service spoke to and heard",
        "Point HANDRAIL_NATS_SERVERS at the right bus or, if the stream was lost, run `handrail rebuild`.",
        see.foreign,
    ),
    Check(
        "stream_storage",
        "The stream forgets all when NATS restarts",
        "Move it aside, `python -m deploy.nats.topology`, `handrail rebuild`.",
        see.equals("storage", "file"),
    ),
    Check(
        "stream_retention",
        "The stream deletes what was read",
        "Move it aside, `python -m deploy.nats.topology`, `handrail rebuild`.",
        see.equals("retention", "limits"),
    ),
    Check(
        "stream_discard",
        "A full stream deletes its oldest events",
        "`python -m deploy.nats.topology` sets `discard: new`.",
        see.equals("discard", "new"),
    ),
    Check(
        "stream_expiry",
        "The stream deletes events by age or by number",
        "`python -m deploy.nats.topology` lifts the limit; if events are gone, `handrail rebuild` then.",
        see.config(see.expiry),
    ),
    Check(
        "stream_sealed",
        "The stream is closed for good",
        "Move it aside, `python -m deploy.nats.topology`, `handrail rebuild`.",
        see.equals("sealed", False, False),
    ),
    Check(
        "stream_replicas",
        "The stream is kept on fewer nodes than wanted",
        "HANDRAIL_NATS_REPLICAS=3 `python -m deploy.nats.topology`, or set what is wanted.",
        see.replicas,
    ),
    Check(
        "stream_acknowledgements",
        "The stream confirms nothing, so nobody knows what it holds",
        "`python -m deploy.nats.topology` sets `no_ack: false`.",
        see.equals("no_ack", False, False),
    ),
    Check(
        "stream_rewritten",
        "The stream holds other than what is said to it",
        "Take mirror, sources and subject_transform off, or move it aside and declare it anew.",
        see.config(see.rewritten),
    ),
    Check(
        "missing_lane",
        "The stream does not store everything this service says, in every lane",
        "`python -m deploy.nats.topology` sets the subjects.",
        see.missing_lanes,
    ),
    Check(
        "max_msg_size",
        "The stream refuses events that the contracts allow",
        "`python -m deploy.nats.topology` sets `max_msg_size`.",
        see.config(see.size),
    ),
    Check(
        "duplicate_window",
        "The stream forgets too soon what it holds already",
        "`python -m deploy.nats.topology` sets `duplicate_window` to 120 s.",
        see.config(see.window),
    ),
    Check(
        "atomic_batches",
        "The stream takes half a batch",
        "`python -m deploy.nats.topology` sets `allow_atomic`.",
        see.equals("allow_atomic", True, False),
    ),
    Check(
        "persist_mode",
        "The stream confirms what it has not written",
        "Move it aside, `python -m deploy.nats.topology`, `handrail rebuild`.",
        lambda f: (
            "persist_mode is async" * bool(f.stream and f.stream["config"].get("persist_mode") == "async")
        ),
    ),
)
"""Everything that is refused, in the order in which it is said."""

CHECKS = DATABASE + BUS


def judge(facts: Facts, checks: tuple[Check, ...] = CHECKS) -> list[Unsafe]:
    """The findings, in the order of the table."""
    found = ((check, check.find(facts)) for check in checks)
    return [Unsafe(c.name, f"{c.refused}: {what}.", c.cure) for c, what in found if what]
