"""The private facts of intake: what a referral's journal holds beside the events."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from contracts.decisions import Moment
from contracts.intake import Diagnosis
from services.intake.domain.indications import Indication
from services.intake.domain.state import (
    Alert,
    Certificate,
    Consent,
    Hold,
    Locus,
    Referral,
    Screening,
    SeatWish,
    Site,
)


@dataclass(frozen=True, slots=True)
class ReferralOpened:
    """A referral was written down, with the person it is about."""

    referral: Referral


@dataclass(frozen=True, slots=True)
class ScreeningKept:
    """A whole screening, item answers included."""

    screening: Screening


@dataclass(frozen=True, slots=True)
class ScreeningVoided:
    """After a detox nothing measured before it counts; all of it must be measured anew."""

    instruments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingsKept:
    """What an assessment found that stays here: coded diagnoses, and a result scored elsewhere."""

    diagnoses: tuple[Diagnosis, ...]
    locus: Locus | None = None


@dataclass(frozen=True, slots=True)
class ConsentDrafted:
    """A consent that somebody must still sign."""

    consent: Consent


@dataclass(frozen=True, slots=True)
class AlertJoined:
    """What an open alert rests on."""

    alert_id: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertTaken:
    """An alert that was open on an earlier way of this person, as it stood there."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertsPassedOn:
    """The open alerts went along with the person."""

    to: str


@dataclass(frozen=True, slots=True)
class OwnerNamed:
    """Who looks after this referral from now on; None when it was let go."""

    owner: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Certified:
    """A physician certified the need."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class UnitsUsed:
    """How many units of an authorization a day used; said again, it replaces what was said of the day."""

    authorization_id: str
    day: date
    units: int


@dataclass(frozen=True, slots=True)
class Prioritized:
    """A waiting person's place was changed by staff."""

    priority: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceKept:
    """What was sent by another who referred the same person."""

    receipt_id: str
    digest: str
    indications: tuple[Indication, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatAsked:
    """What scheduling is asked for, when, and after which release of seats."""

    wish: SeatWish


@dataclass(frozen=True, slots=True)
class SeatRefused:
    """Scheduling had no legal week."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SeatKept:
    """Scheduling holds seats for this person."""

    request_id: str
    hold: Hold


@dataclass(frozen=True, slots=True)
class SeatLost:
    """Scheduling no longer holds the seats."""

    seat_hold_id: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """After a missed offer a person waits behind those who wait since before."""

    at: datetime


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """What the person waited for has come, without an offer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class EpisodeEnded:
    """The admitted person's episode is over; a new referral may open."""

    at: datetime
    reason: str
    died: bool = False


@dataclass(frozen=True, slots=True)
class SiteKept:
    """A site opened or told something new about itself."""

    site: Site


FACTS: tuple[type, ...] = (
    ReferralOpened,
    ScreeningKept,
    ScreeningVoided,
    FindingsKept,
    ConsentDrafted,
    AlertJoined,
    AlertTaken,
    AlertsPassedOn,
    OwnerNamed,
    Certified,
    UnitsUsed,
    Prioritized,
    SourceKept,
    SeatAsked,
    SeatRefused,
    SeatKept,
    SeatLost,
    Requeued,
    WaitEnded,
    EpisodeEnded,
)
SITE_FACTS: tuple[type, ...] = (SiteKept,)


def about(referral: Referral, moment: Moment) -> dict[str, Any]:
    """What every event about this person carries."""
    return {
        "network_id": referral.network_id,
        "site_id": referral.site_id,
        "episode_id": referral.id,
        "patient_id": referral.patient_id,
        "part2": referral.part2,
        "actor": moment.actor,
    }
