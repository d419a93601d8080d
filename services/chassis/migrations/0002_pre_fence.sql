-- The relay publishes only behind the head it knows, and heads count in one stream: that of this creation time.
-- Each message carries its ordinal among those of its service and lane, so that readers see when one is missing.
ALTER TABLE lane_heads ADD COLUMN stream text NOT NULL DEFAULT '';
ALTER TABLE lane_heads ADD COLUMN ordinal bigint NOT NULL DEFAULT 0;
ALTER TABLE positions ADD COLUMN ordinals jsonb NOT NULL DEFAULT '{}';
