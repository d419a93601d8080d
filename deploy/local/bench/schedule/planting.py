"""A full house, built from the inside: sections, and a complete legal week for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random

from services.scheduling.domain.planning.problem import Item, Use

TRACKS = ("morning", "afternoon", "evening")
KINDS = ("process", "skills", "education", "relapse", "trauma")
DAYS = (1, 2, 3, 4, 5)
BLOCK_HOURS = {"morning": (9, 10, 11), "afternoon": (13, 14, 15), "evening": (18, 19, 20)}
TRACK_OF_HOUR = {hour: track for track, hours in BLOCK_HOURS.items() for hour in hours}
BLOCK_MINUTES, INDIVIDUAL_MINUTES, FAMILY_MINUTES = 180, 50, 60
BLOCKS_A_WEEK = {2: 0.2, 3: 0.45, 4: 0.2, 5: 0.15}
SHARE_WITH_FAMILY = 0.35
SHIFTS = {"day": tuple(range(8, 17)), "late": tuple(range(12, 21))}
PATIENTS_PER_CLINICIAN, MOST_PATIENTS = 14, 16
SPARE_HOURS = 0.3
"""Appointment hours on offer beyond those that are needed."""

Hour = tuple[int, int]
"""Weekday and hour of the day."""


class DeadEnd(Exception):
    """Somebody was left without a seat or an hour; the next attempt draws on."""


@dataclass
class Draft:
    """A person while they are being drawn."""

    id: str
    blocks: int
    family: bool
    track: str = ""
    clinician: str = ""
    sections: list[Item] = field(default_factory=list)
    appointments: list[Item] = field(default_factory=list)

    @property
    def busy(self) -> set[Hour]:
        """The hours of their planted week."""
        hours = {(s.dow, hour) for s in self.sections for hour in BLOCK_HOURS[s.track]}
        return hours | {(a.dow, a.start // 60) for a in self.appointments}


@dataclass
class Therapist:
    """A clinician while their calendar fills."""

    id: str
    shift: str
    patients: int = 0
    taken: set[Hour] = field(default_factory=set)

    @property
    def left(self) -> list[Hour]:
        return [(dow, hour) for dow in DAYS for hour in SHIFTS[self.shift] if (dow, hour) not in self.taken]


@dataclass
class House:
    """Everybody's planted week and everything that is on offer."""

    people: list[Draft]
    therapists: list[Therapist]
    sections: list[Item]
    appointments: list[Item]


def build(rng: Random, patients: int, cap: int, target: int, fill: float) -> House:
    """A house in which everybody has a complete week and `fill` of the seats are taken."""
    numbers, shares = tuple(BLOCKS_A_WEEK), tuple(BLOCKS_A_WEEK.values())
    while True:
        people = [
            Draft(f"p{n:04d}", rng.choices(numbers, shares)[0], rng.random() < SHARE_WITH_FAMILY)
            for n in range(patients)
        ]
        sections = draw_sections(rng, sum(p.blocks for p in people), cap, target, fill)
        try:
            seat(rng, people, sections)
            therapists, appointments = appoint(rng, people)
        except DeadEnd:
            continue
        return House(people, therapists, sections, appointments)


