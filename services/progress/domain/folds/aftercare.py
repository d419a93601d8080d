"""How aftercare changes an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import Aftercare
from services.progress.domain.folds.registry import on
from services.progress.domain.kept import Outward
from services.progress.domain.state import Episode

KEPT_REFERRALS = 60


@on(said.AftercarePlanned)
def _aftercare(state: Episode, fact: said.AftercarePlanned) -> Episode:
    met_on = state.day(fact.meeting_at)
    plan = Aftercare(
        started_on=fact.started_on or met_on,
        until_on=fact.until_on,
        cadence_days=fact.checkin_cadence_days,
        id=fact.aftercare_plan_id,
        components=fact.components,
        meeting_on=met_on,
        goals_overridden=fact.goals_overridden,
    )
    return replace(state, aftercare=plan)


def _call(state: Episode, **changes: Any) -> Episode:
    return replace(state, aftercare=replace(state.aftercare, **changes)) if state.aftercare else state


@on(said.CheckInDue)
def _call_due(state: Episode, fact: said.CheckInDue) -> Episode:
    return _call(state, called=fact.check_in, due_on=fact.due_on)


@on(said.CheckInCompleted)
def _call_made(state: Episode, fact: said.CheckInCompleted) -> Episode:
    return _call(state, due_on=None, last_status=fact.status_summary)


@on(said.CheckInMissed)
def _call_missed(state: Episode, _fact: said.CheckInMissed) -> Episode:
    return _call(state, due_on=None, missed=state.aftercare.missed + 1 if state.aftercare else 0)


@on(said.AlumniEnrolled)
def _kept_in_touch(state: Episode, fact: said.AlumniEnrolled) -> Episode:
    return replace(state, alumni_since=fact.enrolled_on)


@on(said.CommunityReferralMade)
def _referred(state: Episode, fact: said.CommunityReferralMade) -> Episode:
    made = Outward(fact.community_referral_id, fact.kind, fact.referred_on, fact.follow_up_on)
    known = (*state.outward, made)
    still = tuple(r for r in known if r.outcome is None)
    closed = tuple(r for r in known if r.outcome is not None)[-(KEPT_REFERRALS - len(still)) :]
    return replace(state, outward=(*closed, *still))


def _outward(state: Episode, referral_id: str, **changes: Any) -> Episode:
    return replace(
        state, outward=tuple(replace(r, **changes) if r.id == referral_id else r for r in state.outward)
    )


@on(said.CommunityReferralDue)
def _outcome_asked(state: Episode, fact: said.CommunityReferralDue) -> Episode:
    return _outward(state, fact.community_referral_id, asked=True)


@on(said.ReferralLoopClosed)
def _loop_closed(state: Episode, fact: said.ReferralLoopClosed) -> Episode:
    return _outward(state, fact.community_referral_id, outcome=fact.outcome, closed_on=fact.closed_on)
