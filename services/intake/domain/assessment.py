"""T6: a level of care, judged by somebody who may, beside what the facts speak for."""

import re
from dataclasses import dataclass
from typing import Any

from contracts.decisions import Guard, Moment, require
from contracts.intake import Availability, Diagnosis, PatientAssessed, Rating
from contracts.vocabulary import AgeBand, LevelOfCare
from services.intake.domain import guards
from services.intake.domain.facts import FindingsKept, about
from services.intake.domain.guards import in_stage, level_rank
from services.intake.domain.levels import suggest
from services.intake.domain.people import age_band, local_date
from services.intake.domain.state import Locus, Referral, Stage

STAGES_OF_CHANGE = frozenset({"precontemplation", "contemplation", "preparation", "action", "maintenance"})
SUPPORT = frozenset({"strong", "partial", "weak"})
_ICD10CM = re.compile(r"[A-TV-Z][0-9][0-9AB][0-9A-KXZ]{0,4}", re.ASCII)
_RATINGS = {"3": frozenset("01234")}
"""Edition 3 rates from 0 to 4; the symbols of other editions are kept as they are given."""


@dataclass(frozen=True, slots=True)
class AssessPatient:
    dimensions: tuple[Rating, ...]
    recommended_level: LevelOfCare
    assessor_credential: str
    diagnoses: tuple[Diagnosis, ...]
    availability: tuple[Availability, ...] = ()
    stage_of_change: str | None = None
    support_network: str | None = None
    curriculum_tracks: tuple[str, ...] = ()
    programs_presented: tuple[str, ...] = ()
    patient_choice: str | None = None
    choice_reason: str | None = None
    differs_reason: str | None = None
    locus: Locus | None = None


def assess_patient(referral: Referral, command: AssessPatient, moment: Moment) -> list[Any]:
    """T6: while waiting it renews what grew old; the person's own choice is kept with its reason."""
    rules = moment.rules.intake
    today = local_date(moment.at, referral.tz)
    level = command.recommended_level
    suggested = suggest(
        referral,
        moment.rules,
        level.edition,
        earlier_episodes=len(referral.earlier_episodes),
        support_network=command.support_network,
    ).level
    lower = suggested is not None and level_rank(level) < level_rank(suggested)
    require(
        "cannot_assess",
        "The assessment cannot be recorded",
        [
            in_stage(referral, Stage.SCREENED, Stage.ASSESSED, Stage.WAITLISTED),
            guards.screening_current(referral, today, rules),
            guards.withdrawal_not_high(referral),
            guards.alerts_in_hand(referral),
            Guard(
                "assessor_credential",
                command.assessor_credential in rules.assessor_credentials,
                "the assessor's credential is not on the site's list",
                {"accepted": list(rules.assessor_credentials)},
            ),
            _edition(referral, level, moment),
            guards.dimensions_complete(command.dimensions, level, rules),
            Guard(
                "ratings_known",
                level.edition not in _RATINGS
                or all(r.rating in _RATINGS[level.edition] for r in command.dimensions),
                "edition 3 rates each dimension from 0 to 4",
            ),
            Guard(
                "principal_diagnosis",
                [d.rank for d in command.diagnoses].count(1) == 1,
                "exactly one diagnosis must be the principal one (rank 1)",
            ),
            _diagnosis_codes(command),
            guards.known("stage_of_change", command.stage_of_change or "action", STAGES_OF_CHANGE),
            guards.known("support_network", command.support_network or "partial", SUPPORT),
            _choice(command, moment),
            Guard(
                "differs_reason",
                not lower or command.differs_reason is not None,
                f"the facts speak for level {suggested} or more: say why a lower one is right",
                {"suggested": str(suggested)} if lower else {},
            ),
            _locus(command),
        ],
    )
    assessed = PatientAssessed(
        **about(referral, moment),
        assessment_id=moment.new_id("assessment"),
        dimensions=command.dimensions,
        recommended_level=level,
        assessor_credential=command.assessor_credential,
        assessed_at=moment.at,
        availability=command.availability,
        stage_of_change=command.stage_of_change,
        support_network=command.support_network,
        curriculum_tracks=command.curriculum_tracks,
        programs_presented=command.programs_presented,
        patient_choice=command.patient_choice,
        choice_reason=command.choice_reason,
        suggested_level=suggested,
        differs_reason=command.differs_reason,
    )
    return [FindingsKept(command.diagnoses, command.locus), assessed]


def _edition(referral: Referral, level: LevelOfCare, moment: Moment) -> Guard:
    """A level means something only in the criteria that the site works with at this age."""
    rules = moment.rules.intake
    band = age_band(referral.person.birth_date, local_date(moment.at, referral.tz), rules)
    used = rules.adolescent_edition if band is AgeBand.ADOLESCENT else rules.edition
    others = tuple(e for e, rated in rules.dimensions.items() if not rated)
    return Guard(
        "edition",
        level.edition in (used, *others),
        f"the site rates this age by edition {used}",
        {"accepted": [used, *others]},
    )


def _diagnosis_codes(command: AssessPatient) -> Guard:
    wrong = [
        d.rank
        for d in command.diagnoses
        if d.system != "icd10cm" or d.code is None or not _ICD10CM.fullmatch(d.code)
    ]
    return Guard(
        "diagnosis_codes", not wrong, "a diagnosis is not written as ICD-10-CM writes it", {"ranks": wrong}
    )


def _choice(command: AssessPatient, moment: Moment) -> Guard:
    """What a person chose was among what was presented, and what was presented exists."""
    presented = command.programs_presented
    unknown = [p for p in presented if p not in moment.rules.programs]
    chosen = command.patient_choice is None or command.patient_choice in presented
    return Guard(
        "programs_presented",
        chosen and not unknown,
        "a program is not offered here, or the choice was not presented",
        {"offered": sorted(moment.rules.programs)},
    )


def _locus(command: AssessPatient) -> Guard:
    """A record of somebody else's scoring: only what cannot be is refused."""
    given = command.locus
    fits = given is None or (
        len(given.scales) == 7
        and all(1 <= s <= 5 for s in given.scales)
        and sum(given.scales) == given.composite
    )
    return Guard("locus_record", fits, "a LOCUS record has seven scales from 1 to 5, and their sum")
