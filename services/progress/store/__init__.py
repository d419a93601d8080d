"""Every line of SQL of progress."""

from services.progress.store.episodes import (
    EPISODE,
    find_episode,
    find_episode_of,
    find_episodes,
    find_undecided,
    has_episode,
)
from services.progress.store.story import find_among, find_story

__all__ = [
    "EPISODE",
    "find_among",
    "find_episode",
    "find_episode_of",
    "find_episodes",
    "find_story",
    "find_undecided",
    "has_episode",
]
