"""A small model of a referral's way, written from the table of transitions and from nothing of the domain."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.intake.life_bodies import SCREENINGS

OPEN = ("REFERRED", "SCREENED", "DETOX_REFERRED", "ASSESSED", "WAITLISTED")
OPEN_OR_ADMITTED = (*OPEN, "ADMITTED")
EVERYWHERE = (*OPEN_OR_ADMITTED, "DECLINED", "DISCHARGED")


def staying(*stages: str) -> dict[str, set[str]]:
    return {stage: {stage} for stage in stages}


_PAYER = staying(*OPEN_OR_ADMITTED) | {
    "ASSESSED": {"ASSESSED", "WAITLISTED"},
    "WAITLISTED": {"WAITLISTED", "ASSESSED"},
}
LEGAL: dict[str, dict[str, set[str]]] = {
    "consents": staying(*OPEN_OR_ADMITTED),
    "signatures": staying(*OPEN_OR_ADMITTED),
    "revocation": staying(*EVERYWHERE),
    "screening": staying("SCREENED", "ASSESSED", "WAITLISTED") | {"REFERRED": {"SCREENED"}},
    "detox": {s: {"DETOX_REFERRED"} for s in ("SCREENED", "ASSESSED", "WAITLISTED", "DETOX_REFERRED")},
    "detox-return": {"DETOX_REFERRED": {"SCREENED", "DETOX_REFERRED"}},
    "assessment": staying("ASSESSED", "WAITLISTED") | {"SCREENED": {"ASSESSED"}},
    "coverage": _PAYER,
    "authorization": _PAYER,
    "certification": staying(*OPEN_OR_ADMITTED),
    "seat-request": staying("ASSESSED"),
    "seat-request/out-of-turn": staying("WAITLISTED"),
    "priority": staying("WAITLISTED"),
    "offer": {"WAITLISTED": {"ASSESSED", "WAITLISTED", "DECLINED"}},
    "admission": {"ASSESSED": {"ADMITTED"}},
    "decline": {s: {"DECLINED"} for s in OPEN},
    "contacts": staying(*OPEN),
    "claim": staying(*OPEN),
    "owner": staying(*OPEN),
    "acknowledgement": staying(*OPEN, "DECLINED"),
    "resolution": staying(*OPEN, "DECLINED"),
}
"""T2 to T12: each command, the stages it is taken in, and where each may lead."""

HEARD: dict[str, dict[str, set[str]]] = {
    "seat_held": staying(*EVERYWHERE),
    "seat_unavailable": staying(*EVERYWHERE) | {"ASSESSED": {"ASSESSED", "WAITLISTED"}},
    "seat_released": staying(*EVERYWHERE),
    "patient_discharged": staying(*EVERYWHERE) | {"ADMITTED": {"DISCHARGED"}},
    "time": staying(*EVERYWHERE) | {"WAITLISTED": {"WAITLISTED", "DECLINED"}},
}
"""What is heard is absorbed everywhere and moves only these."""

_WORST = ("none", "low", "moderate", "high")


@dataclass
class Life:
    """What somebody who only saw the accepted commands knows of one referral."""

    id: str
    stage: str = "REFERRED"
    version: int = 0
    signed: bool = False
    screened_at: datetime | None = None
    suicide: str = "none"
    withdrawal: str = "none"
    home: bool = True
    assessed_at: datetime | None = None
    level: str = ""
    coverage: dict[str, Any] | None = None
    authorizations: list[dict[str, Any]] = field(default_factory=list)
    certified: bool = False
    for_payer: bool = False
    """Whether the place in the queue is a wait for a payer's word."""
    hold_until: datetime | None = None
    alerts: dict[str, str] = field(default_factory=dict)

    def accept(self, name: str, body: Any, stage: str, at: datetime) -> None:
        """Fold an accepted command; raises AssertionError where it was none to accept."""
        assert stage in LEGAL[name].get(self.stage, set()), f"{name}: {self.stage} -> {stage}"
        if name == "admission":
            self._may_be_admitted(body, at)
        # Of all commands only a payer's word leads onto the list.
        self.for_payer = stage == "WAITLISTED" and (self.for_payer or self.stage != stage)
        self.stage = stage
        match name:
            case "consents" if body["kind"] == "treatment":
                self.signed = self.signed or body.get("signers", ["patient"]) == ["patient"]
            case "screening":
                self._screened(body, at)
            case "detox":
                self.hold_until = None
            case "detox-return" if stage == "SCREENED":
                self.screened_at = self.assessed_at = None
            case "assessment":
                level = body["recommended_level"]
                self.assessed_at, self.level = at, level if isinstance(level, str) else level["code"]
            case "coverage":
                self.coverage = body
            case "authorization":
                self.authorizations.append(body)
            case "certification":
                self.certified = body["certified_on"] != "2020-01-01"
            case "offer" if not body["accept"]:
                self.hold_until = None
            case "admission":
                self.alerts = {}

    def _screened(self, body: Any, at: datetime) -> None:
        found = next(f for b, f in SCREENINGS if b == body)
        assert found is not None, "this was no screening"
        self.screened_at = at
        self.suicide, self.withdrawal, self.home, emergency = found
        if self.suicide in ("moderate", "high"):
            self._alarm("suicide_risk", self.suicide)
        if emergency:
            self._alarm("withdrawal", "high")

    def _alarm(self, kind: str, severity: str) -> None:
        self.alerts[kind] = max(self.alerts.get(kind, "none"), severity, key=_WORST.index)

    def may_be_offered(self) -> bool:
        """Whether a held seat is told to the person: only who waits for one, and whom it would not harm."""
        safe = self.home and "high" not in (self.suicide, self.withdrawal, *self.alerts.values())
        return self.stage == "WAITLISTED" and not self.for_payer and safe and self.level in ("1", "2.1")

    def _may_be_admitted(self, body: Any, at: datetime) -> None:
        """T12 in one's own words."""
        assert self.signed, "no signed consent"
        assert self.screened_at, "no screening"
        assert self.assessed_at, "no assessment"
        assert at - min(self.screened_at, self.assessed_at) < timedelta(days=31), "grown old"
        assert "high" not in self.alerts.values(), "a high alert is open"
        assert "high" not in (self.suicide, self.withdrawal), "a risk is high"
        assert self.home, "no home"
        assert self.level == "2.1", "no program for this level"
        assert self.hold_until is not None, "no seat"
        assert at < self.hold_until, "the seat is gone"
        # Which kind of program is the clinician's word: the seat may have been asked for another.
        assert body["program_id"] in ("adult_sud_day", "iop-adult", "mh_12w"), "no program for this person"
        cover = self.coverage
        assert cover, "no coverage"
        assert cover["plan_kind"] == "self_pay" or cover["status"] in ("active", "waived"), "no decision"
        assert cover["plan_kind"] == "self_pay" or "valid_through" not in cover, "coverage is over"
        assert cover["plan_kind"] != "medicare" or self.certified, "nobody certified"
        good = [a for a in self.authorizations if a["status"] == "approved" and a["valid_to"] > "2026-06"]
        assert not cover["auth_required"] or good, "no authorization"
