"""Reactions that must look beyond their own aggregate: at seats, groups and rosters."""
