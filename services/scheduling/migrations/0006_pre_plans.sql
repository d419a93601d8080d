CREATE TABLE plans (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL
);
CREATE INDEX plans_of_site ON plans (network_id, site_id, id DESC);
