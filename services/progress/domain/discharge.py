"""How an episode ends: each reason with what it asks for (T15, T19, T25, T30, T32)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contracts.decisions import Guard, Moment, require
from contracts.progress import PatientDischarged
from contracts.vocabulary import DischargeReason
from services.progress.domain.aftercare import aftercare_is_over
from services.progress.domain.course import attempts_in_vain
from services.progress.domain.extension import drop_extension
from services.progress.domain.facts import Stage
from services.progress.domain.recommend import close_all
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, at_stage, clinical, days_between, moved, running

IN_TREATMENT = (Stage.ADMITTED, Stage.SCHEDULED, Stage.ATTENDING, Stage.STEP_UP_PENDING)


@dataclass(frozen=True, slots=True)
class DischargePatient:
    """End an episode for a reason, with what that reason asks for."""

    reason: DischargeReason
    risks_discussed: bool = False
    receiving_program: str | None = None
    written_notice: bool = False


def discharge_patient(state: Episode, command: DischargePatient, moment: Moment) -> Facts:
    """End the episode; alerts stay with whoever has to close them."""
    running(state)
    require("discharge_refused", "The patient cannot be discharged", _guards(state, command, moment))
    today = state.day(moment.at)
    discharged = PatientDischarged(
        **about(state, moment.actor),
        reason=command.reason,
        teds_reason=moment.rules.teds[command.reason],
        discharged_on=today,
        admitted_on=state.admitted_on,
        last_service_on=state.last_attended_on,
        los_days=length_of_stay(state, today),
        level_at_discharge=state.level_on(today),
        goals_total=len(state.goals),
        goals_met=sum(p.met_on is not None for p in state.goals),
    )
    return [
        *close_all(state, "discharged"),
        *drop_extension(state, moment, "discharged"),
        discharged,
        moved(state, moment, Stage.DISCHARGED, _transition(state, command.reason)),
    ]


def length_of_stay(state: Episode, discharged_on: date) -> int:
    """Days from admission to the last service, at least one (K6)."""
    last = state.last_attended_on or state.admitted_on
    return max(1, days_between(state.admitted_on, min(discharged_on, last)))


def _guards(state: Episode, command: DischargePatient, moment: Moment) -> list[Guard]:
    if command.reason is DischargeReason.DECEASED:
        return []
    if command.reason is DischargeReason.ADMINISTRATIVE:
        return [
            Guard("director", moment.actor.role == "director", "a director has to decide this"),
            Guard("written_notice", command.written_notice, "no written notice was given"),
        ]
    asked = _ASKED.get(command.reason)
    return [clinical(moment), *(asked(state, command, moment) if asked else [])]


def _never_attended(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    rules = moment.rules.progress
    since = days_between(state.admitted_on, state.day(moment.at))
    return [
        at_stage(state, Stage.ADMITTED, Stage.SCHEDULED),
        Guard("no_attendance", state.last_attended_on is None, "the person has attended"),
        _enough("days", since, rules.never_attended_days, "days since admission"),
        _enough("attempts", len(state.contacts), rules.never_attended_attempts, "outreach attempts"),
    ]


def _no_contact(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    rules = moment.rules.progress
    vain = attempts_in_vain(state)
    since = days_between(state.last_attended_on or state.admitted_on, state.day(moment.at))
    return [
        _enough("days", since, rules.dropout_days, "days without attendance"),
        _enough("attempts", len(vain), rules.dropout_attempts, "outreach attempts since"),
        _enough("channels", len({c.channel for c in vain}), rules.dropout_channels, "channels tried"),
    ]


def _against_advice(_state: Episode, command: DischargePatient, _moment: Moment) -> list[Guard]:
    return [Guard("risks_discussed", command.risks_discussed, "the risks have not been discussed")]


def _handed_on(_state: Episode, command: DischargePatient, _moment: Moment) -> list[Guard]:
    return [Guard("receiving_program", bool(command.receiving_program), "no receiving program is named")]


def _completed(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    over = [] if state.stage is Stage.ALUMNI else [aftercare_is_over(state, moment)]
    return [at_stage(state, Stage.AFTERCARE, Stage.ALUMNI), *over]


_ASKED: dict[DischargeReason, Callable[[Episode, DischargePatient, Moment], list[Guard]]] = {
    DischargeReason.NEVER_ATTENDED: _never_attended,
    DischargeReason.DROPPED_OUT_NO_CONTACT: _no_contact,
    DischargeReason.LEFT_AGAINST_ADVICE: _against_advice,
    DischargeReason.TRANSFERRED_HIGHER_LEVEL: _handed_on,
    DischargeReason.COMPLETED_GOALS: _completed,
}


def _enough(guard_id: str, value: int, wanted: int, what: str) -> Guard:
    return Guard(
        guard_id, value >= wanted, f"{value} {what}, {wanted} are needed", {"value": value, "needed": wanted}
    )


def _transition(state: Episode, reason: DischargeReason) -> str:
    if reason is DischargeReason.NEVER_ATTENDED:
        return "T15"
    if reason is DischargeReason.TRANSFERRED_HIGHER_LEVEL and state.attending:
        return "T25"
    return "T32" if state.stage in IN_TREATMENT else "T30"
