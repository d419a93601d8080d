"""What notify makes of each event that it hears: `reaction(person, event, moment) -> facts`."""

from contracts.decisions import Moment
from contracts.intake import (
    ConsentExpired,
    ConsentGranted,
    ConsentRevoked,
    PatientAdmitted,
    PatientCameOfAge,
    ReferralDeclined,
    ReferralLinked,
    ReferralReceived,
    WaitlistOfferAccepted,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
    WaitlistOfferMade,
)
from contracts.progress import (
    MeasuresDue,
    PatientDied,
    PatientDischarged,
)
from contracts.scheduling import (
    AttendanceCorrected,
    SessionMissed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import DeclineReason, DischargeReason, MissKind
from services.notify.domain.hours import midnight_after, say_day, say_instant, say_week
from services.notify.domain.person import (
    NO_CONSENT,
    REVOKED,
    ChannelsChosen,
    ClinicianNamed,
    Fact,
    Person,
    PersonLeft,
    PersonMet,
    evolve,
    fold,
)
from services.notify.domain.queueing import (
    CLINICIAN,
    DECEASED,
    tell_patient,
    tell_staff,
    withdraw,
    withdraw_all,
)
from services.notify.domain.safety import alert_open

CONTACT = "contact_preferences"
_WEEK = "week"


def referral_received(person: Person | None, event: ReferralReceived, moment: Moment) -> list[Fact]:
    """Somebody must make the first contact."""
    met = PersonMet.by(event, event.tz)
    known = evolve(person, met)
    return [met, *tell_staff(known, moment, "new_referral", "referral", {"urgency": event.urgency})]


def referral_linked(person: Person, event: ReferralLinked, moment: Moment) -> list[Fact]:
    """Whoever looks after the person hears that somebody else sent them too."""
    words = {"source": event.source.value, "urgency": event.urgency.value}
    role = CLINICIAN if person.clinician_id else ""
    return tell_staff(person, moment, "referral_linked", f"linked:{event.receipt_id}", words, role=role)


def consent_granted(person: Person, event: ConsentGranted, _moment: Moment) -> list[Fact]:
    """Remember how the person wants to be contacted; an empty list takes the consent back."""
    if event.kind != CONTACT or (event.channels, event.consent_id) == (person.channels, person.consent_id):
        return []
    return [ChannelsChosen(event.channels, event.consent_id)]


def patient_came_of_age(person: Person, event: PatientCameOfAge, moment: Moment) -> list[Fact]:
    """Whoever looks after the person asks anew for what a guardian had signed."""
    if not event.to_renew:
        return []
    words = {"kinds": ", ".join(kind.replace("_", " ") for kind in event.to_renew)}
    role = CLINICIAN if person.clinician_id else ""
    return tell_staff(person, moment, "of_age", "of_age", words, role=role)


def consent_revoked(person: Person, event: ConsentRevoked, moment: Moment) -> list[Fact]:
    """From this instant nothing reaches a person who took it back, not even what waits already."""
    return _lose_channels(person, event, REVOKED, moment)


def consent_expired(person: Person, event: ConsentExpired, moment: Moment) -> list[Fact]:
    """A consent that is over carries nothing any more, not even what waits already."""
    return _lose_channels(person, event, NO_CONSENT, moment)


def _lose_channels(
    person: Person, event: ConsentRevoked | ConsentExpired, why: str, moment: Moment
) -> list[Fact]:
    # A newer consent may stand beside the one that ended; channels known from before have no id.
    other = person.consent_id not in ("", event.consent_id)
    if event.kind != CONTACT or other or not person.channels:
        return []
    return [ChannelsChosen(()), *withdraw_all(person, why, moment)]


def waitlist_offer_made(person: Person, event: WaitlistOfferMade, moment: Moment) -> list[Fact]:
    """The person hears of the offer while it stands, and admissions calls."""
    words = {"until": say_instant(event.offer_expires_at, person.tz)}
    needs = {"needs": ", ".join(f"new {need.replace('_', ' ')}" for need in event.needs)}
    task = "offer_open_renew" if event.needs else "offer_open"
    key = f"offer:{event.seat_hold_id}"
    return [
        *tell_patient(
            person, moment, "time_offered", key, words, topic="offer", useful_until=event.offer_expires_at
        ),
        *tell_staff(person, moment, task, f"{key}:staff", words | needs),
    ]


def waitlist_offer_over(
    person: Person,
    event: WaitlistOfferAccepted | WaitlistOfferDeclined | WaitlistOfferExpired,
    moment: Moment,
) -> list[Fact]:
    """An offer that was answered, or is over, is no news any more."""
    return _withdraw_offers(person, moment)


def _withdraw_offers(person: Person, moment: Moment) -> list[Fact]:
    waiting = [m for m in person.queued.values() if m.topic == "offer"]
    return [fact for m in waiting for fact in withdraw(m, "superseded", moment)]


def patient_admitted(person: Person, event: PatientAdmitted, moment: Moment) -> list[Fact]:
    """The weekly calendar must be agreed on; alerts stay open, and an offer that still waits is no news."""
    words = {"date": say_day(event.admitted_on)}
    facts: list[Fact] = [ClinicianNamed(event.primary_clinician_id, event.tz)]
    for alert in event.open_alerts:
        facts += alert_open(fold(person, facts), alert.alert_id, alert.severity, moment)
    facts += _withdraw_offers(fold(person, facts), moment)
    return facts + tell_staff(person, moment, "agree_week", f"admitted:{event.seat_hold_id}", words)


def week_agreed(person: Person, event: WeeklyScheduleAgreed, moment: Moment) -> list[Fact]:
    """The person gets the appointment times."""
    return _tell_week(person, event, moment, "appointment_times")


def week_changed(person: Person, event: WeeklyScheduleChanged, moment: Moment) -> list[Fact]:
    """The person gets the new appointment times; that another payer counts them otherwise is no news."""
    if event.reason == "coverage":
        return []
    return _tell_week(person, event, moment, "appointment_changed")


def _tell_week(
    person: Person, event: WeeklyScheduleAgreed | WeeklyScheduleChanged, moment: Moment, template_id: str
) -> list[Fact]:
    words = {"from_date": say_day(event.effective_from), "times": say_week(event.slots)}
    key = f"week:{event.schedule_id}:{event.version}"
    return tell_patient(person, moment, template_id, key, words, topic=_WEEK)


_MISSED = {MissKind.NO_SHOW: "appointment_missed", MissKind.SITE_CANCELLED: "appointment_cancelled"}
"""Who called off in time needs no message."""


def session_missed(person: Person, event: SessionMissed, moment: Moment) -> list[Fact]:
    """One message a day to the person, and outreach by staff once too many were missed in a row."""
    day = say_day(event.local_date)
    facts: list[Fact] = []
    if template_id := _MISSED.get(event.kind):
        key = f"{template_id}:{event.local_date}"
        facts += tell_patient(
            person, moment, template_id, key, {"date": day}, topic=f"missed:{event.session_id}"
        )
    limit = moment.rules.attendance.outreach_after_missed
    if event.kind is not MissKind.SITE_CANCELLED and event.consecutive_missed >= limit:
        words = {"missed": str(event.consecutive_missed), "date": day}
        facts += tell_staff(person, moment, "outreach", f"outreach:{event.local_date}", words)
    return facts


def attendance_corrected(person: Person, event: AttendanceCorrected, moment: Moment) -> list[Fact]:
    """Who was wrongly told of a missed appointment is told so, or never gets the first message."""
    told = f"appointment_missed:{event.local_date}"
    if not event.attended or told not in person.told:
        return []
    waiting = [m for m in person.queued.values() if m.topic == f"missed:{event.session_id}"]
    if waiting:
        return [fact for m in waiting for fact in withdraw(m, "corrected", moment)]
    words = {"date": say_day(event.local_date)}
    return tell_patient(person, moment, "appointment_corrected", f"corrected:{event.local_date}", words)


_PARTED = (DeclineReason.UNREACHABLE, DeclineReason.PATIENT_DECLINED)
"""Ends in which nobody speaks to the person any more; in the others staff say how it goes on."""


def referral_declined(person: Person, event: ReferralDeclined, moment: Moment) -> list[Fact]:
    """One closing message to whom nobody speaks any more, then nothing."""
    if person.ended:
        return []
    closing = tell_patient(person, moment, "goodbye", "goodbye", {}) if event.reason in _PARTED else []
    return [*withdraw_all(person, "declined", moment), *closing, PersonLeft("declined")]


def patient_died(person: Person, _event: PatientDied, moment: Moment) -> list[Fact]:
    """From this instant nothing leaves the house, whenever the episode ended."""
    if person.ended == DECEASED:
        return []
    return [*withdraw_all(person, DECEASED, moment), PersonLeft(DECEASED)]


def patient_discharged(person: Person, event: PatientDischarged, moment: Moment) -> list[Fact]:
    """One closing message, then nothing; after a death nothing at all."""
    why = DECEASED if event.reason is DischargeReason.DECEASED else "discharged"
    if person.ended in (why, DECEASED):
        return []
    closing = [] if why == DECEASED else tell_patient(person, moment, "goodbye", "goodbye", {})
    return [*withdraw_all(person, why, moment), *closing, PersonLeft(why)]


def measures_due(person: Person, event: MeasuresDue, moment: Moment) -> list[Fact]:
    """The person hears of a form that waits for them, in words that do not say which."""
    until = midnight_after(event.expires_on, person.tz)
    words = {"date": say_day(event.expires_on)}
    key = f"form:{event.due_on}:{event.reminder}"
    return tell_patient(person, moment, "form_waiting", key, words, topic="form", useful_until=until)
