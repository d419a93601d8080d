"""Parts that several events of scheduling are made of."""

from contracts.vocabulary import (
    AgeBand,
    Instant,
    LocalTime,
    Minutes,
    Part,
    ServiceKind,
    Token,
    Weekday,
)


class Break(Part):
    """A pause inside a session, counted from its start."""

    offset: Minutes
    minutes: Minutes


class WorkingHours(Part):
    """When somebody works on a weekday, in the site's wall time."""

    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime


class Attributes(Part):
    """Whom a group is for; nothing said means everybody."""

    age_band: AgeBand | None = None
    language: Token | None = None
    gender: Token | None = None
    track: Token | None = None


class ServiceCode(Part):
    """A procedure code under which a payer may be billed."""

    code: Token
    modifiers: tuple[Token, ...] = ()


class DayService(Part):
    """One service of a treatment day."""

    session_id: Token
    service_kind: ServiceKind
    creditable_minutes: Minutes
    service_codes: tuple[ServiceCode, ...] = ()


class SessionOption(Part):
    """A session with a free seat that would fit."""

    session_id: Token
    group_id: Token
    start_at: Instant
    creditable_minutes: Minutes
