"""Notify tells patients and staff what they must know, when they may be told, and keeps quiet otherwise."""
