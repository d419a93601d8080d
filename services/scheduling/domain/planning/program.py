"""The week of a site as a mixed integer program: who takes what, every hard rule, what each level counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.scheduling.domain.planning.problem import (
    Item,
    Person,
    Plan,
    Problem,
    Use,
    item_points,
    legal,
)
from services.scheduling.domain.planning.rows import Rows

DAYS = range(1, 8)
Objective = dict[int, float]
Days = Mapping[int, Sequence[Item]]


@dataclass(slots=True)
class Program:
    """The program of a problem: its rows, what its columns stand for, what preferences are worth."""

    problem: Problem
    rows: Rows = field(default_factory=Rows)
    takes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Person and item to the column that says whether they take it."""
    placed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    """Column that says whether a published week stays whole; only where it still can."""
    preference: Objective = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    """Item to the row that counts its seats; only where there are fewer seats than takers."""

    def read(self, solution: Sequence[float]) -> Plan:
        """The plan that a solution stands for."""
        return {
            person: frozenset(item for item, column in takes.items() if solution[column] > 0.5)
            for person, takes in self.takes.items()
            if solution[self.placed[person]] > 0.5
        }


def program_of(problem: Problem, *, likes: bool = True) -> Program:
    """Write down a problem; without what people like where only coverage is asked for."""
    program = Program(problem)
    for person in problem.people:
        writer = _Writer(program, person)
        writer.write()
        if likes:
            writer.whole_week()
            writer.liking()
    _seats(program, likes=likes)
    _apart(program)
    return program


