"""Simulated people and staff who live through a network's weeks by its public HTTP APIs."""
