"""What must hold in the books of a flood, as statements that find what does not."""

from dataclasses import dataclass

ADDED = "flood.added.v1"
TALLIED = "flood.tallied.v1"

OUTBOX = """SELECT event_id, type, aggregate_id, sequence, subject, headers::text AS headers, body,
    sent_at IS NOT NULL AS sent, stream_seq
  FROM outbox ORDER BY stream_seq NULLS LAST, id"""
KNOWN = "SELECT DISTINCT event_id FROM outbox WHERE event_id = ANY($1)"
ANSWERS = """SELECT i.key, i.answer::text AS answer, jsonb_array_length(i.answer->'said') AS said,
    count(o.event_id) AS found, min(o.sequence) AS first, max(o.sequence) AS last
  FROM idempotency i CROSS JOIN LATERAL jsonb_array_elements(i.answer->'said') AS e
    LEFT JOIN outbox o ON o.event_id = e->>'id' AND o.aggregate_id = i.answer->>'id'
  GROUP BY i.caller, i.key"""
STATES = """SELECT f.id, (f.state->>'poured')::bigint AS poured, f.version AS versions, m.version AS told,
    (m.state->>'count')::bigint AS heard, m.state->>'digest' AS digest
  FROM floods f LEFT JOIN mirrors m USING (id)"""


@dataclass(frozen=True, slots=True)
class Check:
    """A statement whose rows, each with `about`, are what does not hold."""

    kind: str
    sentence: str
    sql: str
    of_stream: bool = False
    """Asks with the stream's creation time and last sequence."""
    of_places: bool = False
    """Holds only in the stream in which the events were first heard."""


CHECKS = (
    Check(
        "doubled",
        "an event was written down more than once",
        "SELECT event_id AS about FROM outbox GROUP BY event_id HAVING count(*) > 1",
    ),
    Check(
        "out_of_order",
        "the outbox does not count up here",
        """SELECT event_id AS about FROM (SELECT event_id, sequence, row_number() OVER (
             PARTITION BY type, aggregate_id ORDER BY id) AS n FROM outbox) AS o WHERE sequence <> n""",
    ),
    Check(
        "lost",
        "the journal has gaps",
        """SELECT aggregate || ' ' || aggregate_id AS about FROM journal GROUP BY aggregate, aggregate_id
           HAVING min(version) <> 1 OR max(version) <> count(*)""",
    ),
    Check(
        "lost",
        "a fact or an event stands alone",
        f"""SELECT coalesce(o.event_id, j.type || ' ' || j.aggregate_id || ' ' || j.version) AS about
            FROM journal j FULL JOIN outbox o ON o.type = j.type AND o.aggregate_id = j.aggregate_id
              AND o.sequence = j.version
              AND j.aggregate = CASE o.type WHEN '{ADDED}' THEN 'floods' ELSE 'mirrors' END
            WHERE o.event_id IS NULL OR j.type IS NULL""",
    ),
    Check(
        "altered",
        "the event is not its fact of the journal",
        """SELECT o.event_id AS about FROM journal j JOIN outbox o ON o.type = j.type
             AND o.aggregate_id = j.aggregate_id AND o.sequence = j.version
           WHERE o.cause <> j.cause OR o.body::jsonb <> j.data""",
    ),
    Check(
        "lost",
        "an event was never heard",
        f"""SELECT event_id AS about FROM outbox o WHERE type = '{ADDED}'
              AND NOT EXISTS (SELECT FROM inbox i WHERE i.event_id = o.event_id)""",
    ),
    Check(
        "lost",
        "an event was heard that nobody said",
        f"""SELECT event_id AS about FROM inbox i
            WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = i.event_id AND o.type = '{ADDED}')""",
    ),
    Check(
        "altered",
        "an event was heard elsewhere than in its place",
        """SELECT i.event_id AS about FROM inbox i JOIN outbox o USING (event_id)
           WHERE i.lane <> o.lane OR i.stream_seq <> o.stream_seq""",
        of_places=True,
    ),
    Check(
        "lost",
        "what was heard had no effect",
        """SELECT event_id AS about FROM inbox i WHERE NOT EXISTS (
             SELECT FROM journal j WHERE j.aggregate = 'mirrors' AND j.cause = i.event_id)""",
    ),
    Check(
        "doubled",
        "what was heard had an effect more than once",
        "SELECT cause AS about FROM journal WHERE aggregate = 'mirrors' GROUP BY cause HAVING count(*) > 1",
    ),
    Check(
        "out_of_order",
        "was not applied in its turn",
        f"""SELECT o.event_id AS about FROM journal j JOIN outbox o ON o.event_id = j.cause
            WHERE j.aggregate = 'mirrors' AND o.type = '{ADDED}'
              AND (j.aggregate_id <> o.aggregate_id OR j.version <> o.sequence)""",
    ),
    Check(
        "torn",
        "was admitted in another transaction than it was applied",
        """SELECT i.event_id AS about FROM inbox i JOIN journal j ON j.cause = i.event_id
           WHERE j.aggregate = 'mirrors' AND i.xmin <> j.xmin""",
    ),
    Check(
        "torn",
        "the facts of one command were kept in several transactions",
        """SELECT cause AS about FROM journal WHERE aggregate = 'floods' GROUP BY cause
           HAVING count(DISTINCT xmin::text) > 1""",
    ),
    Check(
        "torn",
        "the answer was kept in another transaction than what it tells",
        """SELECT i.key AS about FROM idempotency i JOIN outbox o ON o.event_id = i.answer->'said'->0->>'id'
             JOIN journal j ON j.aggregate = 'floods' AND j.aggregate_id = o.aggregate_id
               AND j.version = o.sequence
           WHERE i.xmin <> j.xmin""",
    ),
    Check(
        "doubled",
        "said without an answer that tells of it",
        """SELECT cause AS about FROM (SELECT DISTINCT cause FROM journal WHERE aggregate = 'floods') AS c
           WHERE NOT EXISTS (SELECT FROM idempotency i
             JOIN outbox o ON o.event_id = i.answer->'said'->0->>'id' WHERE o.cause = c.cause)""",
    ),
    Check(
        "lost",
        "has not been read to its end",
        """SELECT 'lane ' || lane AS about FROM lane_heads h LEFT JOIN positions p USING (lane)
           WHERE h.stream_seq > 0 AND (p.seq IS NULL OR p.seq < h.stream_seq
             OR p.stream <> $1 OR h.stream <> $1 OR p.seq > $2)""",
        of_stream=True,
    ),
    Check(
        "parked_unexplained",
        "was parked",
        "SELECT kind || ' ' || name || ' of ' || aggregate_id || ' (' || reason || ')' AS about FROM parked",
    ),
)
