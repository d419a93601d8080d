-- The link by which one person's calendar is read without signing in: only a digest of its token is kept.
CREATE TABLE calendar_links (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL,
  digest text GENERATED ALWAYS AS (state->>'digest') STORED
);
CREATE UNIQUE INDEX calendar_links_by_digest ON calendar_links (digest);

CREATE INDEX sessions_of_facilitator
  ON sessions (network_id, (state->>'facilitator_id'), local_date) WHERE state->>'facilitator_id' IS NOT NULL;
CREATE INDEX sessions_of_room
  ON sessions (network_id, site_id, (state->>'room_id'), local_date) WHERE state->>'room_id' IS NOT NULL;
