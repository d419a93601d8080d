"""What is said once it is known what became of a person: the first time, or in place of what was. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.decisions import Moment, Refused
from contracts.scheduling import AttendanceCorrected, BookingCancelled, SessionAttended, SessionMissed
from contracts.vocabulary import GroupKind, MissKind
from services.scheduling.domain import attendance
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.roll_call import Word
from services.scheduling.domain.sessions import Mark, Presence, Session

STATEMENTS = (SessionAttended, SessionMissed, AttendanceCorrected, BookingCancelled)
"""What can be said about a person and a session."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is the same for everybody of one session of whom something is said."""

    session: Session
    present: int
    group_kind: GroupKind | None = None
    reason: str = ""
    """Why something said before was wrong, where it is not that somebody came late."""
    late_entry: bool = False


def present_among(session: Session, words: Mapping[str, Word]) -> int:
    """How many took part, by these words and by the roster for everybody else."""
    others = [status for k, status in session.roster.items() if k not in words]
    return others.count(Presence.PRESENT) + sum(isinstance(word, Mark) for word in words.values())


def tell(
    about: Telling,
    state: Calendar,
    word: Word,
    was: Word | None,
    said: str | None,
    cause: str,
    moment: Moment,
) -> Sequence[object] | None:
    """Say what became of a person, `was` and `said` being what was told before and its id.

    Nothing where that still holds; None where nobody is to be told, as the calendar has ended.
    """
    if was is not None:
        return [] if was == word else _instead(about, state, word, said, moment)
    if isinstance(word, Mark):
        return attendance.attend(
            state,
            about.session,
            word,
            about.present,
            moment,
            group_kind=about.group_kind,
            cause=cause,
            late_entry=about.late_entry,
        )
    if state.stage == "ended":
        return None
    return attendance.miss(state, about.session, word, moment, cause=cause)


def _instead(
    about: Telling, state: Calendar, word: Word, said: str | None, moment: Moment
) -> Sequence[object]:
    if said is None or about.session.id not in state.outcomes:
        raise Refused(
            "too_long_ago",
            "The weeks in which this session counted are no longer at hand.",
            local_date=str(about.session.local_date),
        )
    why = about.reason or (word.value if isinstance(word, MissKind) else "came_late")
    return attendance.correct(
        state,
        about.session,
        word,
        said,
        why,
        moment,
        group_kind=about.group_kind,
        late_entry=about.late_entry,
    )