def draw_sections(rng: Random, needed: int, cap: int, target: int, fill: float) -> list[Item]:
    """Sections spread over the week whose seats, all together, are filled to `fill`."""
    seats = ceil(needed / fill)
    count = max(ceil(seats / cap), len(DAYS))
    least, larger = divmod(seats, count)
    days = rng.sample(DAYS, len(DAYS))
    offsets = [rng.randrange(len(TRACKS)) for _ in DAYS]
    kinds = [KINDS[n % len(KINDS)] for n in range(count)]
    sizes = [least + (n < larger) for n in range(count)]
    rng.shuffle(kinds)
    rng.shuffle(sizes)
    return [
        _section(
            n,
            days[n % len(DAYS)],
            TRACKS[(n // len(DAYS) + offsets[n % len(DAYS)]) % len(TRACKS)],
            kinds[n],
            sizes[n],
            max(1, sizes[n] - (cap - target)),
        )
        for n in range(count)
    ]


def _section(n: int, dow: int, track: str, kind: str, capacity: int, target: int) -> Item:
    start = BLOCK_HOURS[track][0] * 60
    return Item(
        f"g{n:03d}",
        Use.BLOCK,
        dow,
        start,
        start + BLOCK_MINUTES,
        BLOCK_MINUTES,
        capacity=capacity,
        target=target,
        kind=kind,
        track=track,
        group=f"g{n:03d}",
    )


def seat(rng: Random, people: Sequence[Draft], sections: Sequence[Item]) -> None:
    """Seats for everybody: on the emptiest days, so that nobody is left over; in one track where it works."""
    left = {s.id: s.capacity for s in sections}
    for person in rng.sample(people, len(people)):
        by_track = [sum(left[s.id] for s in sections if s.track == track) for track in TRACKS]
        person.track = rng.choices(TRACKS, by_track)[0] if any(by_track) else TRACKS[0]
        by_day = {dow: sum(left[s.id] for s in sections if s.dow == dow) for dow in DAYS}
        days = sorted(DAYS, key=lambda dow: (-by_day[dow], dow))[: person.blocks]
        for dow in days:
            chosen = _one_of(rng, [s for s in sections if s.dow == dow and left[s.id]], left, person.track)
            left[chosen.id] -= 1
            person.sections.append(chosen)


def _one_of(rng: Random, open_: list[Item], left: dict[str, int], track: str) -> Item:
    if not open_:
        raise DeadEnd
    preferred = [s for s in open_ if s.track == track]
    choice = preferred if preferred and rng.random() < 0.9 else open_
    return rng.choices(choice, [left[s.id] for s in choice])[0]


def appoint(rng: Random, people: Sequence[Draft]) -> tuple[list[Therapist], list[Item]]:
    """A clinician for everybody and the hours at which they meet; some hours more are on offer."""
    shifts = tuple(SHIFTS)
    therapists = [
        Therapist(f"c{n:02d}", shifts[n % len(shifts)])
        for n in range(ceil(len(people) / PATIENTS_PER_CLINICIAN))
    ]
    offered: list[Item] = []
    for person in rng.sample(people, len(people)):
        therapist = _therapist_for(person, therapists)
        person.clinician = therapist.id
        therapist.patients += 1
        for use in (Use.INDIVIDUAL, Use.FAMILY)[: 1 + person.family]:
            item = _appointment(therapist, use, _hour_for(rng, person, therapist))
            person.appointments.append(item)
            offered.append(item)
    for therapist in therapists:
        mine = [a for a in offered if a.clinician == therapist.id]
        for use in (Use.INDIVIDUAL, Use.FAMILY):
            spare = round(SPARE_HOURS * sum(a.use is use for a in mine))
            hours = rng.sample(therapist.left, min(spare, len(therapist.left)))
            offered.extend(_appointment(therapist, use, hour) for hour in hours)
    return therapists, sorted(offered, key=lambda a: a.id)


def _therapist_for(person: Draft, therapists: Sequence[Therapist]) -> Therapist:
    wanted = {"morning": ("day",), "evening": ("late",)}.get(person.track, tuple(SHIFTS))
    free = [t for t in therapists if t.patients < MOST_PATIENTS]
    if not free:
        raise DeadEnd
    return min(free, key=lambda t: (t.shift not in wanted, t.patients, t.id))


def _hour_for(rng: Random, person: Draft, therapist: Therapist) -> Hour:
    busy = person.busy
    hours = [h for h in therapist.left if h not in busy]
    if not hours:
        raise DeadEnd
    return rng.choices(hours, [8 if {(d, h - 1), (d, h + 1)} & busy else 1 for d, h in hours])[0]


def _appointment(therapist: Therapist, use: Use, hour: Hour) -> Item:
    therapist.taken.add(hour)
    dow, begins = hour
    minutes = FAMILY_MINUTES if use is Use.FAMILY else INDIVIDUAL_MINUTES
    return Item(
        f"{therapist.id}-{dow}-{begins:02d}",
        use,
        dow,
        begins * 60,
        begins * 60 + minutes,
        minutes,
        clinician=therapist.id,
    )


def named(house: House, prefix: str, shared: frozenset[str]) -> House:
    """The same house with ids that are a site's own, some of its sections being video groups for all."""

    def item(i: Item) -> Item:
        return replace(
            i,
            id=prefix + i.id,
            group=i.group and prefix + i.group,
            clinician=i.clinician and prefix + i.clinician,
            shared=i.id in shared,
        )

    people = [
        replace(
            p,
            id=prefix + p.id,
            clinician=prefix + p.clinician,
            sections=[item(s) for s in p.sections],
            appointments=[item(a) for a in p.appointments],
        )
        for p in house.people
    ]
    return House(
        people,
        [replace(t, id=prefix + t.id) for t in house.therapists],
        [item(s) for s in house.sections],
        [item(a) for a in house.appointments],
    )
