"""What may be sent to a referral: the first body of each command is the ordinary one."""

from collections.abc import Sequence
from typing import Any

Body = Any
PHQ_9 = [2, 2, 1, 2, 1, 2, 1, 1, 0]
QUIET = [0, 0, None, None, None, 0]
HOME = {"home_safe": True, "needs_24h_supervision": False}


def given(**answers: Sequence[int | None]) -> list[dict[str, Any]]:
    return [{"instrument": name, "answers": each} for name, each in answers.items()]


SCREENINGS: list[tuple[Body, tuple[str, str, bool, bool] | None]] = [
    (
        HOME | {"withdrawal_risk": "low", "instruments": given(phq9=PHQ_9, cssrs=QUIET)},
        ("none", "low", True, False),
    ),
    (
        HOME | {"withdrawal_risk": "none", "suicide_risk": "none", "instruments": given(cows=[0] * 11)},
        ("none", "none", True, False),
    ),
    (
        HOME | {"withdrawal_risk": "none", "instruments": given(phq9=[0] * 8 + [1])},
        ("moderate", "none", True, False),
    ),
    (
        HOME | {"withdrawal_risk": "low", "instruments": given(cssrs=[1, 1, 1, 1, 0, 0])},
        ("high", "low", True, False),
    ),
    (
        HOME
        | {"suicide_risk": "none", "instruments": given(cows=[4, 4, 5, 2, 0, 0, 0, 0, 0, 0, 0], phq9=PHQ_9)},
        ("none", "high", True, False),
    ),
    (
        HOME | {"suicide_risk": "low", "instruments": given(ciwa_ar=[7, 7, 7, 0, 0, 0, 0, 0, 0, 0])},
        ("low", "high", True, True),
    ),
    (
        {
            "home_safe": False,
            "needs_24h_supervision": False,
            "suicide_risk": "none",
            "withdrawal_risk": "none",
        },
        ("none", "none", False, False),
    ),
    (HOME | {"suicide_risk": "none"}, None),
    (HOME | {"withdrawal_risk": "none", "suicide_risk": "none", "instruments": given(phq9=[9] * 9)}, None),
    (HOME | {"suicide_risk": "none", "instruments": given(audit=[4] * 8 + [0, 0])}, None),
]
"""A screening, with what it finds: suicide risk, withdrawal risk, a home, an emergency.

None where it is no screening.
"""

RATED = [{"dimension": n, "rating": "1"} for n in range(1, 7)]
ASSESSMENT = {
    "dimensions": RATED,
    "recommended_level": "2.1",
    "assessor_credential": "LCSW",
    "diagnoses": [{"code": "F10.20", "rank": 1}],
    "availability": [{"dow": 1, "block": "morning"}],
    "differs_reason": "seen_by_assessor",
}
COVERAGE = {"payer_id": "p1", "plan_kind": "commercial", "status": "active", "auth_required": False}
AUTHORIZATION = {
    "status": "approved",
    "level": "2.1",
    "unit_kind": "day",
    "units_approved": 30,
    "valid_from": "2026-01-01",
    "valid_to": "2027-12-31",
}
DISCLOSURE = {
    "kind": "part2_disclosure",
    "disclosers": ["boston"],
    "recipients": [{"id": "clinic-7", "kind": "provider"}],
    "purposes": ["TREAT"],
    "info_categories": ["attendance"],
    "expires_event": "end_of_treatment",
}
SEAT = {"earliest_start": "SOON", "weekly_minutes": 720, "days_per_week": 4}
ADMISSION = {"program_id": "adult_sud_day", "primary_clinician_id": "c1", "program_kind": "sud"}

