-- Referrals, the sites they come to, and who is known in a network.

CREATE TABLE sites (
    id text PRIMARY KEY,
    network_id text NOT NULL,
    site_id text NOT NULL,
    version bigint NOT NULL,
    said bigint NOT NULL DEFAULT 0,
    state jsonb NOT NULL
);

CREATE TABLE referrals (
    id text PRIMARY KEY,
    network_id text NOT NULL,
    site_id text NOT NULL,
    version bigint NOT NULL,
    said bigint NOT NULL DEFAULT 0,
    state jsonb NOT NULL,
    stage text GENERATED ALWAYS AS (state ->> 'stage') STORED,
    likeness text GENERATED ALWAYS AS (state ->> 'likeness') STORED
);
CREATE INDEX referrals_of_site ON referrals (network_id, site_id, id);
CREATE INDEX referrals_alike ON referrals (network_id, likeness);
CREATE INDEX referrals_waiting ON referrals (network_id, site_id) WHERE stage = 'WAITLISTED';

-- Keys are digests of identifiers, and of name, birth date and phone.
CREATE TABLE known_people (
    network_id text NOT NULL,
    person_key text NOT NULL,
    referral_id text NOT NULL,
    PRIMARY KEY (network_id, person_key, referral_id)
);

-- Whose way is open now: at most one referral or episode for each key of a person.
CREATE TABLE open_people (
    network_id text NOT NULL,
    person_key text NOT NULL,
    referral_id text NOT NULL,
    PRIMARY KEY (network_id, person_key)
);
CREATE INDEX open_people_of_referral ON open_people (referral_id);
