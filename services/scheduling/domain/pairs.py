"""People who must not meet: no-contact orders, relatives. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeepApart:
    """Two people are never given the same session."""

    network_id: str
    sites: tuple[str, ...]
    episodes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class MayMeet:
    """Two people may be given the same session again."""

    network_id: str
    sites: tuple[str, ...]
    episodes: tuple[str, str]
