CREATE TABLE sites (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL
);

CREATE TABLE groups (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL
);
CREATE INDEX groups_of_site ON groups (network_id, site_id, id);

CREATE TABLE sessions (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL,
  group_id text GENERATED ALWAYS AS (state->>'group_id') STORED,
  local_date text GENERATED ALWAYS AS (state->>'local_date') STORED,
  stage text GENERATED ALWAYS AS (state->>'stage') STORED
);
CREATE INDEX sessions_of_day ON sessions (network_id, site_id, local_date);
CREATE INDEX sessions_of_group ON sessions (group_id, local_date);

CREATE TABLE calendars (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL,
  stage text GENERATED ALWAYS AS (state->>'stage') STORED
);
CREATE INDEX calendars_of_site ON calendars (network_id, site_id, stage);

-- One row a seat: whoever's id stands in it sits there, so no seat can be sold twice.
CREATE TABLE seats (
  network_id text NOT NULL,
  site_id text NOT NULL,
  group_id text NOT NULL,
  dow smallint NOT NULL CHECK (dow BETWEEN 1 AND 7),
  seat_no smallint NOT NULL CHECK (seat_no > 0),
  episode_id text,
  taken_at timestamptz,
  PRIMARY KEY (group_id, dow, seat_no),
  UNIQUE (group_id, dow, episode_id)
);
CREATE INDEX seats_of_episode ON seats (episode_id) WHERE episode_id IS NOT NULL;
CREATE INDEX seats_of_site ON seats (network_id, site_id);

-- The agreed weeks as rows: who is expected at which group on which weekday, from when until when.
CREATE TABLE bookings (
  network_id text NOT NULL,
  site_id text NOT NULL,
  episode_id text NOT NULL,
  group_id text NOT NULL,
  dow smallint NOT NULL CHECK (dow BETWEEN 1 AND 7),
  from_at timestamptz NOT NULL,
  until_at timestamptz,
  booked_at timestamptz NOT NULL,
  PRIMARY KEY (episode_id, group_id, dow, from_at),
  CHECK (until_at IS NULL OR until_at > from_at)
);
CREATE INDEX bookings_of_group ON bookings (group_id, dow, from_at);
