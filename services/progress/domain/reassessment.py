"""A person is screened or assessed anew during the episode."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from contracts.decisions import Guard, Moment, require
from contracts.progress import PatientReassessed
from contracts.vocabulary import LevelOfCare
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, clinical, days_between, running


class Depth(StrEnum):
    """How far a person is looked at anew; an assessment is more than a screening."""

    SCREENING = "screening"
    ASSESSMENT = "assessment"


@dataclass(frozen=True, slots=True)
class Reassess:
    """Record a screening or an assessment made anew."""

    depth: Depth
    recommended_level: LevelOfCare
    assessor_credential: str
    reassessed_on: date | None = None


def reassess(state: Episode, command: Reassess, moment: Moment) -> Facts:
    """Somebody who may assess looked at the person anew."""
    running(state)
    today = state.day(moment.at)
    day = command.reassessed_on or today
    accepted = moment.rules.intake.assessor_credentials
    require(
        "reassessment_refused",
        "The reassessment cannot be recorded",
        [
            clinical(moment),
            Guard(
                "assessor_credential",
                command.assessor_credential in accepted,
                "the assessor's credential is not on the list",
                {"accepted": list(accepted)},
            ),
            Guard("not_ahead", day <= today, "it was made on a day to come"),
            Guard(
                "since_admission",
                day >= state.admitted_on,
                "it was made before the admission",
                {"admitted_on": str(state.admitted_on)},
            ),
        ],
    )
    return [
        PatientReassessed(
            **about(state, moment.actor),
            reassessment_id=moment.new_id("reassessment"),
            depth=command.depth,
            recommended_level=command.recommended_level,
            assessor_credential=command.assessor_credential,
            reassessed_on=day,
        )
    ]


def screened_since(state: Episode, day: date, screens: Sequence[str]) -> bool:
    """Whether the person was screened anew on a day or later: by an instrument, or by an assessor."""
    measured = any(state.day(r.at) >= day for name in screens for r in state.entries(name))
    return measured or any(r.on >= day for r in state.reassessments)


def assessed_since(state: Episode, day: date) -> bool:
    """Whether the person was assessed anew on a day or later."""
    return any(r.depth == Depth.ASSESSMENT and r.on >= day for r in state.reassessments)


def assessment_is_fresh(state: Episode, day: date, moment: Moment) -> Guard:
    """Who begins again is assessed anew, not long before."""
    within = moment.rules.progress.reassessment_ttl_days
    made = max((r.on for r in state.reassessments if r.depth == Depth.ASSESSMENT), default=None)
    return Guard(
        "reassessed",
        made is not None and days_between(made, day) <= within,
        f"there is no assessment of the last {within} days",
        {"reassessed_on": str(made) if made else None},
    )
