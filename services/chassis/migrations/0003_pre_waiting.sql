-- The relay asks for what waits in the order of the ids, whatever the lanes. An index that leads with the lane makes
-- it sort all that waits for every batch: 60 ms instead of 0.4 where 120,000 wait.
CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL;
DROP INDEX outbox_unsent;
