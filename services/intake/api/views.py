"""What may be read of a referral, by role."""

from collections.abc import Mapping
from typing import Any

from services.intake import domain

CARE = ("admissions", "clinician", "director")
MONEY = (*CARE, "biller")


def stage_of(state: domain.Referral) -> dict[str, Any]:
    """What every answer adds: where the referral now stands."""
    return {"stage": str(state.stage)}


def received(state: domain.Referral) -> dict[str, Any]:
    """What the answer to a new referral adds."""
    return {
        "referral_id": state.id,
        "episode_id": state.id,
        "patient_id": state.patient_id,
        "stage": str(state.stage),
        "flags": list(state.flags),
    }


_ANYBODY = (
    "id",
    "site_id",
    "patient_id",
    "stage",
    "urgency",
    "received_at",
    "prior_episode_id",
    "tz",
    "closed_at",
)
_THOSE_WHO_CARE = (
    "person",
    "source",
    "program_kind",
    "plan_kind_hint",
    "flags",
    "consents",
    "screening",
    "detox",
    "assessment",
    "diagnoses",
    "coverage",
    "authorization",
    "wish",
    "hold",
    "entry",
    "closed_reason",
)
_THOSE_WHO_BILL = ("coverage", "authorization", "plan_kind_hint")


def view(row: Mapping[str, Any], role: str) -> dict[str, Any]:
    """What a role may read of a referral; item answers never leave the service."""
    state = row["state"]
    fields = (*_ANYBODY, *(_THOSE_WHO_CARE if role in CARE else _THOSE_WHO_BILL if role == "biller" else ()))
    shown = {name: state.get(name) for name in fields}
    if shown.get("screening"):
        shown["screening"] = {k: v for k, v in shown["screening"].items() if k != "answers"}
    return {**shown, "referral_id": state["id"], "version": row["version"]}
