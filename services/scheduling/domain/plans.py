"""A better week for a site, or room for somebody: asked of those it moves, in force once all agree. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Refused, Unwake, Wake
from contracts.scheduling import (
    MoveAnswered,
    MoveProposed,
    WeekPlanDropped,
    WeekPlanProposed,
    WeekPlanPublished,
)
from contracts.vocabulary import Slot
from services.scheduling.domain import legality
from services.scheduling.domain.calendar import Calendar, about
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.week import Offer

PROPOSED, PUBLISHED, DROPPED = "proposed", "published", "dropped"
NO_BETTER = "no_better"
"""Moving people would place nobody and mend nothing."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's seats as they are and as they would be."""

    from_slots: tuple[Slot, ...]
    to_slots: tuple[Slot, ...]
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Worth:
    """What a plan is worth, beside the most that any could be."""

    placed: int
    unplaced: int
    unplaced_bound: int
    preference: int
    proven: bool
    kept: int = 0
    """Published weeks that stay whole."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and who has agreed to it."""

    id: str
    network_id: str
    site_id: str
    week_start: date
    stage: str
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    expires_at: datetime | None = None
    cause: str = ""
    """Why it was dropped."""
    worth: Worth | None = None

    def open_at(self, at: datetime) -> bool:
        """Whether it still waits for answers."""
        return self.stage == PROPOSED and self.expires_at is not None and at < self.expires_at


@dataclass(frozen=True, slots=True)
class ProposePlan:
    """Propose to some people other seats, all of them or none."""

    network_id: str
    site_id: str
    week_start: date
    read_version: int
    shifts: Mapping[str, Shift]
    worth: Worth


