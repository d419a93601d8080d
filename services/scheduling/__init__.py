"""Scheduling keeps the calendar true: seats, agreed weeks, sessions and who was there."""
