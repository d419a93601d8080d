"""Rehearsed faults: what may break, and the proof that nothing was lost or doubled."""
