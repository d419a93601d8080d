"""Progress follows each admitted person: plan, goals, measures, recommendations, aftercare and discharge."""
