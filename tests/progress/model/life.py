"""A life, step by step, told to the model and to progress; after each step they must agree."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from contracts.decisions import Refused
from contracts.event import Event
from tests.progress.model import course, decisions, ending, heard, rest, steps
from tests.progress.model.care import Care, look, why
from tests.progress.model.commands import COMMANDS
from tests.progress.model.person import DEFAULT_DAYS, No, Person, after, day_of, midnight, unless

ADMITTED = date(2026, 1, 13)
OTHER_ROLES = ("admissions", "scheduler", "biller")
AFTER_THE_END = {
    *("acknowledge", "resolve", "death", "close_loop"),
    *("unused", "measure", "late_measure", "alumni", "check_in"),
}
Step = tuple[Any, ...]


class Disagreement(AssertionError):
    """The model and progress say different things."""


@dataclass(frozen=True)
class Start:
    """Who is admitted."""

    adult: bool = True
    counts_use: bool = True
    minutes: int = 720
    baseline: int | None = 12
    asks: bool = True
    authorized_lower: bool = True
    medicare: bool = False


@dataclass
class Life:
    """One person, twice: on paper and in progress."""

    start: Start
    p: Person = field(init=False)
    care: Care = field(init=False)
    now: datetime = field(init=False)
    done: set[tuple[datetime, str]] = field(default_factory=set)
    asked: dict[tuple[datetime, str], datetime] = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)
    order: random.Random = field(default_factory=lambda: random.Random(1))

    def __post_init__(self) -> None:
        s = self.start
        last = after(ADMITTED, 400)
        self.p = Person(ADMITTED, s.adult, s.counts_use, s.minutes, after(ADMITTED, DEFAULT_DAYS), s.baseline)
        self.p.stepped_on = self.p.level_since = self.p.treated_since = ADMITTED
        self.p.medicare, self.p.certified_on = s.medicare, ADMITTED if s.medicare else None
        self.p.auth_needed = {ADMITTED: s.asks}
        self.p.authorized = {"auth-0": ("2.1", ADMITTED, last, True)}
        if s.authorized_lower:
            self.p.authorized["auth-1"] = ("1", ADMITTED, last, True)
        self.now = midnight(ADMITTED) + timedelta(hours=8, minutes=15)
        self.care = Care()
        self.care.hear(heard.admission(self.p), self.now)
        self.ask(self.now)

    def step(self, name: str, *args: Any) -> None:
        """Take one step in both, and compare what they say and where they stand."""
        act: Callable[..., None] = getattr(self, f"do_{name}", None) or self._command(name)
        act(*args)
        self.compare(name, args)

    def compare(self, name: str, args: tuple[Any, ...]) -> None:
        model, real = look(self.p), self.care.view()
        if model != real:
            differs = {k: (model[k], real[k]) for k in model if model[k] != real[k]}
            raise Disagreement(f"after {name}{args}: (model, progress) {differs}")

    def agree(self, what: str, real: list[str]) -> None:
        steps.look(self.p, self.now)
        self.ask(self.now)
        model, self.p.said = sorted(self.p.said), []
        if model != real:
            raise Disagreement(f"{what}: the model says {model}, progress says {real}")

    def _command(self, name: str) -> Callable[..., None]:
        rule = RULES[name]

        def act(role: str, *args: Any) -> None:
            expected: frozenset[str] | None = None
            try:
                unless(episode_over=not self.p.over or name in AFTER_THE_END)
                rule(self.p, self.now, role, *args)
            except No as no:
                expected = no.guards
                self.refusals |= {f"{name}:{guard}" for guard in expected}
            before = self.care.state
            try:
                real = self.care.do(COMMANDS[name](self.care, *args), self.now, role)
            except Refused as refused:
                if why(refused) != expected:
                    raise Disagreement(
                        f"{name}{(role, *args)}: the model says {expected or 'yes'},"
                        f" progress refuses by {set(why(refused))}"
                    ) from None
                assert self.care.state is before
                return
            if expected is not None:
                raise Disagreement(f"{name}{(role, *args)}: the model refuses by {set(expected)}")
            self.agree(f"{name}{(role, *args)}", real)

        return act

    # Time.

    def do_time(self, until: datetime, *, late: bool = False) -> None:
        """Let time pass; what comes due in between rings at its own instant, late or not."""
        self.now = max(self.now, until)
        if not late:
            self.settle()

    def do_settle(self) -> None:
        self.settle()

    def settle(self) -> None:
        real, model = self.ring(), self._ring_on_paper()
        if real != model:
            raise Disagreement(f"up to {self.now}: the model says {model}, progress says {real}")

    def ring(self) -> list[tuple[datetime, str]]:
        said: list[tuple[datetime, str]] = []
        rung = 0
        while due := [
            (at, self.order.random(), what) for what, at in self.care.wakes.items() if at <= self.now
        ]:
            at, _, what = min(due)
            rung += 1
            assert rung < 5000, f"{what} rings for ever"
            del self.care.wakes[what]
            said += [(at, name) for name in self.care.wake(what, at)]
        return sorted(said)

    def _ring_on_paper(self) -> list[tuple[datetime, str]]:
        said: list[tuple[datetime, str]] = []
        while ripe := [(at, *due) for due, at in self.asked.items() if at <= self.now]:
            at, due, what = min(ripe)
            self.done.add((due, what))
            assert len(said) < 5000, f"{what} rings for ever on paper"
            ring(self.p, at, what)
            steps.look(self.p, at, timely=what == "judge")
            self.ask(at)
            said += [(at, name) for name in self.p.said]
            self.p.said = []
        return sorted(said)

    def ask(self, at: datetime) -> None:
        """What is waited for now; what is due already rings as of now."""
        waited = {due: due[0] for due in everything_due(self.p) if due not in self.done}
        new = {d: max(d[0], at) for d in waited.keys() - self.asked.keys() if d[1] != "judge" or d[0] >= at}
        self.asked = {d: i for d, i in self.asked.items() if d in waited} | new

    # What is heard.

    def hear(self, what: str, event: Event) -> None:
        self.agree(what, self.care.hear(event, self.now))

    def do_calendar(self, version: int, minutes: int) -> None:
        first = self.p.version == 0
        course.calendar(self.p, self.now, version, minutes)
        self.hear(f"calendar {version}", heard.calendar(self.now, version, minutes, first))

    def do_attended(self, session: str, on: date, minutes: int) -> None:
        course.attended(self.p, self.now, session, on, minutes)
        self.hear(f"attended {session}", heard.attended(session, on, minutes))

    def do_missed(self, session: str, on: date, in_a_row: int) -> None:
        self.hear(f"missed {session}", heard.missed(session, on, in_a_row))

    def do_corrected(self, session: str, on: date, came: bool, minutes: int) -> None:
        course.corrected(self.p, self.now, session, on, came, minutes)
        self.hear(f"corrected {session}", heard.corrected(session, on, came, minutes))

    def do_week(self, start: date, scheduled: int, credited: int, short: bool, reopened: int) -> None:
        low, level = self.p.band()[0], self.p.level
        course.week(self.p, self.now, start, scheduled, credited, short, reopened)
        event = heard.week(start, level, scheduled, credited, short, credited < low, low, reopened)
        self.hear(f"week {start}", event)

    def do_of_age(self) -> None:
        if not self.p.over:
            self.p.say("ReviewTaskRaised:of_age")
            self.p.reached.add("of_age")
        self.hear("of age", heard.of_age())

    def do_coverage(self, since: date, asks: bool) -> None:
        self.p.auth_needed[since] = asks
        self.hear("coverage", heard.coverage(self.now, since, asks))

    def do_authorization(self, id: str, level: str, first: date, last: date, granted: bool) -> None:
        self.p.authorized[id] = (level, first, last, granted)
        self.hear("authorization", heard.authorization(id, level, first, last, granted))

    def do_stale(self, what: str) -> None:
        """A wake that nobody waits for any more changes nothing."""
        if what in self.care.wakes:
            return
        self.agree(f"stale {what}", self.care.wake(what, self.now))


def everything_due(p: Person) -> list[tuple[datetime, str]]:
    return course.due(p) + ([] if p.over else rest.due(p) + ending.due_calls(p))


def ring(p: Person, at: datetime, what: str) -> None:
    name, _, number = what.partition(":")
    if name == "expiry":
        decisions.expire(p, at)
    elif name == "taper_over":
        decisions.end_taper(p)
        p.say("ReviewTaskRaised:taper_over")
    elif name in ("hold_overdue", "planned_end_passed"):
        p.say(f"ReviewTaskRaised:{name}")
        p.reached.add(name)
    elif name == "follow_up":
        p.say("CommunityReferralDue")
    elif name == "certification":
        rest.notice(p, at, int(number))
    elif name == "extension":
        rest.draft(p, at)
    elif name == "escalate":
        course.escalate(p, int(number))
    elif name == "call":
        ending.call_due(p, at)
    elif name == "missed_call":
        ending.call_missed(p)


def _attest(p: Person, at: datetime, role: str, place: int) -> None:
    course.attest(p, at, role, p.aims[place].name)


RULES: dict[str, Callable[..., None]] = {
    "plan": course.plan,
    "attest": _attest,
    "measure": lambda p, at, _role, total, nine: course.measure(p, at, total, nine > 0),
    "late_measure": lambda p, at, _role, total, nine: course.late_measure(p, at, total, nine > 0),
    "use": lambda p, at, _role, on, how: course.use(p, at, on, how),
    "tested": lambda p, at, _role, on, how: course.use(p, at, on, how, tested=True),
    "unused": course.unused,
    "acknowledge": course.acknowledge,
    "resolve": course.resolve,
    "outreach": lambda p, at, _role, channel, reached: course.outreach(p, at, channel, reached),
    "advise": decisions.advise,
    "review": decisions.review,
    "respond": decisions.respond,
    "approve": decisions.approve,
    "decline": decisions.decline,
    "hold": rest.hold,
    "resume": rest.resume,
    "reassess": rest.reassess,
    "certify": lambda p, at, _role, physician, on: rest.certify(p, at, physician, on),
    "request": rest.request,
    "decide": rest.decide,
    "refer": rest.refer,
    "close_loop": rest.close_loop,
    "death": lambda p, at, _role, on: ending.death(p, at, on),
    "aftercare": ending.aftercare,
    "check_in": lambda p, at, _role, reached, status: ending.check_in(p, at, reached, status),
    "alumni": ending.alumni,
    "discharge": ending.discharge,
}


def day(life: Life) -> date:
    return day_of(life.now)
