-- What every service keeps beside its own tables. Unqualified: the search path is the service's schema.

CREATE TABLE journal (
    aggregate text NOT NULL,
    aggregate_id text NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    cause text NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (aggregate, aggregate_id, version)
);

-- Rows are kept: the outbox is the record, the bus only carries.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    recorded_on date NOT NULL DEFAULT CURRENT_DATE,
    event_id text NOT NULL,
    type text NOT NULL,
    lane smallint NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint NOT NULL,
    cause text NOT NULL,
    correlation_id text NOT NULL,
    subject text NOT NULL,
    headers jsonb NOT NULL,
    body text NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    sent_at timestamptz,
    stream_seq bigint,
    PRIMARY KEY (id, recorded_on)
) PARTITION BY RANGE (recorded_on);
CREATE TABLE outbox_rest PARTITION OF outbox DEFAULT;
CREATE INDEX outbox_unsent ON outbox (lane, id) WHERE sent_at IS NULL;
CREATE INDEX outbox_event ON outbox (event_id);
CREATE INDEX outbox_story ON outbox (correlation_id, id);

-- Called at every migration: the months ahead get their partitions before they begin. A month whose first
-- rows already lie in the rest stays there.
CREATE FUNCTION keep_outbox_partitions(ahead integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', CURRENT_DATE);
BEGIN
    FOR month IN 0..ahead LOOP
        BEGIN
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS outbox_%s PARTITION OF outbox FOR VALUES FROM (%L) TO (%L)',
                to_char(first + make_interval(months => month), 'YYYYMM'),
                first + make_interval(months => month),
                first + make_interval(months => month + 1)
            );
        EXCEPTION WHEN check_violation THEN
            NULL;
        END;
    END LOOP;
END $$;

CREATE TABLE lane_heads (
    lane smallint PRIMARY KEY,
    stream_seq bigint NOT NULL
);

CREATE TABLE inbox (
    event_id text PRIMARY KEY,
    lane smallint NOT NULL,
    stream_seq bigint NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE positions (
    lane smallint PRIMARY KEY,
    seq bigint NOT NULL,
    stream text NOT NULL
);

CREATE TABLE wakes (
    aggregate text NOT NULL,
    aggregate_id text NOT NULL,
    what text NOT NULL,
    lane smallint NOT NULL,
    at timestamptz NOT NULL,
    cause text NOT NULL,
    correlation_id text NOT NULL,
    traceparent text,
    PRIMARY KEY (aggregate, aggregate_id, what)
);
CREATE INDEX wakes_at ON wakes (at);

CREATE TABLE parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    aggregate_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    message_id text NOT NULL,
    lane smallint NOT NULL,
    content jsonb NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    trace text NOT NULL DEFAULT '',
    parked_at timestamptz NOT NULL,
    dropped_at timestamptz,
    dropped_reason text
);
CREATE INDEX parked_aggregate ON parked (aggregate_id, id) WHERE dropped_at IS NULL;

CREATE TABLE idempotency (
    caller text NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status smallint NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE TABLE clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    now timestamptz NOT NULL
);
