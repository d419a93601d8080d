"""What NATS must hold for Handrail: the stream, and who may do what."""
