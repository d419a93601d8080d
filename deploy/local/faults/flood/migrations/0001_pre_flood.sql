CREATE TABLE floods (
    id text PRIMARY KEY, network_id text NOT NULL, site_id text NOT NULL,
    version bigint NOT NULL, said bigint NOT NULL DEFAULT 0, state jsonb NOT NULL
);
CREATE TABLE mirrors (
    id text PRIMARY KEY, network_id text NOT NULL, site_id text NOT NULL,
    version bigint NOT NULL, said bigint NOT NULL DEFAULT 0, state jsonb NOT NULL
);
