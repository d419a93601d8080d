-- Two people who must not meet: no-contact orders, relatives. One row a pair, the lesser id first.
CREATE TABLE keep_apart (
  network_id text NOT NULL,
  site_id text NOT NULL,
  first_id text NOT NULL,
  second_id text NOT NULL CHECK (first_id < second_id),
  kept_at timestamptz NOT NULL,
  kept_by text NOT NULL,
  PRIMARY KEY (first_id, second_id)
);
CREATE INDEX keep_apart_second ON keep_apart (second_id);
