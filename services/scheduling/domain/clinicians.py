"""Clinicians: where and when they work, and when they are away. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.decisions import Guard, Moment, Refused, require
from contracts.scheduling import ClinicianBack, ClinicianListed, ClinicianUnavailable, WorkingHours
from services.scheduling.domain.localtime import wall_minutes
from services.scheduling.domain.sites import Site

LONGEST_ABSENCE = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a clinician is at one site, and when they work there."""

    site_id: str
    credential: str
    hours: tuple[WorkingHours, ...]
    caseload_max: int


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a clinician is away."""

    id: str
    from_at: datetime
    to_at: datetime
    substitute_individuals: bool = False
    """Whether somebody else may take over individual and family times, which are a relationship."""

    def overlaps(self, start_at: datetime, end_at: datetime) -> bool:
        return self.from_at < end_at and start_at < self.to_at


@dataclass(frozen=True, slots=True)
class Clinician:
    """A member of staff who leads sessions; the first site that listed them is their own."""

    id: str
    network_id: str
    site_id: str
    tz: str
    listings: tuple[Listing, ...] = ()
    absences: tuple[Absence, ...] = ()

    def listing(self, site_id: str) -> Listing | None:
        return next((x for x in self.listings if x.site_id == site_id), None)

    def works(self, site_id: str, dow: int, start_local: str, end_local: str) -> bool:
        """Whether a time of a weekday lies inside the hours at a site."""
        listing = self.listing(site_id)
        start, end = wall_minutes(start_local), wall_minutes(end_local)
        return listing is not None and any(
            h.dow == dow and wall_minutes(h.start_local) <= start and end <= wall_minutes(h.end_local)
            for h in listing.hours
        )

    def away(self, start_at: datetime, end_at: datetime) -> list[Absence]:
        """The absences that touch a time."""
        return [a for a in self.absences if a.overlaps(start_at, end_at)]


@dataclass(frozen=True, slots=True)
class ListClinician:
    """Say what a clinician is at a site and when they work there; said again, it changes that."""

    network_id: str
    site_id: str
    credential: str
    hours: tuple[WorkingHours, ...]
    caseload_max: int


@dataclass(frozen=True, slots=True)
class BeAway:
    """Say that a clinician is away; times without a zone are the wall times of their own site."""

    network_id: str
    sites: tuple[str, ...]
    absence_id: str
    from_at: datetime
    to_at: datetime
    substitute_individuals: bool = False


@dataclass(frozen=True, slots=True)
class ComeBack:
    """Take an absence back."""

    network_id: str
    sites: tuple[str, ...]
    absence_id: str


@dataclass(frozen=True, slots=True)
class IndividualsSubstituted:
    """In this absence somebody else may take over individual and family times."""

    absence_id: str


def list_clinician(site: Site, clinician_id: str, command: ListClinician) -> Sequence[ClinicianListed]:
    """Say where and when a clinician works."""
    for h in command.hours:
        if wall_minutes(h.end_local) <= wall_minutes(h.start_local):
            raise Refused("hours_reversed", "Working hours must end after they start.", status=422)
    return [
        ClinicianListed(
            network_id=site.network_id,
            site_id=site.site_id,
            clinician_id=clinician_id,
            credential=command.credential,
            hours=command.hours,
            caseload_max=command.caseload_max,
            tz=site.tz,
        )
    ]


def be_away(clinician: Clinician, command: BeAway, moment: Moment) -> Sequence[object]:
    """Note an absence that is not over yet."""
    from_at, to_at = (_instant(at, clinician.tz) for at in (command.from_at, command.to_at))
    if to_at <= from_at:
        raise Refused("absence_reversed", "An absence must end after it starts.", status=422)
    if any(a.id == command.absence_id for a in clinician.absences):
        raise Refused("absence_exists", f"Absence {command.absence_id} is noted already.")
    require(
        "absence_refused",
        "This absence cannot be noted",
        [
            Guard(
                "not_in_the_past",
                to_at > moment.at,
                "it is over already",
                {"to_at": to_at.isoformat(), "now": moment.at.isoformat()},
            ),
            Guard(
                "not_too_far_ahead",
                to_at <= moment.at + LONGEST_ABSENCE,
                f"it ends more than {LONGEST_ABSENCE.days} days ahead",
                {"to_at": to_at.isoformat(), "latest": (moment.at + LONGEST_ABSENCE).isoformat()},
            ),
        ],
    )
    said = ClinicianUnavailable(
        network_id=clinician.network_id,
        site_id=clinician.site_id,
        clinician_id=clinician.id,
        absence_id=command.absence_id,
        from_at=from_at,
        to_at=to_at,
    )
    return [said, IndividualsSubstituted(command.absence_id)] if command.substitute_individuals else [said]


def _instant(at: datetime, tz: str) -> datetime:
    return (at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(tz))).astimezone(UTC)


def come_back(clinician: Clinician, absence: Absence) -> Sequence[ClinicianBack]:
    """Take an absence back."""
    return [
        ClinicianBack(
            network_id=clinician.network_id,
            site_id=clinician.site_id,
            clinician_id=clinician.id,
            absence_id=absence.id,
        )
    ]


def evolve_clinician(state: Clinician | None, fact: object) -> Clinician:
    """Fold one fact into a clinician."""
    if isinstance(fact, ClinicianListed):
        base = state or Clinician(fact.clinician_id, fact.network_id, fact.site_id, fact.tz)
        others = [x for x in base.listings if x.site_id != fact.site_id]
        new = Listing(fact.site_id, fact.credential, fact.hours, fact.caseload_max)
        return replace(base, listings=tuple(sorted((*others, new), key=lambda x: x.site_id)))
    if state is None:
        raise TypeError(f"a clinician does not begin with {type(fact).__name__}")
    if isinstance(fact, ClinicianUnavailable):
        known = [a for a in state.absences if a.to_at > fact.from_at - LONGEST_ABSENCE]
        return replace(state, absences=(*known, Absence(fact.absence_id, fact.from_at, fact.to_at)))
    if isinstance(fact, IndividualsSubstituted):
        return replace(
            state,
            absences=tuple(
                replace(a, substitute_individuals=True) if a.id == fact.absence_id else a
                for a in state.absences
            ),
        )
    if isinstance(fact, ClinicianBack):
        return replace(state, absences=tuple(a for a in state.absences if a.id != fact.absence_id))
    return state


def absence_of(clinician: Clinician, absence_id: str) -> Absence | None:
    """An absence that is noted."""
    return next((a for a in clinician.absences if a.id == absence_id), None)
