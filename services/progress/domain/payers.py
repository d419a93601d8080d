"""What payers said, as far as progress asks: who pays on a day, and what they said yes to."""

from datetime import date, timedelta

from contracts.decisions import Guard, Moment
from contracts.intake import AuthorizationRecorded, CoverageVerified
from contracts.vocabulary import LevelOfCare
from services.progress.domain.facts import AuthorizationNoted, Authorized, CoverageNoted, Covered
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts

NO_COVERAGE = "inactive"
GRANTED = ("approved", "partial")


def note_coverage(state: Episode | None, event: CoverageVerified, moment: Moment) -> Facts:
    """Somebody else may pay from a day on; before the admission intake keeps this."""
    if state is None or state.over or event.status == NO_COVERAGE:
        return []
    since = event.valid_from or state.day(moment.at)
    return [CoverageNoted(Covered(since, event.payer_id, event.plan_kind, event.auth_required))]


def note_authorization(state: Episode | None, event: AuthorizationRecorded, _moment: Moment) -> Facts:
    """A payer said yes, or took it back; before the admission intake keeps this."""
    if state is None or state.over:
        return []
    granted = event.status in GRANTED
    term = Authorized(event.authorization_id, event.level, event.valid_from, event.valid_to, granted)
    return [] if term in state.authorizations else [AuthorizationNoted(term)]


def covering(state: Episode, level: LevelOfCare, first: date, last: date | None = None) -> Authorized | None:
    """The authorization that lasts longest of those that hold on a day, or from one day to another."""
    found = [a for a in state.authorizations if a.covers(level, first, last or first)]
    return max(found, key=lambda a: a.valid_to, default=None)


def authorized(state: Episode, level: LevelOfCare, first: date, last: date | None = None) -> Guard:
    """The payer has said yes to a level on these days, where it wants to be asked."""
    until = last or first
    missing = _unauthorized(state, level, first, until)
    return Guard(
        "authorization",
        missing is None,
        f"the payer has not authorized level {level.code} for these days",
        {"level": level.code, "from": str(missing or first), "to": str(until)},
    )


def _unauthorized(state: Episode, level: LevelOfCare, first: date, last: date) -> date | None:
    """The first of these days on which a payer wants to be asked and has not said yes."""
    day = first
    while day <= last:
        payer, term = state.payer_on(day), covering(state, level, day)
        if term is not None:
            until = term.valid_to
        elif payer is not None and payer.auth_required:
            return day
        else:
            changes = [c.since for c in state.coverage if c.since > day]
            if not changes:
                return None
            until = min(changes) - timedelta(days=1)
        if until >= last:
            return None
        day = until + timedelta(days=1)
    return None
