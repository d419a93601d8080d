-- Who needs somebody's attention: people whose way is not over, or whose alert nobody has closed.
ALTER TABLE episodes
  ADD COLUMN clinician_id text GENERATED ALWAYS AS (state->>'clinician_id') STORED,
  ADD COLUMN in_care boolean GENERATED ALWAYS AS
    (state->>'stage' <> 'DISCHARGED' OR jsonb_array_length(state->'alerts') > 0) STORED,
  ADD COLUMN discharged_on text GENERATED ALWAYS AS (state->>'discharged_on') STORED;
CREATE INDEX episodes_in_care ON episodes (network_id, site_id, clinician_id, id) WHERE in_care;
-- Civil days are kept as their text, whose order is theirs.
CREATE INDEX episodes_discharged ON episodes (network_id, site_id, discharged_on) WHERE discharged_on IS NOT NULL;
