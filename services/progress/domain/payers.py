"""What payers said, as far as progress asks: who pays on a day, and what they said yes to."""

from datetime import date

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
    """An authorization for a level that holds on a day, or from one day to another."""
    return next((a for a in state.authorizations if a.covers(level, first, last or first)), None)


def authorized(state: Episode, level: LevelOfCare, first: date, last: date | None = None) -> Guard:
    """The payer has said yes to a level on these days, where it wants to be asked."""
    payer = state.payer_on(first)
    needed = payer is not None and payer.auth_required
    return Guard(
        "authorization",
        not needed or covering(state, level, first, last) is not None,
        f"the payer has not authorized level {level.code} for these days",
        {"level": level.code, "from": str(first), "to": str(last or first)},
    )