BODIES: dict[str, list[Body]] = {
    "consents": [
        {"kind": "treatment"},
        {"kind": "treatment_verbal"},
        DISCLOSURE,
        DISCLOSURE | {"purposes": []},
        {"kind": "treatment", "signers": ["parent_or_guardian"]},
        {"kind": "contact_preferences", "channels": ["sms"]},
        {"kind": "contact_preferences", "channels": ["pigeon"]},
        {"kind": "anything"},
        {"kind": "treatment", "expires_at": "1999-01-01T00:00:00Z"},
    ],
    "screening": [body for body, _ in SCREENINGS],
    "detox": [
        {"setting": "detox_facility", "trigger": "clinician"},
        {"setting": "hospital", "trigger": "cows"},
        {"setting": "hospital", "trigger": "ciwa"},
        {"setting": "hospital", "trigger": "opioid_history"},
        {"setting": "spa", "trigger": "clinician"},
        {"setting": "hospital", "trigger": "clinician", "in_house": True},
    ],
    "detox-return": [
        {"outcome": "completed", "medically_cleared": True, "cleared_by": "dr"},
        {"outcome": "left_early", "medically_cleared": False},
        {"outcome": "completed", "medically_cleared": True},
        {"outcome": "vanished", "medically_cleared": False},
    ],
    "assessment": [
        ASSESSMENT,
        ASSESSMENT | {"recommended_level": "2.5"},
        ASSESSMENT | {"recommended_level": "1"},
        ASSESSMENT | {"recommended_level": {"edition": "other", "code": "2.1"}, "dimensions": []},
        ASSESSMENT | {"recommended_level": {"edition": "4", "code": "2.1"}},
        ASSESSMENT | {"dimensions": RATED[:5]},
        ASSESSMENT | {"assessor_credential": "RN"},
        ASSESSMENT | {"diagnoses": []},
        ASSESSMENT | {"patient_choice": "adult_sud_day", "programs_presented": ["adult_sud_day"]},
        ASSESSMENT | {"patient_choice": "spa"},
        ASSESSMENT | {"locus": {"scales": [3] * 7, "composite": 21}},
    ],
    "coverage": [
        COVERAGE,
        COVERAGE | {"auth_required": True},
        COVERAGE | {"status": "pended"},
        COVERAGE | {"status": "inactive"},
        COVERAGE | {"plan_kind": "medicare"},
        COVERAGE | {"plan_kind": "self_pay", "status": "unknown"},
        COVERAGE | {"status": "waived"},
        COVERAGE | {"valid_through": "2020-01-01"},
        COVERAGE | {"status": "maybe"},
    ],
    "authorization": [
        AUTHORIZATION,
        AUTHORIZATION | {"status": "pended", "units_approved": 0},
        AUTHORIZATION | {"status": "denied", "units_approved": 0},
        AUTHORIZATION | {"units_approved": 0},
        AUTHORIZATION | {"valid_to": "2025-01-01"},
        AUTHORIZATION | {"authorization_id": "nobody"},
        AUTHORIZATION | {"status": "partial", "valid_to": "2026-01-02"},
    ],
    "certification": [
        {"certified_by": "dr", "credential": "MD", "certified_on": "TODAY"},
        {"certified_by": "rn", "credential": "RN", "certified_on": "TODAY"},
        {"certified_by": "dr", "credential": "MD", "certified_on": "2020-01-01"},
        {"certified_by": "dr", "credential": "MD", "certified_on": "2099-01-01"},
    ],
    "seat-request": [
        SEAT,
        SEAT | {"weekly_minutes": 539},
        SEAT | {"program_kind": "co_occurring"},
        SEAT | {"earliest_start": "2020-01-01"},
        SEAT | {"earliest_start": "2199-01-01"},
    ],
    "seat-request/out-of-turn": [
        {"reason": "discharge"},
        {"reason": "discharge", "earliest_start": "SOON"},
        {"reason": "discharge", "earliest_start": "2020-01-01"},
    ],
    "priority": [{"priority": 1, "reason": "pregnancy"}, {"priority": 0, "reason": "x"}],
    "offer": [{"accept": True}, {"accept": False}],
    "admission": [
        ADMISSION,
        ADMISSION | {"program_id": "iop-adult"},
        ADMISSION | {"program_id": "adolescent_6h"},
        ADMISSION | {"program_id": "spa"},
        ADMISSION | {"program_id": "mh_12w", "program_kind": "mental_health"},
    ],
    "decline": [
        {"reason": "patient_declined"},
        {"reason": "needs_higher_level", "alternatives": ["3.7"]},
        {"reason": "needs_higher_level"},
        {"reason": "out_of_scope", "alternatives": ["1"]},
        {"reason": "unreachable"},
        {"reason": "duplicate", "duplicate_of": "nobody"},
        {"reason": "no_reason"},
    ],
    "contacts": [{"channel": "phone", "reached": False}, {"channel": "pigeon", "reached": True}],
    "claim": [None],
    "owner": [{"owner": None}, {"owner": "admissions-1"}, {"owner": "somebody-else"}],
}

JUNK: list[Any] = [None, "", "\x00", "x" * 300, -1, 2**70, 1.5, [], {}, [[[]]], True, "é ü", "9999-99-99"]


def wrecked(body: Body, place: int, junk: Any, how: str) -> Any:
    """A body that somebody sent wrong: something missing, something else, something unknown."""
    if how == "other" or not isinstance(body, dict):
        return junk
    key = sorted(body)[place % len(body)]
    if how == "missing":
        return {k: v for k, v in body.items() if k != key}
    return body | {"surprise" if how == "unknown" else key: junk}
