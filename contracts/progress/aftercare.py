"""What follows after the program."""

from contracts.event import PatientEvent
from contracts.vocabulary import Count, Day, Instant, Token


class AftercarePlanned(PatientEvent):
    """What follows after the program was agreed in a future-steps meeting."""

    aftercare_plan_id: Token
    meeting_at: Instant
    components: tuple[Token, ...]
    relapse_prevention_plan: bool
    checkin_cadence_days: Count
    until_on: Day
    goals_overridden: bool = False
    """A clinician ended the program with required goals open, and said why."""
    started_on: Day | None = None
    """First day of aftercare; the meeting may have been before."""


class CheckInDue(PatientEvent):
    """A check-in call is due today."""

    check_in: Count
    due_on: Day


class CheckInCompleted(PatientEvent):
    """A check-in call reached the person."""

    check_in: Count
    due_on: Day
    status_summary: Token
    contact_mode: Token | None = None


class CheckInMissed(PatientEvent):
    """A check-in call did not reach the person."""

    check_in: Count
    due_on: Day


class AlumniEnrolled(PatientEvent):
    """A person finished aftercare and stays in touch."""

    enrolled_on: Day


class CommunityReferralMade(PatientEvent):
    """A person was referred to somebody outside the network."""

    community_referral_id: Token
    kind: Token
    """vocational, medical, housing, legal, mental_health or peer."""
    referred_on: Day
    follow_up_on: Day


class CommunityReferralDue(PatientEvent):
    """Nobody has said what became of a referral to somebody outside."""

    community_referral_id: Token
    kind: Token


class ReferralLoopClosed(PatientEvent):
    """What became of a referral to somebody outside."""

    community_referral_id: Token
    outcome: Token
    closed_on: Day
