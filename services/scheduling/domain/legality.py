"""What makes a week legal for one person: the level's minutes, the payer's days, the site's hours. Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from contracts.decisions import Guard
from contracts.rulebook import Rulebook
from contracts.vocabulary import Slot
from services.scheduling.domain import suiting
from services.scheduling.domain import week as weeks
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import wall_length
from services.scheduling.domain.sites import Site
from services.scheduling.domain.terms import asked_days
from services.scheduling.domain.week import Offer

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Keys = Collection[tuple[str, int]]


def payer_guards(
    state: Calendar, chosen: Sequence[Offer], day: date, book: Rulebook, override_reason: str | None = None
) -> list[Guard]:
    """What the level of care and the payer of a day ask of a week.

    What is only not paid a person may accept with a reason.
    """
    rules, level = state.rules_on(day, book), state.level_on(day)
    guards = [_minutes(state, chosen, day, rules), _required(chosen, rules)]
    if level.code == rules.attendance.day_rule_level:
        # A taper was approved as one that the payer has to be asked about, so its days are not counted here.
        if not state.tapers_on(day):
            guards += [_fewest_days(state, chosen, day, rules), _gap(chosen, rules)]
        guards.append(_paid_days(chosen, rules, override_reason))
    return [*guards, _authorized_days(state, chosen, day, override_reason)]


def broken(state: Calendar, chosen: Sequence[Offer], day: date, book: Rulebook) -> bool:
    """Whether a week that the machine would propose breaks what level of care or payer ask."""
    return any(not guard.holds for guard in payer_guards(state, chosen, day, book))


def _minutes(state: Calendar, chosen: Sequence[Offer], day: date, rules: Rulebook) -> Guard:
    band = state.band_on(day, rules)
    minutes = weeks.minutes_of(chosen)
    scheduled = sum(wall_length(o.start_local, o.end_local) for o in chosen)
    outside = f"are not within {band.min_minutes} to {band.max_minutes}"
    return Guard(
        "minutes_in_band",
        band.holds(minutes),
        f"{minutes} creditable minutes of {scheduled} scheduled {outside}",
        {
            "scheduled_minutes": scheduled,
            "creditable_minutes": minutes,
            "min_minutes": band.min_minutes,
            "max_minutes": band.max_minutes,
            "cite": band.cite,
        },
    )


def _required(chosen: Sequence[Offer], rules: Rulebook) -> Guard:
    present = {str(kind) for o in chosen for kind in (o.service_kind, o.kind) if kind is not None}
    missing = [str(kind) for kind in rules.attendance.required_kinds if str(kind) not in present]
    return Guard(
        "required_kinds",
        not missing,
        f"the payer asks for {', '.join(missing)} in every week",
        {"missing": missing, "cite": rules.attendance.cite},
    )


def _fewest_days(state: Calendar, chosen: Sequence[Offer], day: date, rules: Rulebook) -> Guard:
    authorization = state.terms.authorization_on(state.level_on(day), day)
    least, cite = asked_days(rules, authorization.service_codes if authorization else ())
    days = len(_days(chosen))
    return Guard(
        "min_days",
        days >= least,
        f"{days} days a week are fewer than the {least} that the payer asks for",
        {"days_per_week": days, "min_days": least, "cite": cite},
    )


def _gap(chosen: Sequence[Offer], rules: Rulebook) -> Guard:
    gap, limit = weeks.longest_gap(o.dow for o in chosen), rules.attendance.max_gap_days
    return Guard(
        "max_gap",
        gap <= limit,
        f"{gap} days without service are more than {limit}",
        {"max_gap_days": gap, "limit": limit, "cite": rules.attendance.cite},
    )


def _paid_days(chosen: Sequence[Offer], rules: Rulebook, override_reason: str | None) -> Guard:
    least = rules.attendance.day_min_creditable
    unpaid = {dow: m for dow, m in _days(chosen).items() if m < least}
    told = ", ".join(f"{WEEKDAYS[dow - 1]} {minutes}" for dow, minutes in unpaid.items())
    return Guard(
        "day_min_creditable",
        not unpaid or override_reason is not None,
        f"the payer pays no day below {least} creditable minutes ({told})",
        {
            "creditable_minutes": {str(dow): minutes for dow, minutes in unpaid.items()},
            "day_min_creditable": least,
            "cite": rules.attendance.cite,
        },
    )


def _authorized_days(
    state: Calendar, chosen: Sequence[Offer], day: date, override_reason: str | None
) -> Guard:
    authorization = state.terms.authorization_on(state.level_on(day), day)
    most = (authorization.days_per_week if authorization else None) or weeks.WEEK_DAYS
    days = len(_days(chosen))
    return Guard(
        "authorized_days",
        days <= most or override_reason is not None,
        f"{days} days a week are more than the {most} that are authorized",
        {"days_per_week": days, "authorized_days": most},
    )


def _days(chosen: Iterable[Offer]) -> dict[int, int]:
    """Creditable minutes of each day with service."""
    days: dict[int, int] = {}
    for offer in sorted(chosen, key=lambda o: o.dow):
        days[offer.dow] = days.get(offer.dow, 0) + offer.creditable_minutes
    return days


def place_guards(
    state: Calendar,
    slots: Sequence[Slot],
    chosen: Sequence[Offer],
    site: Site,
    override_reason: str | None = None,
) -> list[Guard]:
    """What the site and its groups ask of a week."""
    closed = sorted({s.dow for s in slots} - set(site.service_days))
    return [
        suiting.guard((o.attributes for o in chosen), state.age_band, state.traits, override_reason),
        Guard(
            "inside_site_hours",
            all(weeks.inside(s, site.opens_local, site.closes_local) for s in slots),
            f"the site is open from {site.opens_local} to {site.closes_local}",
        ),
        Guard(
            "service_days",
            not closed,
            f"the site gives no service on {', '.join(WEEKDAYS[dow - 1] for dow in closed)}",
            {"dow": closed},
        ),
        Guard("no_double_booking", not weeks.overlapping(slots), "two slots claim the same time"),
    ]


def suits(offer: Offer, state: Calendar) -> bool:
    """Whether a group is for this person."""
    return not suiting.misfits(offer.attributes, state.age_band, state.traits)


def apart(slots: Sequence[Slot], barred: Keys) -> Guard:
    """Somebody is kept apart from this person; with whom, nobody is told here."""
    met = sorted({s.dow for s in slots if ((s.group_id or ""), s.dow) in barred})
    return Guard("keep_apart", not met, "a slot cannot be given to this person; choose another", {"dow": met})


def open_to(state: Calendar, offers: Iterable[Offer], barred: Keys) -> list[Offer]:
    """The offers that the machine may propose to a person; where they sit already they stay."""
    return [o for o in offers if o.mine or (o.key not in barred and suits(o, state))]


def warnings(state: Calendar) -> list[dict[str, object]]:
    """What a person should look at in the week last agreed on, though it is legal."""
    if not state.weeks:
        return []
    week = state.weeks[-1]
    level = state.level_on(week.effective_from)
    found: list[dict[str, object]] = []
    if state.terms.lacks_authorization(level, week.effective_from):
        why = f"no approved authorization covers level {level.code} on {week.effective_from}"
        found.append({"code": "no_authorization", "why": why})
    availability = state.request.availability if state.request else ()
    times = {(a.dow, a.block) for a in availability}
    outside = sorted(
        {s.dow for s in week.slots if times and (s.dow, weeks.block_of(s.start_local)) not in times}
    )
    if outside:
        why = "the patient had said that they cannot come at some of these times"
        found.append({"code": "outside_availability", "why": why, "dow": outside})
    return found
