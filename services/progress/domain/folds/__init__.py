"""How each fact changes an episode, by area."""

from services.progress.domain.folds import aftercare, course, episode, measures, plans, records, steps, tasks
from services.progress.domain.folds.registry import FOLDS

__all__ = ["FOLDS", "aftercare", "course", "episode", "measures", "plans", "records", "steps", "tasks"]
