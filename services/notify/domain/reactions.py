"""What notify makes of each event that it hears: `reaction(person, event, moment) -> facts`."""

from contracts.decisions import Moment
from contracts.event import PatientEvent
from contracts.intake import (
    ConsentGranted,
    PatientAdmitted,
    PatientScreened,
    ReferralDeclined,
    ReferralReceived,
    WaitlistOfferMade,
)
from contracts.progress import (
    CheckInDue,
    ExtensionRequested,
    PatientDischarged,
    SafetyAlertRaised,
    StepDownRecommended,
    StepUpRecommended,
)
from contracts.scheduling import (
    AttendanceCorrected,
    ScheduleInfeasible,
    SessionMissed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import DischargeReason, MissKind, Risk
from services.notify.domain.hours import say_day, say_instant, say_week
from services.notify.domain.person import (
    ChannelsChosen,
    ClinicianNamed,
    Fact,
    Person,
    PersonLeft,
    PersonMet,
    evolve,
)
from services.notify.domain.queueing import DECEASED, tell_patient, tell_staff, withdraw, withdraw_all

CONTACT = "contact_preferences"
_WEEK = "week"


def _meet(event: PatientEvent, tz: str) -> PersonMet:
    return PersonMet(event.episode_id, event.network_id, event.site_id, event.patient_id, event.part2, tz)


def referral_received(person: Person | None, event: ReferralReceived, moment: Moment) -> list[Fact]:
    """Somebody must make the first contact."""
    met = _meet(event, event.tz)
    known = evolve(person, met)
    return [met, *tell_staff(known, moment, "new_referral", "referral", {"urgency": event.urgency})]


def consent_granted(person: Person, event: ConsentGranted, _moment: Moment) -> list[Fact]:
    """Remember how the person wants to be contacted; an empty list takes the consent back."""
    if event.kind != CONTACT or event.channels == person.channels:
        return []
    return [ChannelsChosen(event.channels)]


def patient_screened(person: Person | None, event: PatientScreened, moment: Moment) -> list[Fact]:
    """A high suicide risk reaches a clinician at once."""
    if event.suicide_risk is not Risk.HIGH:
        return []
    met: list[Fact] = []
    if person is None:
        first = _meet(event, "UTC")
        met, person = [first], evolve(None, first)
    return met + tell_staff(
        person, moment, "suicide_risk", f"screening:{event.screening_id}", {}, always=True
    )


def safety_alert_raised(person: Person | None, event: SafetyAlertRaised, moment: Moment) -> list[Fact]:
    """A safety alert reaches a clinician at once, whatever the hour; a higher severity tells again."""
    met: list[Fact] = []
    if person is None:
        first = _meet(event, "UTC")
        met, person = [first], evolve(None, first)
    words = {"severity": event.severity.value, "until": say_instant(event.due_ack_at, person.tz)}
    key = f"alert:{event.alert_id}:{event.severity}"
    return met + tell_staff(person, moment, "safety_alert", key, words, always=True)


def waitlist_offer_made(person: Person, event: WaitlistOfferMade, moment: Moment) -> list[Fact]:
    """The person hears of the offer while it stands, and admissions calls."""
    words = {"until": say_instant(event.offer_expires_at, person.tz)}
    key = f"offer:{event.seat_hold_id}"
    return [
        *tell_patient(
            person, moment, "time_offered", key, words, topic="offer", useful_until=event.offer_expires_at
        ),
        *tell_staff(person, moment, "offer_open", f"{key}:staff", words),
    ]


def patient_admitted(person: Person, event: PatientAdmitted, moment: Moment) -> list[Fact]:
    """The weekly calendar must be agreed on; an offer that still waits to be told is no news."""
    words = {"date": say_day(event.admitted_on)}
    named = ClinicianNamed(event.primary_clinician_id, event.tz)
    moot = [
        f for m in person.queued.values() if m.topic == "offer" for f in withdraw(m, "superseded", moment)
    ]
    return [named, *moot, *tell_staff(person, moment, "agree_week", f"admitted:{event.seat_hold_id}", words)]


def week_agreed(person: Person, event: WeeklyScheduleAgreed, moment: Moment) -> list[Fact]:
    """The person gets the appointment times."""
    return _tell_week(person, event, moment, "appointment_times")


def week_changed(person: Person, event: WeeklyScheduleChanged, moment: Moment) -> list[Fact]:
    """The person gets the new appointment times."""
    return _tell_week(person, event, moment, "appointment_changed")


def _tell_week(
    person: Person, event: WeeklyScheduleAgreed | WeeklyScheduleChanged, moment: Moment, template_id: str
) -> list[Fact]:
    words = {"from_date": say_day(event.effective_from), "times": say_week(event.slots)}
    key = f"week:{event.schedule_id}:{event.version}"
    return tell_patient(person, moment, template_id, key, words, topic=_WEEK)


def schedule_infeasible(person: Person, event: ScheduleInfeasible, moment: Moment) -> list[Fact]:
    """A scheduler must decide what the machine could not."""
    words = {"minutes": str(event.wanted_weekly_minutes), "cause": event.cause}
    return tell_staff(person, moment, "week_infeasible", f"infeasible:{moment.cause}", words)


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


def step_down_recommended(person: Person, event: StepDownRecommended, moment: Moment) -> list[Fact]:
    """A clinician reviews the recommendation."""
    words = {"until": say_instant(event.expires_at, person.tz)}
    return tell_staff(person, moment, "review_step_down", f"review:{event.recommendation_id}", words)


def step_up_recommended(person: Person, event: StepUpRecommended, moment: Moment) -> list[Fact]:
    """A clinician reviews the recommendation."""
    words = {"until": say_instant(event.expires_at, person.tz), "trigger": event.trigger}
    return tell_staff(person, moment, "review_step_up", f"review:{event.recommendation_id}", words)


def extension_requested(person: Person, event: ExtensionRequested, moment: Moment) -> list[Fact]:
    """A clinician reviews the extension."""
    words = {"date": say_day(event.to_planned_end_on)}
    return tell_staff(person, moment, "review_extension", f"review:{event.request_id}", words)


def check_in_due(person: Person, event: CheckInDue, moment: Moment) -> list[Fact]:
    """Staff makes the call."""
    words = {"number": str(event.check_in), "date": say_day(event.due_on)}
    return tell_staff(person, moment, "check_in_due", f"check_in:{event.check_in}:{event.due_on}", words)


def referral_declined(person: Person, _event: ReferralDeclined, moment: Moment) -> list[Fact]:
    """Nothing more goes to a person whose referral ended."""
    return [] if person.ended else [PersonLeft("declined"), *withdraw_all(person, "declined", moment)]


def patient_discharged(person: Person, event: PatientDischarged, moment: Moment) -> list[Fact]:
    """One closing message, then nothing; after a death nothing at all."""
    why = DECEASED if event.reason is DischargeReason.DECEASED else "discharged"
    if person.ended in (why, DECEASED):
        return []
    closing = [] if why == DECEASED else tell_patient(person, moment, "goodbye", "goodbye", {})
    return [*withdraw_all(person, why, moment), *closing, PersonLeft(why)]
