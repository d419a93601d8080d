"""What coming back into the same episode asks for: the guards of an admission (T12, T28)."""

from datetime import date

from contracts.decisions import Guard, Moment
from contracts.vocabulary import LevelOfCare
from services.progress.domain.certification import certified
from services.progress.domain.payers import authorized
from services.progress.domain.reassessment import assessment_is_fresh
from services.progress.domain.state import Episode


def readmission_guards(state: Episode, level: LevelOfCare, day: date, moment: Moment) -> list[Guard]:
    """A fresh assessment, and what the payer asks for on the day on which treatment begins again."""
    return [
        assessment_is_fresh(state, day, moment),
        authorized(state, level, day),
        certified(state, day, moment),
    ]
