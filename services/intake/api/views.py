"""What may be read of a referral, by role."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.rulebook import Rulebook
from services.intake import domain
from services.intake.api.models import (
    AlertRow,
    AlertView,
    AuthorizationRow,
    AuthorizationView,
    DeskRow,
    EntryRow,
    EntryView,
    MatchView,
    NextView,
    ReferralView,
    StoryRow,
)
from services.intake.domain import state as kept

CARE = ("admissions", "clinician", "director")
CLINICAL = ("clinician", "director")
MONEY = (*CARE, "biller")
READERS = (*MONEY, "scheduler", "operator")
REFERRERS = (*CARE, "referrer")


_ANYBODY = (
    "id", "site_id", "patient_id", "stage", "stage_since", "urgency", "received_at", "tz", "prior_episode_id",
    "earlier_episodes", "owner", "owner_since", "closed_at",
)  # fmt: skip
_THOSE_WHO_CARE = (
    "person", "source", "sources", "program_kind", "plan_kind_hint", "flags", "indications", "consents",
    "screening", "contacts", "detox", "assessment", "locus", "diagnoses", "coverage", "certificate", "wish",
    "hold", "entry", "past_entry", "closed_reason",
)  # fmt: skip
_THOSE_WHO_BILL = ("coverage", "plan_kind_hint", "certificate")


def cursor(rows: Sequence[Mapping[str, Any]], limit: int) -> str | None:
    """Where the next page of a list by id begins; None at its end."""
    return rows[-1]["id"] if len(rows) == limit else None


def stage_of(state: domain.Referral) -> dict[str, Any]:
    """What every answer adds: where the referral now stands."""
    return {"stage": str(state.stage)}


def referral(row: dict[str, Any], role: str, now: datetime, rules: Rulebook) -> ReferralView:
    """What a role may read of a referral; item answers never leave the service."""
    state: domain.Referral = row["state"]
    shown: tuple[str, ...] = _ANYBODY
    if role in CARE:
        shown += _THOSE_WHO_CARE
    elif role == "biller":
        shown += _THOSE_WHO_BILL
    fields: dict[str, Any] = {name: getattr(state, name) for name in shown}
    fields |= {"referral_id": state.id, "episode_id": state.id, "version": row["version"]}
    if role in MONEY:
        fields["authorizations"] = tuple(authorization(state, a, now) for a in state.authorizations)
    if role in CARE:
        fields["alerts"] = tuple(alert(a, now) for a in state.alerts)
        fields["next_action"] = domain.next_action(state, now, rules.at(state.network_id, state.site_id))
    return ReferralView.model_validate(fields)


def authorization(state: domain.Referral, given: kept.Authorization, now: datetime) -> AuthorizationView:
    """An authorization with what remains of it."""
    return AuthorizationView(**_authorization(state, given, now))


def authorization_row(state: domain.Referral, given: kept.Authorization, now: datetime) -> AuthorizationRow:
    """An authorization in a list of many people's."""
    return AuthorizationRow(**_authorization(state, given, now), referral_id=state.id, site_id=state.site_id)


def _authorization(state: domain.Referral, given: kept.Authorization, now: datetime) -> dict[str, Any]:
    return {
        "id": given.id,
        "status": given.status,
        "level": given.level,
        "unit_kind": given.unit_kind,
        "units_approved": given.units_approved,
        "units_used": sum(given.used.values()),
        "units_left": given.units_left,
        "days_left": given.days_left(domain.local_date(now, state.tz)),
        "valid_from": given.valid_from,
        "valid_to": given.valid_to,
        "service_codes": given.service_codes,
        "days_per_week": given.days_per_week,
    }


def alert(raised: kept.Alert, now: datetime) -> AlertView:
    """An open alert, and whether nobody acknowledged it in time."""
    overdue = raised.acknowledged_at is None and now >= raised.due_ack_at
    return AlertView.model_validate(raised).model_copy(update={"overdue": overdue})


def alert_rows(state: domain.Referral, now: datetime) -> list[AlertRow]:
    """The open alerts of one referral in a list of many people's."""
    place: dict[str, Any] = {"referral_id": state.id, "site_id": state.site_id, "stage": state.stage}
    return [AlertRow.model_validate(alert(a, now).model_dump() | place) for a in state.alerts]


def entry_row(state: domain.Referral) -> EntryRow:
    """A place on the waiting list in a list of many people's."""
    assert state.entry is not None
    shown = EntryView.model_validate(state.entry).model_dump()
    return EntryRow(**shown, referral_id=state.id, site_id=state.site_id)


def desk_row(state: domain.Referral, now: datetime, rules: Rulebook) -> DeskRow:
    """One line of the intake queue: what to do next, for how long it waits, and who has it."""
    todo = domain.next_action(state, now, rules.at(state.network_id, state.site_id))
    return DeskRow(
        referral_id=state.id,
        site_id=state.site_id,
        stage=state.stage,
        urgency=state.urgency,
        source=state.source,
        hours_waiting=_hours(now - (state.stage_since or state.received_at)),
        hours_since_received=_hours(now - state.received_at),
        next_action=NextView(what=todo.what, due_at=todo.due_at),
        overdue=todo.due_at is not None and now >= todo.due_at,
        owner=state.owner,
        owner_since=state.owner_since,
        alerts=len(state.alerts),
        flags=state.flags,
        language=state.person.language,
    )


def match(one: domain.Referral, other: domain.Referral, rules: Rulebook) -> MatchView:
    """How alike two referrals are."""
    score = domain.likeness_score(one.person, other.person, rules.matching)
    return MatchView(referral_id=other.id, site_id=other.site_id, stage=other.stage, score_permille=score)


def story(row: dict[str, Any]) -> StoryRow:
    """One recorded fact, without item answers."""
    data = {k: v for k, v in row["data"].items() if k not in ("network_id", "site_id", "patient_id")}
    if "screening" in data:
        data = {k: v for k, v in data["screening"].items() if k != "answers"}
    return StoryRow(version=row["version"], type=row["type"], at=row["at"], data=data)


def _hours(waited: timedelta) -> int:
    return max(0, int(waited.total_seconds() // 3600))
