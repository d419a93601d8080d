"""The whole network on one machine: embedded PostgreSQL and NATS, and every service as its own process."""
