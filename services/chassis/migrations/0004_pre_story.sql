-- What others said about the aggregates of a service that keeps their whole story; elsewhere it stays empty.
CREATE TABLE story (
    aggregate_id text NOT NULL,
    at timestamptz NOT NULL,
    event_id text NOT NULL,
    stream_seq bigint NOT NULL,
    type text NOT NULL,
    recorded_at timestamptz NOT NULL,
    cause text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (aggregate_id, at, event_id)
);
