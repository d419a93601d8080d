-- The admissions desk: who looks after a referral, since when it stands where it stands, and what cannot wait.
-- Instants are kept as text of one form (RFC 3339 in UTC), whose order is the order of time.

ALTER TABLE referrals
    ADD COLUMN owner text GENERATED ALWAYS AS (state ->> 'owner') STORED,
    ADD COLUMN source text GENERATED ALWAYS AS (state ->> 'source') STORED,
    ADD COLUMN urgency text GENERATED ALWAYS AS (state ->> 'urgency') STORED,
    ADD COLUMN born text GENERATED ALWAYS AS (state -> 'person' ->> 'birth_date') STORED,
    ADD COLUMN patient_id text GENERATED ALWAYS AS (state ->> 'patient_id') STORED,
    ADD COLUMN queue_rank smallint GENERATED ALWAYS AS (
        CASE
            WHEN jsonb_path_exists(state, '$.alerts[*] ? (@.severity == "high")') THEN 0
            WHEN jsonb_path_exists(state, '$.alerts[*]') THEN 1
            WHEN state ->> 'urgency' = 'emergent' THEN 2
            WHEN state ->> 'urgency' = 'urgent' THEN 3
            ELSE 4
        END
    ) STORED;

CREATE INDEX referrals_desk ON referrals (network_id, site_id, queue_rank, id)
    WHERE stage IN ('REFERRED', 'SCREENED', 'DETOX_REFERRED', 'ASSESSED', 'WAITLISTED');
CREATE INDEX referrals_alerted ON referrals (network_id, site_id)
    WHERE jsonb_array_length(state -> 'alerts') > 0;
CREATE INDEX referrals_born ON referrals (network_id, born);
CREATE INDEX referrals_of_patient ON referrals (network_id, patient_id);
CREATE INDEX referrals_sources ON referrals USING gin ((state -> 'sources') jsonb_path_ops);
