"""The link by which one person's calendar is read without signing in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contracts.decisions import Guard, Moment, require
from services.scheduling.domain.calendar import Calendar

LASTS = timedelta(days=180)
"""Longer than most episodes, so that nobody must think of it; a forgotten link still ends."""


@dataclass(frozen=True, slots=True)
class Link:
    """The one link of an episode; revoked, it has no digest."""

    id: str
    network_id: str
    site_id: str
    link_id: str
    digest: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MakeLink:
    """Make a link; whoever holds the token sees the appointments."""

    network_id: str
    sites: tuple[str, ...]
    link_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class RevokeLink:
    """Let a link lead nowhere."""

    network_id: str
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkMade:
    """A link was made, in place of any earlier one."""

    episode_id: str
    network_id: str
    site_id: str
    link_id: str
    digest: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkRevoked:
    """A link was taken back."""

    link_id: str


def evolve(state: Link | None, fact: object) -> Link:
    """Fold one fact into a link."""
    if isinstance(fact, LinkMade):
        return Link(
            fact.episode_id, fact.network_id, fact.site_id, fact.link_id, fact.digest, fact.expires_at
        )
    if state is None:
        raise TypeError(f"a link does not begin with {type(fact).__name__}")
    if isinstance(fact, LinkRevoked):
        return replace(state, digest=None)
    return state


def make(calendar: Calendar, command: MakeLink, moment: Moment) -> Sequence[LinkMade]:
    """Make the one link of a person in treatment; an earlier one leads nowhere from now on."""
    require(
        "link_refused",
        "A calendar link cannot be made",
        [Guard("admitted", calendar.running, "the person is not admitted", {"stage": calendar.stage})],
        hint="Make it after the admission.",
    )
    expires = moment.at + LASTS
    return [
        LinkMade(calendar.id, calendar.network_id, calendar.site_id, command.link_id, command.digest, expires)
    ]


def revoke(state: Link | None) -> Sequence[LinkRevoked]:
    """Take a link back; where there is none, nothing is left to do."""
    return [LinkRevoked(state.link_id)] if state is not None and state.digest is not None else []
