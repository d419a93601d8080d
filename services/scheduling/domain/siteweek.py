"""The week of a site as the engine plans it: who sits there, who waits, whom one may ask to move. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from contracts.rulebook import Band, Rulebook
from contracts.vocabulary import ServiceKind, Slot
from services.scheduling.domain import legality, week, wishes
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.planning.online import place
from services.scheduling.domain.planning.problem import Item, Person, Problem, Solved, Week
from services.scheduling.domain.planning.seating import Seating
from services.scheduling.domain.plans import ProposePlan, Shift, Worth
from services.scheduling.domain.week import Offer
from services.scheduling.domain.wishes import Wish, id_of, item_of, person_of

SEATED = 100_000
"""What it is worth that somebody who has a week keeps one: nobody who waits outweighs it."""
WAITING, WAIT_DAY = 1000, 10


@dataclass(frozen=True, slots=True)
class SiteWeek:
    """Everything that a plan for a site is made from."""

    network_id: str
    site_id: str
    first: date
    """The day from which it would hold."""
    read_version: int
    offers: Mapping[bool, Sequence[Offer]]
    """What the site offers: with breaks credited, and without."""
    calendars: Sequence[Calendar]
    apart: frozenset[frozenset[str]]

    def problem(self, book: Rulebook, at: datetime) -> Problem:
        """The week as the engine takes it; seats that others hold do not exist for it."""
        people: list[Person] = []
        items: dict[str, Item] = {}
        for state in self.calendars:
            mine = _theirs(state, self.offers_to(state, book))
            items |= {item.id: item for item in map(item_of, mine)}
            people.append(_person(state, mine, self.first, book, at))
        sitting = Counter(_id(s) for state in self.calendars for s in state.seats)
        free = {id_of(o.key): o.free for o in self.offers[True]}
        seats = {i: replace(item, capacity=n) for i, item in items.items() if (n := free[i] + sitting[i])}
        return Problem(
            seats,
            tuple(replace(p, may=p.may & seats.keys()) for p in people),
            self.apart,
            wishes.WEIGHTS,
        )

    def offers_to(self, state: Calendar, book: Rulebook) -> list[Offer]:
        """What the site offers, counted by the rules of whoever pays for a person."""
        credited = state.rules_on(self.first, book).attendance.breaks_creditable
        seats = {_id(s) for s in state.seats}
        return [replace(o, mine=id_of(o.key) in seats) for o in self.offers[credited]]


def _id(slot: Slot) -> str:
    return id_of((slot.group_id or "", slot.dow))


def _theirs(state: Calendar, offers: Sequence[Offer]) -> list[Offer]:
    """What a person could take: their level, their times, their own clinician's hours."""
    level = state.levels[-1].level
    availability = state.request.availability if state.request else ()
    clinicians = {o.facilitator_id for o in offers if o.mine and o.service_kind is not ServiceKind.GROUP}
    serving = [o for o in legality.open_to(state, offers, ()) if o.mine or level.code in o.levels]
    reachable = {o.key for o in week.reachable(serving, availability)}
    return [
        o
        for o in serving
        if o.closes_on is None
        and (o.mine or (o.takes_new and o.key in reachable))
        and (o.service_kind is ServiceKind.GROUP or o.facilitator_id in clinicians)
    ]


def _person(state: Calendar, mine: Sequence[Offer], first: date, book: Rulebook, at: datetime) -> Person:
    rules = state.rules_on(first, book)
    kept = frozenset((s.group_id or "", s.dow) for s in state.seats)
    now = [o for o in mine if o.key in kept]
    days = len({s.dow for s in state.seats}) if kept else state.request.days_per_week if state.request else 3
    wanted = week.minutes_of(now) if kept else state.request.weekly_minutes if state.request else 0
    wish = Wish(
        wanted_minutes=wanted,
        band=_band(state, first, rules),
        min_days=days,
        max_days=days,
        max_gap_days=max(rules.attendance.max_gap_days, week.longest_gap(d for _, d in kept) if kept else 0),
        keep=kept,
    )
    person = person_of(wish, map(item_of, mine), state.id)
    kinds = {o.service_kind for o in now}
    movable = may_be_asked(state, first, book, at)
    return replace(
        person,
        may=person.may if movable else person.kept & person.may,
        individual=ServiceKind.INDIVIDUAL in kinds,
        family=ServiceKind.FAMILY in kinds,
        weight=SEATED if kept else WAITING + WAIT_DAY * _waited(state, first),
        movable=movable,
    )


