CREATE TABLE people (
  id text PRIMARY KEY,
  network_id text NOT NULL,
  site_id text NOT NULL,
  version bigint NOT NULL,
  said bigint NOT NULL DEFAULT 0,
  state jsonb NOT NULL,
  waiting boolean GENERATED ALWAYS AS (state->'queued' <> '{}'::jsonb) STORED
);
CREATE INDEX people_waiting ON people (network_id, site_id) WHERE waiting;

-- What became of each message: sent or suppressed. The queue itself lives in the people's states.
CREATE TABLE messages (
  message_id text PRIMARY KEY,
  episode_id text NOT NULL,
  network_id text NOT NULL,
  site_id text NOT NULL,
  template_id text NOT NULL,
  channel text NOT NULL,
  recipient_role text NOT NULL,
  status text NOT NULL,
  reason text,
  at timestamptz NOT NULL
);
CREATE INDEX messages_of_site ON messages (network_id, site_id, at DESC, message_id DESC);
CREATE INDEX messages_of_episode ON messages (episode_id, at DESC, message_id DESC);
