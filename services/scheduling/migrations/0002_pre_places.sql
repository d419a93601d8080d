-- Who leads sessions, at which sites, and when they are away.
CREATE TABLE clinicians (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL
);
CREATE INDEX clinicians_listed ON clinicians
  USING gin (jsonb_path_query_array(state, '$.listings[*].site_id'));