@dataclass(frozen=True, slots=True)
class AnswerMove:
    """A person and their clinician agree to other seats, or do not."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    agreed_by_patient: bool
    agreed_by_clinician: bool


@dataclass(frozen=True, slots=True)
class ShiftsLaidOut:
    """Whom a plan moves, from which seats to which."""

    shifts: Mapping[str, Shift]
    expires_at: datetime
    worth: Worth | None = None


@dataclass(frozen=True, slots=True)
class ShiftAgreed:
    """One of those whom a plan moves agreed."""

    episode_id: str


PRIVATE = (ShiftsLaidOut, ShiftAgreed)


def propose(plan_id: str, command: ProposePlan, moment: Moment) -> Sequence[object]:
    """Lay a plan before those whom it moves; it waits for them only so long, and not at all for nobody."""
    expires = moment.at + timedelta(hours=moment.rules.moves.answer_hours)
    nobody = WeekPlanDropped(
        network_id=command.network_id, site_id=command.site_id, plan_id=plan_id, cause=NO_BETTER
    )
    return [
        WeekPlanProposed(
            network_id=command.network_id,
            site_id=command.site_id,
            plan_id=plan_id,
            week_start=command.week_start,
            read_version=command.read_version,
            placed=command.worth.placed,
            unplaced=command.worth.unplaced,
            unplaced_bound=command.worth.unplaced_bound,
            calendars_changed=len(command.shifts),
            preference=command.worth.preference,
            proven=command.worth.proven,
        ),
        ShiftsLaidOut(command.shifts, expires, command.worth),
        Wake(expires, "plan_expires") if command.shifts else nobody,
    ]


def asked_of(state: Calendar, plan: Plan, moment: Moment) -> MoveProposed:
    """Ask one person."""
    shift = plan.shifts[state.id]
    assert plan.expires_at is not None
    return MoveProposed(
        **about(state, moment),
        move_id=plan.id,
        from_slots=shift.from_slots,
        to_slots=shift.to_slots,
        expires_at=plan.expires_at,
    )


def answered(state: Calendar, plan: Plan, answer: str, moment: Moment) -> MoveAnswered:
    """Say what became of the question to one person."""
    return MoveAnswered(
        **about(state, moment),
        move_id=plan.id,
        answer=answer,
    )


def agree(plan: Plan, episode_id: str, moment: Moment) -> Sequence[ShiftAgreed]:
    """Note that one of those moved agreed; raises Refused where it is too late or not asked."""
    if not plan.open_at(moment.at):
        raise Refused(
            "move_over", "This move is no longer proposed.", stage=plan.stage, cause=plan.cause or "expired"
        )
    if episode_id not in plan.shifts:
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    return [] if plan.shifts[episode_id].agreed else [ShiftAgreed(episode_id)]


def all_agreed(plan: Plan) -> bool:
    """Whether nobody is still to be heard."""
    return all(shift.agreed for shift in plan.shifts.values())


def still_fits(shifts: Mapping[str, Shift], calendars: Mapping[str, Calendar], moment: Moment) -> bool:
    """Whether everybody still comes to the week from which a plan would move them, and to no other later."""
    return all(
        (state := calendars.get(id)) is not None
        and state.running
        and state.pause is None
        and seats_of(state.seats) == seats_of(shift.from_slots)
        and state.week_on(first_on(state, moment)) == (state.weeks[-1] if state.weeks else None)
        and all(seats_of(w.slots) == seats_of(shift.from_slots) for w in state.weeks[-1:])
        for id, shift in shifts.items()
    )


def first_on(state: Calendar, moment: Moment) -> date:
    """The day from which a person would sit elsewhere."""
    return civil_date(moment.at, state.tz) + timedelta(days=1)


def still_legal(
    state: Calendar, shift: Shift, offers: Sequence[Offer], barred: legality.Keys, moment: Moment
) -> bool:
    """Whether the week to which a plan moves a person is as legal as the one that they have."""
    known, had = {o.key: o for o in offers}, seats_of(shift.from_slots)
    there = [o for s in shift.to_slots if (o := known.get((s.group_id or "", s.dow))) is not None]
    here = [o for o in offers if o.key in had]
    new = [o for o in there if o.key not in had]
    first = first_on(state, moment)
    level = state.level_on(first).code
    return (
        len(there) == len(shift.to_slots)
        and all(
            o.closes_on is None and level in o.levels and o.key not in barred and legality.suits(o, state)
            for o in new
        )
        and (
            not legality.broken(state, there, first, moment.rules)
            or legality.broken(state, here, first, moment.rules)
        )
    )


def seats_of(slots: Sequence[Slot]) -> set[tuple[str | None, int]]:
    """The seats of some slots, in any order."""
    return {(s.group_id, s.dow) for s in slots}


def publish(plan: Plan) -> Sequence[object]:
    """Say that a plan is in force."""
    return [
        WeekPlanPublished(
            network_id=plan.network_id, site_id=plan.site_id, plan_id=plan.id, moved=len(plan.shifts)
        ),
        Unwake("plan_expires"),
    ]


def drop(plan: Plan, cause: str) -> Sequence[object]:
    """Say that a plan came to nothing."""
    return [
        WeekPlanDropped(network_id=plan.network_id, site_id=plan.site_id, plan_id=plan.id, cause=cause),
        Unwake("plan_expires"),
    ]


def evolve(state: Plan | None, fact: object) -> Plan:
    """Fold one fact into a plan."""
    if isinstance(fact, WeekPlanProposed):
        return Plan(
            id=fact.plan_id,
            network_id=fact.network_id,
            site_id=fact.site_id,
            week_start=fact.week_start,
            stage=PROPOSED,
        )
    if state is None:
        raise TypeError(f"a plan does not begin with {type(fact).__name__}")
    match fact:
        case ShiftsLaidOut():
            return replace(state, shifts=fact.shifts, expires_at=fact.expires_at, worth=fact.worth)
        case ShiftAgreed():
            shift = replace(state.shifts[fact.episode_id], agreed=True)
            return replace(state, shifts={**state.shifts, fact.episode_id: shift})
        case WeekPlanPublished():
            return replace(state, stage=PUBLISHED)
        case WeekPlanDropped():
            return replace(state, stage=DROPPED, cause=fact.cause)
    return state
