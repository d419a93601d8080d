"""The published language of Handrail: the events that its services say."""
