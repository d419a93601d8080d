"""Everything that puts Handrail to work: on one machine, on NATS, on Kubernetes."""
