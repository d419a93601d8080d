"""How an episode ends: each reason with what it asks for (T15, T19, T25, T30, T32)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import PatientDied, PatientDischarged
from contracts.vocabulary import DischargeReason
from services.progress.domain.aftercare import aftercare_is_over, in_touch_guards, kept_in_touch
from services.progress.domain.course import attempts_in_vain
from services.progress.domain.ended import figures, said_again
from services.progress.domain.extension import drop_extension
from services.progress.domain.facts import Kind, Stage
from services.progress.domain.recommend import close_all
from services.progress.domain.state import Episode
from services.progress.domain.tasks import settle_tasks
from services.progress.domain.telling import (
    Facts,
    Step,
    about,
    at_stage,
    clinical,
    days_between,
    in_treatment,
    moved,
    running,
    then,
)

HANDOFFS = ("consent", "emergency")


@dataclass(frozen=True, slots=True)
class DischargePatient:
    """End an episode for a reason, with what that reason asks for."""

    reason: DischargeReason
    risks_discussed: bool = False
    signed: bool | None = None
    """Whether the person signed that they leave against advice; False where they refused to."""
    aftercare_offered: bool = False
    receiving_program: str | None = None
    receiving_accepted: bool = False
    handoff_basis: str | None = None
    written_notice: bool = False
    readmission_eligible: bool = True
    detail_code: str | None = None
    died_on: date | None = None
    stay_in_touch: bool = False
    """Whether the person consents to be called as an alumnus after the end (T30)."""


@dataclass(frozen=True, slots=True)
class RecordDeath:
    """Say that a person died, whatever state the episode is in."""

    died_on: date | None = None


def discharge_patient(state: Episode, command: DischargePatient, moment: Moment) -> Facts:
    """End the episode; alerts stay with whoever has to close them."""
    running(state)
    if command.reason is DischargeReason.DECEASED:
        return record_death(state, RecordDeath(command.died_on), moment)
    require("discharge_refused", "The patient cannot be discharged", _guards(state, command, moment))
    ended = _ended(state, command, state.day(moment.at), moment)
    return [*ended, *kept_in_touch(state, moment)] if command.stay_in_touch else ended


def record_death(state: Episode, command: RecordDeath, moment: Moment) -> Facts:
    """At once and without conditions: nobody writes to the person any more, and what runs ends."""
    today = state.day(moment.at)
    if state.died:
        raise Refused("death_known", "It is known that this person died.", died_on=str(state.died_on))
    if command.died_on is not None and command.died_on > today:
        raise Refused("died_in_future", "Nobody died on a day to come.", status=422)
    died = PatientDied(**about(state, moment.actor), died_on=command.died_on, reported_on=today)
    if state.over:
        return then(state, moment, [died], _died_before(state, command.died_on, moment))
    # Whoever learns of it late still ends the episode on the day of the death, unless it was before.
    end = max(command.died_on or today, state.last_attended_on or state.admitted_on)
    deceased = DischargePatient(DischargeReason.DECEASED, readmission_eligible=False)
    return [died, *_ended(state, deceased, min(end, today), moment)]


def _died_before(state: Episode, died_on: date | None, moment: Moment) -> Step:
    """Whoever had died on a day before they were discharged for another reason left by their death."""
    end, reason = state.discharged_on, DischargeReason.DECEASED
    if died_on is None or end is None or died_on >= end:
        return lambda _state, _moment: []
    return said_again(
        "death",
        reason=reason,
        teds_reason=moment.rules.teds[reason],
        detail_code=moment.rules.detail_codes.get(reason),
        readmission_eligible=False,
        handoff_basis=None,
        signed=None,
        discharged_on=min(end, max(died_on, state.last_attended_on or state.admitted_on)),
    )


def _ended(state: Episode, command: DischargePatient, day: date, moment: Moment) -> Facts:
    transfer = command.reason is DischargeReason.TRANSFERRED_HIGHER_LEVEL
    discharged = PatientDischarged(
        **about(state, moment.actor),
        reason=command.reason,
        teds_reason=moment.rules.teds[command.reason],
        discharged_on=day,
        admitted_on=state.admitted_on,
        level_at_discharge=state.level_on(day),
        readmission_eligible=command.readmission_eligible,
        aftercare_plan_id=state.aftercare.id if state.aftercare else None,
        detail_code=command.detail_code or moment.rules.detail_codes.get(command.reason),
        handoff_basis=command.handoff_basis if transfer else None,
        **figures(state, day),
        signed=command.signed if command.reason is DischargeReason.LEFT_AGAINST_ADVICE else None,
    )
    return [
        *close_all(state, "discharged"),
        *drop_extension(state, moment, "discharged"),
        *settle_tasks(state, "discharged"),
        discharged,
        moved(state, moment, Stage.DISCHARGED, _transition(state, command.reason, moment)),
    ]


def days_away(state: Episode, today: date) -> int:
    """Days since the person was last there; the days of a hold, up to the expected return, do not count."""
    last = state.last_attended_on or state.admitted_on
    return days_between(last, today) - state.days_held(last, today)


def _guards(state: Episode, command: DischargePatient, moment: Moment) -> list[Guard]:
    asked = _ASKED.get(command.reason)
    touch = in_touch_guards(state, consented=True) if command.stay_in_touch else []
    if command.reason is DischargeReason.ADMINISTRATIVE:
        return [*_administrative(state, command, moment), *touch]
    return [clinical(moment), *(asked(state, command, moment) if asked else []), *touch]


def _administrative(_state: Episode, command: DischargePatient, moment: Moment) -> list[Guard]:
    return [
        Guard("director", moment.actor.role == "director", "a director has to decide this"),
        Guard("written_notice", command.written_notice, "no written notice was given"),
    ]


def _never_attended(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    rules, today = moment.rules.progress, state.day(moment.at)
    return [
        # By what is known, not by the state: an attendance may have been struck out.
        in_treatment(state),
        Guard("no_attendance", state.last_attended_on is None, "the person has attended"),
        _not_held(state, today),
        _enough("days", days_away(state, today), rules.never_attended_days, "days since admission"),
        _enough("attempts", len(state.contacts), rules.never_attended_attempts, "outreach attempts"),
    ]


def _no_contact(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    rules, today = moment.rules.progress, state.day(moment.at)
    vain = attempts_in_vain(state)
    return [
        _not_held(state, today),
        _enough("days", days_away(state, today), rules.dropout_days, "days without attendance"),
        _enough("attempts", len(vain), rules.dropout_attempts, "outreach attempts since"),
        _enough("channels", len({c.channel for c in vain}), rules.dropout_channels, "channels tried"),
    ]


def _not_held(state: Episode, today: date) -> Guard:
    """Who is away with leave has not stayed away; who did not come back from it has."""
    until = str(state.hold.until) if state.hold else None
    return Guard("not_held", not state.held_on(today), "the person is on hold", {"expected_return_on": until})


def _against_advice(_state: Episode, command: DischargePatient, _moment: Moment) -> list[Guard]:
    return [
        Guard("risks_discussed", command.risks_discussed, "the risks have not been discussed"),
        Guard("signature", command.signed is not None, "say whether the person signed or refused to"),
        Guard("aftercare_offered", command.aftercare_offered, "aftercare has not been offered"),
    ]


def _handed_on(_state: Episode, command: DischargePatient, _moment: Moment) -> list[Guard]:
    return [Guard("receiving_program", bool(command.receiving_program), "no receiving program is named")]


def _handed_up(state: Episode, command: DischargePatient, moment: Moment) -> list[Guard]:
    emergency = command.handoff_basis == "emergency"
    approved = any(r.kind is Kind.TRANSFER and r.closed == "approved" for r in state.recommendations)
    # Who is on hold is handed on from there: nothing can be approved while treatment rests (T19).
    resting = state.rests_on(state.day(moment.at))
    reviewed = resting or state.stage not in (Stage.ADMITTED, Stage.SCHEDULED, Stage.ATTENDING)
    return [
        *_handed_on(state, command, moment),
        Guard(
            "transfer_approved",
            reviewed or approved or emergency,
            "nobody took the step up in hand or approved the transfer",
        ),
        Guard(
            "receiving_accepted",
            command.receiving_accepted or emergency,
            "the receiving program has not accepted the person",
        ),
        Guard(
            "handoff_basis",
            command.handoff_basis in HANDOFFS,
            "say whether the person is handed over with consent or in an emergency",
        ),
    ]


def _completed(state: Episode, _command: DischargePatient, moment: Moment) -> list[Guard]:
    over = [] if state.stage is Stage.ALUMNI else [aftercare_is_over(state, moment)]
    return [at_stage(state, Stage.AFTERCARE, Stage.ALUMNI), *over]


def _court(_state: Episode, command: DischargePatient, _moment: Moment) -> list[Guard]:
    return [Guard("written_notice", command.written_notice, "there is no written notice from the court")]


_ASKED: dict[DischargeReason, Callable[[Episode, DischargePatient, Moment], list[Guard]]] = {
    DischargeReason.NEVER_ATTENDED: _never_attended,
    DischargeReason.DROPPED_OUT_NO_CONTACT: _no_contact,
    DischargeReason.LEFT_AGAINST_ADVICE: _against_advice,
    DischargeReason.TRANSFERRED_HIGHER_LEVEL: _handed_up,
    DischargeReason.TRANSFERRED_LOWER_LEVEL: _handed_on,
    DischargeReason.TRANSFERRED_OTHER_PROVIDER: _handed_on,
    DischargeReason.COMPLETED_GOALS: _completed,
    DischargeReason.COMPLETED_COURT: _court,
}


def _enough(guard_id: str, value: int, wanted: int, what: str) -> Guard:
    return Guard(
        guard_id, value >= wanted, f"{value} {what}, {wanted} are needed", {"value": value, "needed": wanted}
    )


def _transition(state: Episode, reason: DischargeReason, moment: Moment) -> str:
    if not state.treated:
        return "T30"
    if reason is DischargeReason.NEVER_ATTENDED:
        return "T15"
    if state.rests_on(state.day(moment.at)):
        return "T19"
    return "T25" if reason is DischargeReason.TRANSFERRED_HIGHER_LEVEL else "T32"