def _band(state: Calendar, first: date, rules: Rulebook) -> Band:
    if state.tapers_on(first):
        return state.band_on(first, rules)
    return week.band_of(rules, state.levels[-1].level, state.age_band)


def _waited(state: Calendar, first: date) -> int:
    since = state.request.earliest_start if state.request else first
    return max(0, (first - since).days)


def may_be_asked(state: Calendar, first: date, book: Rulebook, at: datetime) -> bool:
    """Whether somebody may be asked to move: settled in, not asked lately, nothing else about to change."""
    if not state.seats:
        return True
    rules = book.moves
    settled = state.begun_on is not None and (first - state.begun_on).days >= rules.first_days
    rested = state.asked_to_move is None or at >= state.asked_to_move + timedelta(days=rules.rest_days)
    later = any(w.effective_from > first for w in state.weeks)
    return state.stage == "scheduled" and settled and rested and not later and state.pause is None


def proposal(site: SiteWeek, solved: Solved, problem: Problem, book: Rulebook) -> ProposePlan:
    """The command that puts a plan before people; it moves nobody where that would help nobody."""
    calendars = {c.id: c for c in site.calendars}
    seated = {c.id for c in site.calendars if c.seats}
    moved = sorted(i for i in seated & solved.plan.keys() if solved.plan[i] != problem.person[i].kept)
    helped = len(solved.plan) > len(seated)
    broken = any(not problem.person[i].kept <= problem.person[i].may for i in moved)
    if not seated <= solved.plan.keys() or not (helped or broken):
        moved = []
    shifts = {
        i: Shift(calendars[i].seats, _slots(site.offers_to(calendars[i], book), solved.plan[i]))
        for i in moved
    }
    missing = sum(p.weight for p in problem.people) - solved.bounds.coverage
    return ProposePlan(
        network_id=site.network_id,
        site_id=site.site_id,
        week_start=site.first,
        read_version=site.read_version,
        shifts=shifts,
        worth=Worth(
            placed=len(solved.plan),
            unplaced=len(problem.people) - len(solved.plan),
            unplaced_bound=_fewest(problem.people, missing),
            preference=solved.levels.preference,
            proven=solved.proven,
            kept=solved.levels.kept,
        ),
    )


def room_for(site: SiteWeek, id: str, book: Rulebook, at: datetime) -> ProposePlan | None:
    """The one move that would make room for somebody who waits, or None where no single one does."""
    problem = site.problem(book, at)
    seated = {c.id: problem.person[c.id].kept & problem.items.keys() for c in site.calendars if c.seats}
    found = place(Seating.of(problem, seated), problem.person[id]) if id in problem.person else None
    if found is None or found.move is None:
        return None
    mover = next(c for c in site.calendars if c.id == found.move.id)
    shift = Shift(mover.seats, _slots(site.offers_to(mover, book), found.move.week))
    waiting = len(problem.people) - len(seated)
    return ProposePlan(
        network_id=site.network_id,
        site_id=site.site_id,
        week_start=site.first,
        read_version=site.read_version,
        shifts={mover.id: shift},
        worth=Worth(len(seated) + 1, waiting - 1, 0, 0, proven=False),
    )


def _fewest(people: Iterable[Person], missing: int) -> int:
    """How many at least stay without a week if so much weight cannot be covered."""
    fewest = 0
    for weight in sorted((p.weight for p in people), reverse=True):
        if missing <= 0:
            break
        missing, fewest = missing - weight, fewest + 1
    return fewest


def _slots(offers: Sequence[Offer], found: Week) -> tuple[Slot, ...]:
    return tuple(o.slot() for o in wishes.as_choice(found, offers))
