"""Which weeks are proposed: for a seat request, for an approved step, and when there could be one. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from contracts.decisions import Moment
from contracts.progress import StepDownApproved, StepUpApproved
from contracts.rulebook import Rulebook
from contracts.vocabulary import ServiceKind
from services.scheduling.domain import terms
from services.scheduling.domain import week as weeks
from services.scheduling.domain.calendar import Calendar, Request
from services.scheduling.domain.week import Choice, Offer
from services.scheduling.domain.wishes import Barrier, Wish, barriers, weeks_for

TAPER = "transition_taper"
"""The kind of step that goes below the level's minimum for some days."""


def for_request(
    request: Request, offers: Sequence[Offer], state: Calendar, moment: Moment
) -> tuple[list[Choice], str]:
    """The weeks that would answer a seat request, the best first, or why there is none."""
    serving = [o for o in offers if request.level.code in o.levels]
    if not serving:
        return [], "no_group"
    coming = weeks.reachable(serving, request.availability)
    if not coming:
        return [], "not_available"
    wish = wish_of(request, state, moment.rules)
    found = weeks_for(coming, wish)
    if found:
        return found, ""
    as_if_empty = [replace(o, free=1) for o in coming]
    return [], "no_free_seat" if weeks_for(as_if_empty, wish) else "no_legal_week"


@dataclass(frozen=True, slots=True)
class Proposals:
    """The best few weeks for a person; where there is none, what alone stands in the way of one."""

    weeks: Sequence[Choice]
    barriers: Sequence[Barrier]


def for_person(
    state: Calendar,
    request: Request,
    offers: Sequence[Offer],
    book: Rulebook,
    *,
    individual: bool = False,
    family: bool = False,
) -> Proposals:
    """What the machine would propose: groups of the level, appointments with their own clinician."""
    own = state.terms.primary_clinician_id
    serving = [
        o
        for o in offers
        if request.level.code in o.levels and (o.service_kind is ServiceKind.GROUP or o.facilitator_id == own)
    ]
    coming = weeks.reachable(serving, request.availability)
    wish = replace(wish_of(request, state, book), individual=individual, family=family)
    wish = replace(wish, keep=frozenset((s.group_id or "", s.dow) for s in state.seats))
    found = weeks_for(coming, wish)
    return Proposals(found, () if found else barriers(coming, wish, serving))


def wish_of(request: Request, state: Calendar, book: Rulebook) -> Wish:
    """What a seat request asks for, with what level of care and payer demand."""
    rules = state.rules_on(request.earliest_start, book)
    days = request.days_per_week
    paid = request.level.code == rules.attendance.day_rule_level
    authorization = state.terms.authorization_on(request.level, request.earliest_start)
    least, _ = terms.asked_days(rules, authorization.service_codes if authorization else ())
    return Wish(
        wanted_minutes=request.weekly_minutes,
        band=weeks.band_of(rules, request.level, state.age_band),
        min_days=max(days, least) if paid else days,
        max_days=max(days, least) if paid else days,
        max_gap_days=rules.attendance.max_gap_days if paid else weeks.WEEK_DAYS,
        least_day_minutes=rules.attendance.day_min_creditable if paid else 0,
    )


def first_opening(
    request: Request,
    offers: Sequence[Offer],
    state: Calendar,
    leaving: Iterable[tuple[date, Collection[tuple[str, int]]]],
    moment: Moment,
) -> date | None:
    """The first day on which a week could begin if everybody leaves when it is planned."""
    freed: dict[tuple[str, int], int] = {}
    for ends_on, seats in sorted(leaving, key=lambda each: each[0]):
        for key in seats:
            freed[key] = freed.get(key, 0) + 1
        then = [replace(o, free=o.free + freed.get(o.key, 0)) for o in offers]
        if for_request(request, then, state, moment)[0]:
            return ends_on + timedelta(days=1)
    return None


def for_step(
    state: Calendar,
    event: StepDownApproved | StepUpApproved,
    offers: Sequence[Offer],
    first: date,
    moment: Moment,
) -> tuple[list[Choice], str]:
    """The weeks that carry out an approved step, the best first, or why there is none."""
    target, level = event.to_weekly_minutes, event.to_level
    rules = state.rules_on(first, moment.rules)
    tapers = _tapers(event, first)
    band = weeks.band_of(rules, level, state.age_band)
    current = _sitting(state, offers, first)
    keys = frozenset(o.key for o in current)
    availability = state.request.availability if state.request else ()
    serving = [o for o in offers if level.code in o.levels]
    possible = {o.key for o in weeks.reachable(serving, availability)}
    coming = [
        o for o in serving if o.key in keys or (o.key in possible and o.service_kind is ServiceKind.GROUP)
    ]
    if not coming:
        return [], "no_group" if not serving else "not_available"
    wish = Wish(
        wanted_minutes=target,
        band=band.model_copy(update={"min_minutes": 0}) if tapers else band,
        max_gap_days=weeks.WEEK_DAYS if tapers else rules.attendance.max_gap_days,
        keep=keys,
    )
    if not current or level.code != state.level_on(first - timedelta(days=1)).code:
        found = _with_their_own(coming, replace(wish, least_minutes=target))
        return found, "" if found else "no_legal_week"
    now = weeks.minutes_of(current)
    if target == now:
        return [], "nothing_to_change"
    if target < now:
        found = _with_their_own(current, replace(wish, most_minutes=now - 1))
        return found[:1], "" if found else "no_legal_week"
    found = _growing(coming, current, replace(wish, least_minutes=now + 1))
    return found, "" if found else "no_free_seat"


def tapers_until(event: StepDownApproved | StepUpApproved) -> date | None:
    """The last day on which an approved taper lifts the level's minimum."""
    return event.until_on if isinstance(event, StepDownApproved) and event.kind == TAPER else None


def _tapers(event: StepDownApproved | StepUpApproved, day: date) -> bool:
    until_on = tapers_until(event)
    return until_on is not None and day <= until_on


def _sitting(state: Calendar, offers: Iterable[Offer], first: date) -> list[Offer]:
    week = state.week_on(first)
    if week is None or state.stage == "ended":
        return []
    seats = {(s.group_id, s.dow) for s in week.slots}
    return [o for o in offers if o.key in seats]


def _with_their_own(offers: Sequence[Offer], wish: Wish) -> list[Choice]:
    """Weeks that keep the weekly times with a clinician, and only where there is none weeks without."""
    kinds = {o.service_kind for o in offers if o.key in wish.keep}
    own = replace(wish, individual=ServiceKind.INDIVIDUAL in kinds, family=ServiceKind.FAMILY in kinds)
    return weeks_for(offers, own) or weeks_for(offers, wish)


def _growing(coming: Sequence[Offer], current: Sequence[Offer], wish: Wish) -> list[Choice]:
    """Weeks that keep every day of now and add to it."""
    halves = {o.block for o in current}
    days = {o.dow for o in current}
    keys = {o.key for o in current}
    beside = [o for o in coming if o.key in keys or (o.dow not in days and o.block in halves)]
    return [c for c in _with_their_own(beside, wish) if keys <= {o.key for o in c}]


def seats_in_use(calendars: Iterable[Calendar]) -> list[tuple[date, frozenset[tuple[str, int]]]]:
    """Who leaves when, and which seats they leave."""
    return [
        (c.planned_end_on, frozenset((s.group_id or "", s.dow) for s in c.seats))
        for c in calendars
        if c.planned_end_on is not None and c.seats
    ]
