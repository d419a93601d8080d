"""Every line of SQL of progress."""

from services.progress.store.episodes import (
    EPISODE,
    find_episode,
    find_episode_of,
    find_episodes,
    find_undecided,
    has_episode,
)
from services.progress.store.story import UNSENT_LAST, find_among, find_story
from services.progress.store.views import find_in_care, find_left, find_said, find_weeks

__all__ = [
    "EPISODE",
    "UNSENT_LAST",
    "find_among",
    "find_episode",
    "find_episode_of",
    "find_episodes",
    "find_in_care",
    "find_left",
    "find_said",
    "find_story",
    "find_undecided",
    "find_weeks",
    "has_episode",
]
