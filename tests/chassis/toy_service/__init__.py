"""A service with nothing clinical in it: counters that tick, and mirrors that hear them."""