class _Writer:
    """Writes down what concerns one person."""

    def __init__(self, program: Program, person: Person) -> None:
        self.program, self.person, self.rows = program, person, program.rows
        known = program.problem.items
        self.items = [known[i] for i in sorted(person.may) if i in known and _needed(person, known[i])]
        self.blocks = [i for i in self.items if i.use is Use.BLOCK]
        self.by_day: Days = {d: [i for i in self.items if i.dow == d] for d in DAYS}
        self.y = self.rows.column(whole=True)
        self.take = {i.id: self.rows.column(whole=True) for i in self.items}
        program.placed[person.id] = self.y
        program.takes[person.id] = self.take

    def write(self) -> None:
        person = self.person
        for items in self.by_day.values():
            self._one_place_at_a_time(items)
        if person.individual:
            self._sum([i for i in self.items if i.use is Use.INDIVIDUAL], 1, 1)
        if person.family:
            self._sum([i for i in self.items if i.use is Use.FAMILY], 1, 1)
        for kind in sorted(person.kinds):
            self._sum([b for b in self.blocks if b.kind == kind], 1, None)
        self._minutes()
        self._days()

    def _sum(self, items: Sequence[Item], least: float, most: float | None) -> None:
        """Whoever is placed takes at least so many of these, and at most so many."""
        terms = [(self.take[i.id], 1.0) for i in items]
        if least == most:
            self.rows.row([*terms, (self.y, -least)], 0, 0)
            return
        self.rows.row([*terms, (self.y, -least)], 0)
        if most is not None:
            self.rows.row([*terms, (self.y, -most)], upper=0)

    def _one_place_at_a_time(self, items: Sequence[Item]) -> None:
        blocks = [i for i in items if i.use is Use.BLOCK]
        individual = [i for i in items if i.use is Use.INDIVIDUAL]
        if len(blocks) > 1:
            self._sum(blocks, 0, 1)
        for use in (Use.INDIVIDUAL, Use.FAMILY):
            for one in (i for i in items if i.use is use):
                others = [o for o in blocks if _overlap(one, o)]
                if use is Use.FAMILY:
                    others += [o for o in individual if _overlap(one, o)]
                if others:
                    self._sum([one, *others], 0, 1)

    def _minutes(self) -> None:
        """The band; where all blocks are equally long it is one of their number, which is tighter."""
        person = self.person
        sizes = {b.minutes for b in self.blocks}
        extra = {use: {i.minutes for i in self.items if i.use is use} for use in (Use.INDIVIDUAL, Use.FAMILY)}
        if len(sizes) == 1 and all(len(found) <= 1 for found in extra.values()):
            size = sizes.pop()
            beside = sum(sum(found) for found in extra.values())
            least = -(-(person.min_minutes - beside) // size)
            self._sum(self.blocks, max(least, 0), (person.max_minutes - beside) // size)
            return
        terms = [(self.take[i.id], float(i.minutes)) for i in self.items]
        self.rows.row([*terms, (self.y, -float(person.min_minutes))], 0)
        self.rows.row([*terms, (self.y, -float(person.max_minutes))], upper=0)

    def _days(self) -> None:
        """As many days with service as it takes, and none too far from the next."""
        person = self.person
        if person.min_days > 1 or person.max_days < len(DAYS):
            used = []
            for items in self.by_day.values():
                if items:
                    day = self.rows.column()
                    self.rows.row([(day, 1.0), *((self.take[i.id], -1.0) for i in items)], upper=0)
                    if person.max_days < len(DAYS):
                        for i in items:
                            self.rows.row([(day, 1.0), (self.take[i.id], -1.0)], 0)
                    used.append((day, 1.0))
            self.rows.row([*used, (self.y, -float(person.min_days))], 0)
            self.rows.row([*used, (self.y, -float(person.max_days))], upper=0)
        if person.max_gap_days < len(DAYS) - 1:
            for first in DAYS:
                window = [(first - 1 + n) % 7 + 1 for n in range(person.max_gap_days + 1)]
                self._sum([i for d in window for i in self.by_day[d]], 1, None)

    def whole_week(self) -> None:
        if legal(self.program.problem, self.person, self.person.kept):
            kept = self.program.kept[self.person.id] = self.rows.column()
            for item in sorted(self.person.kept):
                self.rows.row([(kept, 1.0), (self.take[item], -1.0)], upper=0)
            others = [(c, 1.0) for i, c in self.take.items() if i not in self.person.kept]
            if others:
                self.rows.row([*others, (kept, float(len(DAYS)))], upper=float(len(DAYS)))

    def liking(self) -> None:
        likes, weights = self.program.preference, self.program.problem.weights
        for item in self.items:
            points = item_points(weights, self.person, item)
            if points:
                likes[self.take[item.id]] = points
        self._tracks()
        for use, points in (
            (Use.INDIVIDUAL, weights.individual_on_group_day),
            (Use.FAMILY, weights.family_on_group_day),
        ):
            for items in self.by_day.values():
                self._same_day(items, use, points)
        if self.person.wanted_minutes:
            self._off_wanted()

    def _tracks(self) -> None:
        tracks = sorted({b.track for b in self.blocks})
        if len(tracks) < 2:
            return
        extra = self.rows.column(len(tracks))
        used = []
        for track in tracks:
            column = self.rows.column()
            used.append((column, 1.0))
            for block in self.blocks:
                if block.track == track:
                    self.rows.row([(column, 1.0), (self.take[block.id], -1.0)], 0)
        self.rows.row([*used, (extra, -1.0), (self.y, -1.0)], upper=0)
        self.program.preference[extra] = self.program.problem.weights.extra_track

    def _same_day(self, items: Sequence[Item], use: Use, points: int) -> None:
        here = [(self.take[i.id], -1.0) for i in items if i.use is use]
        blocks = [(self.take[i.id], -1.0) for i in items if i.use is Use.BLOCK]
        if here and blocks and points:
            both = self.rows.column()
            self.rows.row([(both, 1.0), *here], upper=0)
            self.rows.row([(both, 1.0), *blocks], upper=0)
            self.program.preference[both] = points

    def _off_wanted(self) -> None:
        hours = self.rows.column(168, whole=True)
        terms = [(self.take[i.id], float(i.minutes)) for i in self.items]
        wanted = (self.y, -float(self.person.wanted_minutes))
        self.rows.row([*terms, wanted, (hours, -60.0)], upper=0)
        self.rows.row([*terms, wanted, (hours, 60.0)], 0)
        self.program.preference[hours] = self.program.problem.weights.off_wanted_hour


def _needed(person: Person, item: Item) -> bool:
    if item.use is Use.BLOCK:
        return True
    return person.individual if item.use is Use.INDIVIDUAL else person.family


def _overlap(a: Item, b: Item) -> bool:
    return a.dow == b.dow and a.start < b.end and b.start < a.end


def _seats(program: Program, *, likes: bool) -> None:
    """No item is taken by more people than it has seats; beyond its target each one costs."""
    problem = program.problem
    takers: dict[str, list[int]] = {}
    for takes in program.takes.values():
        for id, column in takes.items():
            takers.setdefault(id, []).append(column)
    for id in sorted(takers):
        item, columns = problem.items[id], takers[id]
        terms = [(c, 1.0) for c in columns]
        if len(columns) > item.capacity:
            program.seats[id] = program.rows.row(terms, upper=item.capacity)
        if likes and 0 < item.target < min(item.capacity, len(columns)):
            over = program.rows.column(item.capacity)
            program.rows.row([*terms, (over, -1.0)], upper=item.target)
            program.preference[over] = problem.weights.over_target


def _apart(program: Program) -> None:
    for pair in sorted(sorted(p) for p in program.problem.apart):
        mine, theirs = (program.takes.get(id, {}) for id in pair)
        for item in sorted(mine.keys() & theirs.keys()):
            program.rows.row([(mine[item], 1.0), (theirs[item], 1.0)], upper=1)
