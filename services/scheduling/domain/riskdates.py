"""Days on which a person will need more support: remembered, and prepared for in time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Unwake, Wake, require
from contracts.rule_tables import RiskDateRules
from contracts.scheduling import BoosterProposed, RiskDateCleared, RiskDateSet, SessionOption
from services.scheduling.domain.calendar import Calendar, about
from services.scheduling.domain.localtime import civil_date, midnight

MOST = 50
"""Risk dates of one person at a time."""


@dataclass(frozen=True, slots=True)
class SetRiskDate:
    """A day will be hard for this person."""

    on: date
    kind: str


@dataclass(frozen=True, slots=True)
class ClearRiskDate:
    """A risk date no longer stands."""

    risk_date_id: str


def set_date(state: Calendar, command: SetRiskDate, moment: Moment) -> Sequence[object]:
    """Remember a risk date of somebody in treatment, and ask to be woken in time."""
    today = civil_date(moment.at, state.tz)
    rules = state.rules_on(today, moment.rules)
    last = today + timedelta(days=rules.program.max_days)
    require(
        "risk_date_refused",
        "This risk date cannot be set",
        [
            Guard("admitted", state.running, "the person is not admitted", {"stage": state.stage}),
            Guard("to_come", command.on >= today, f"{command.on} is over", {"today": str(today)}),
            Guard("not_too_far_ahead", command.on <= last, f"{command.on} is after {last}"),
            Guard("not_too_many", len(state.risk_dates) < MOST, f"there are {MOST} risk dates already"),
            Guard(
                "not_twice",
                (command.on, command.kind) not in {(r.on, r.kind) for r in state.risk_dates.values()},
                "this risk date is set already",
            ),
        ],
    )
    risk_date_id = moment.new_id("risk_date")
    return [
        RiskDateSet(
            **about(state, moment),
            risk_date_id=risk_date_id,
            on=command.on,
            kind=command.kind,
        ),
        Wake(_looked_at(state, command.on, rules.risk_dates, moment), f"booster:{risk_date_id}"),
    ]


def _looked_at(state: Calendar, on: date, rules: RiskDateRules, moment: Moment) -> datetime:
    return max(midnight(on - timedelta(days=rules.notice_days), state.tz), moment.at)


def clear_date(state: Calendar, command: ClearRiskDate, moment: Moment) -> Sequence[object]:
    """A risk date no longer stands."""
    if command.risk_date_id not in state.risk_dates:
        raise Refused("not_found", "There is no such risk date.", status=404)
    return [
        RiskDateCleared(
            **about(state, moment),
            risk_date_id=command.risk_date_id,
        ),
        Unwake(f"booster:{command.risk_date_id}"),
    ]


def days_around(on: date, rules: RiskDateRules) -> tuple[date, date]:
    """The first and the last day on which a session helps with a risk date."""
    near = timedelta(days=rules.within_days)
    return on - near, on + near


def propose(
    state: Calendar, risk_date_id: str, options: Sequence[SessionOption], moment: Moment
) -> Sequence[object]:
    """Say which sessions around a risk date have a seat; look again tomorrow while none is planned."""
    found = state.risk_dates.get(risk_date_id)
    if found is None or found.proposed or not state.running:
        return []
    today = civil_date(moment.at, state.tz)
    settled = found.on - timedelta(days=state.rules_on(today, moment.rules).risk_dates.settle_days)
    if not options and today < settled:
        return [Wake(midnight(today + timedelta(days=1), state.tz), f"booster:{risk_date_id}")]
    return [
        BoosterProposed(
            **about(state, moment),
            risk_date_id=risk_date_id,
            on=found.on,
            options=tuple(options),
        )
    ]
