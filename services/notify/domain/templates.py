"""Every sentence that can leave the house, as data.

What a patient gets may be read over a shoulder: it never hints at the program, a diagnosis,
substances, mental health, a group or a site.
"""

from dataclasses import dataclass
from enum import StrEnum


class Audience(StrEnum):
    """Who reads a message: quiet hours and consent bind what goes to patients only."""

    PATIENT = "patient"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence with gaps, and who gets it."""

    id: str
    audience: Audience
    role: str
    text: str


def _patient(template_id: str, text: str) -> Template:
    return Template(template_id, Audience.PATIENT, "patient", text)


def _staff(template_id: str, role: str, text: str) -> Template:
    return Template(template_id, Audience.STAFF, role, text)


_ALL = (
    _patient(
        "appointment_times",
        "Your appointments from {from_date}: {times}. Please call us if a time does not suit you.",
    ),
    _patient(
        "appointment_changed",
        "Your appointments change from {from_date}: {times}. Please call us if a time does not suit you.",
    ),
    _patient(
        "appointment_missed",
        "You had an appointment on {date} and we did not see you. Please call us when you can.",
    ),
    _patient(
        "appointment_cancelled",
        "Your appointment on {date} does not take place. We will see you at the next one.",
    ),
    _patient(
        "appointment_corrected",
        "We wrote that you missed an appointment on {date}. That was our mistake and is corrected.",
    ),
    _patient("time_offered", "A time has become free for you. Please call us by {until} if you want it."),
    _patient("goodbye", "Thank you. This is our last message to you. You can call us at any time."),
    _patient("form_waiting", "There is a short form for you to fill in by {date}. Please ask us for it."),
    _staff("new_referral", "admissions", "New referral ({urgency}). Make the first contact."),
    _staff(
        "referral_linked",
        "admissions",
        "Another referral ({source}, {urgency}) of a person already looked after came in. Look at both.",
    ),
    _staff(
        "of_age",
        "admissions",
        "This person is of age from today. Ask for their own consent to what a guardian signed: {kinds}.",
    ),
    _staff(
        "offer_open",
        "admissions",
        "A freed place is offered until {until}. Call the person and record the answer.",
    ),
    _staff(
        "offer_open_renew",
        "admissions",
        "A freed place is offered until {until}. Needed before it can be taken: {needs}. Call the person.",
    ),
    _staff("agree_week", "scheduler", "Admitted on {date}. Agree on the weekly calendar with the person."),
    _staff(
        "week_infeasible",
        "scheduler",
        "No legal week of {minutes} minutes can be made ({cause}). Decide how to go on.",
    ),
    _staff(
        "week_at_risk",
        "care_team",
        "The week of {date} comes to {coming} of the {minutes} minutes that its level needs. "
        "Make-up sessions with a free seat: {options}.{floor}",
    ),
    _staff(
        "move_proposed",
        "care_team",
        "Other appointments would make room for somebody else: {week}. Ask, and answer by {until}; "
        "nobody moves without a yes.",
    ),
    _staff(
        "booster_proposed",
        "care_team",
        "{date} is a day on which more support is needed. Sessions around it with a free seat: {options}.",
    ),
    _staff(
        "week_lost",
        "care_team",
        "The week of {date} can come to {coming} of the {minutes} minutes that its level needs, and no more."
        "{floor}",
    ),
    _staff(
        "outreach",
        "care_team",
        "{missed} appointments missed in a row, last on {date}. Reach out and record the attempt.",
    ),
    _staff("review_step_down", "clinician", "The facts speak for less treatment. Review by {until}."),
    _staff(
        "review_step_up", "clinician", "The facts speak for more treatment ({trigger}). Review by {until}."
    ),
    _staff("review_extension", "clinician", "An extension to {date} is asked for. Review it."),
    _staff("safety_alert", "clinician", "Safety alert ({severity}). Acknowledge it by {until}."),
    _staff(
        "safety_alert_escalated",
        "director",
        "Safety alert ({severity}) not acknowledged by {until}, escalation {number}. Take it in hand now.",
    ),
    _staff(
        "authorization_low",
        "biller",
        "The authorization has {units} units ({kind}) and {days} days left, last covered day {date}. "
        "Ask the payer for more.",
    ),
    _staff(
        "authorization_ended",
        "biller",
        "The authorization is over: {units} units ({kind}) and {days} days left, last covered day {date}. "
        "Ask the payer for more.",
    ),
    _staff("plan_due", "clinician", "{number} sessions attended and no plan signed: it is due now."),
    _staff("plan_overdue", "clinician", "{number} sessions attended and no plan signed: it is overdue."),
    _staff("plan_review_due", "clinician", "The plan must be reviewed by {date}."),
    _staff("plan_review_overdue", "clinician", "The plan should have been reviewed by {date}."),
    _staff(
        "screening_due", "clinician", "Back after days away: ask this person about suicide, and record it."
    ),
    _staff("measures_missed", "care_team", "The form that was due on {date} was not filled in. Ask for it."),
    _staff(
        "use_unconfirmed",
        "clinician",
        "An answer points to substance use that nobody has asked about yet. Ask, and record what you learn.",
    ),
    _staff("team_asked", "care_team", "Your opinion on a recommendation is asked for. Please answer."),
    _staff("review_task", "clinician", "Look at this by {date}: {about}."),
    _staff("certification_due", "clinician", "The need for treatment must be certified again by {date}."),
    _staff(
        "certification_lapsed",
        "clinician",
        "The certification ended on {date}. Treatment goes on; the payer may not pay until it is renewed.",
    ),
    _staff(
        "community_referral_due",
        "care_team",
        "Nobody has said what became of a referral outside ({kind}). Find out, and close it.",
    ),
    _staff("check_in_due", "care_team", "Check-in call {number} is due on {date}."),
)
TEMPLATES: dict[str, Template] = {template.id: template for template in _ALL}


def text_of(template_id: str, words: dict[str, str]) -> str:
    """The sentence with its gaps filled."""
    return TEMPLATES[template_id].text.format(**words)
