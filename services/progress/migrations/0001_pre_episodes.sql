CREATE TABLE episodes (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL,
  stage text GENERATED ALWAYS AS (state->>'stage') STORED,
  consecutive_missed int GENERATED ALWAYS AS ((state->>'consecutive_missed')::int) STORED,
  undecided boolean GENERATED ALWAYS AS (state->>'step_down' IS NOT NULL OR state->>'step_up' IS NOT NULL) STORED
);
CREATE INDEX episodes_of_site ON episodes (network_id, site_id, id);
CREATE INDEX episodes_by_stage ON episodes (network_id, stage, id);
CREATE INDEX episodes_missing ON episodes (network_id, site_id, id) WHERE consecutive_missed > 0;
CREATE INDEX episodes_undecided ON episodes (network_id, site_id, id) WHERE undecided;
-- A recommendation is answered by its own id: this finds the episode that it belongs to.
CREATE INDEX episodes_recommendations ON episodes USING gin ((state->'recommendations') jsonb_path_ops);
