-- A person may also come to one session beside the agreed week: a booking of its own, from its start to its end.
ALTER TABLE bookings ADD COLUMN booking_id text;
ALTER TABLE bookings ADD COLUMN cause text NOT NULL DEFAULT '';

-- Whose things are in which locker: one person at a time.
CREATE TABLE lockers (
  network_id text NOT NULL,
  site_id text NOT NULL,
  locker_id text NOT NULL,
  episode_id text NOT NULL,
  session_id text NOT NULL,
  taken_at timestamptz NOT NULL,
  PRIMARY KEY (network_id, site_id, locker_id)
);
