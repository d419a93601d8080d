"""A seeded walk through a life: every step is drawn by weight, so that rare ways are taken often enough."""

import random
from collections.abc import Callable
from datetime import date, timedelta

from tests.progress.model.course import PHQ_TARGET
from tests.progress.model.life import Life, Start, Step, day, everything_due
from tests.progress.model.opening import OPENINGS
from tests.progress.model.person import TEDS, after, day_of, midnight

PAPERS = (
    "risks_discussed",
    "signature",
    "aftercare_offered",
    "written_notice",
    "receiving_program",
    "receiving_accepted",
    "consent",
    "emergency",
)
WAKES = (
    "alert_due:x",
    "certification_due",
    "check_in",
    "check_in_missed",
    "evaluate",
    "extension_due",
    "hold_overdue",
    "planned_end_passed",
    "recommendation_expires:x",
    "taper_over",
)
ROLES = ("clinician", "director", "admissions", "scheduler", "biller")
CHANNELS = ("voice", "sms", "email")


class Walk:
    """Draws the next steps of a life from where it stands."""

    def __init__(self, seed: int | str) -> None:
        self.r = random.Random(seed)
        self.hurry = self.r.random()
        self.opening = self.r.choices(tuple(OPENINGS), (30, *(7 for _ in OPENINGS))[: len(OPENINGS)])[0]

    def start(self) -> Start:
        r = self.r
        adult = r.random() < 0.7
        return Start(
            adult=adult,
            counts_use=r.random() < 0.7,
            minutes=r.choice((540, 600, 720, 720, 900)) if adult else r.choice((360, 480, 540, 720)),
            baseline=r.choice((None, 8, 12, 12, 18)),
            asks=r.random() < 0.7,
            authorized_lower=r.random() < 0.8,
            medicare=r.random() < 0.2,
        )

    def steps(self, life: Life) -> list[Step]:
        """The next one or more steps."""
        drawn = [(weight, make) for weight, make in self.table(life) if weight > 0]
        make = self.r.choices([m for _, m in drawn], [w for w, _ in drawn])[0]
        return make(life)

    def table(self, life: Life) -> list[tuple[float, Callable[[Life], list[Step]]]]:
        p = life.p
        if p.over:
            return [
                (1, self.passing),
                (1, self.session),
                (2, self.late),
                (1, self.weeks),
                (1, self.week_again),
                (1, self.calendar),
                (2, self.alarm),
                (1, self.use),
                (0.8 if p.reports else 0, self.unused),
                (1, self.leave),
                (1, self.check_in),
                (1 if p.calls else 0.1, self.alumni),
                (1, self.stale),
                (0.3, self.death),
                (0.1, self.of_age),
                (0.5 if p.outward else 0, self.close_loop),
            ]
        early, treated = p.stage in ("ADMITTED", "SCHEDULED"), p.in_treatment
        return [
            (6, self.passing),
            (1, self.stale),
            (4 if early else 0.5, self.calendar),
            (5 if p.stage == "SCHEDULED" else 2, self.session),
            (0.7, self.correction),
            (0.4, self.miss),
            (8 if treated else 0.5, self.weeks),
            (1, self.week_again),
            (3 if p.plans == 0 else 0.7, self.plan),
            (3 if p.remaining else 0.3, self.attest),
            (2.5, self.measure),
            (1, self.use),
            (0.8 if p.reports else 0, self.unused),
            (4 if p.open_alarms() else 0.1, self.alarm),
            (1.5, self.outreach),
            (0.8, self.advise),
            (5 if p.standing("down") or p.standing("up") else 0.3, self.answer),
            (3 if p.standing("up") else 0.1, self.review),
            (2 if p.stage == "STEP_UP_PENDING" else 0.3, self.respond),
            (3 if p.extension else 0.1, self.extension),
            (0.4, self.request),
            (0.6 if p.stage != "AFTERCARE" else 0.1, self.hold),
            (4 if p.held else 0.05, self.resume),
            (2 if p.held or p.calls else 0.2, self.reassess),
            (1 if p.medicare else 0.1, self.certify),
            (0.2, self.refer),
            (0.3 if p.outward else 0, self.close_loop),
            (0.05, self.death),
            (0.3 + self.hurry, self.aftercare),
            (4 if p.calls and p.calls.due else 0.2, self.check_in),
            (2 if p.stage == "AFTERCARE" else 0.1, self.alumni),
            (0.7 if p.stage != "ALUMNI" else 2, self.leave),
            (0 if p.adult else 0.1, self.of_age),
            (0.3, self.coverage),
            (0.4, self.authorization),
        ]

    def role(self) -> str:
        return self.r.choices(ROLES, (20, 3, 1, 1, 1))[0]

    def passing(self, life: Life) -> list[Step]:
        """Minutes, hours, days; often to the very instant at which something comes due, or just beside it."""
        r = self.r
        due = [at for at, _ in everything_due(life.p) if at > life.now]
        late, chance = r.random() < 0.1, r.random()
        if due and chance < 0.35:
            until = r.choice(due) + timedelta(seconds=r.choice((-1, -1, 0, 0, 1, 3600)))
        elif chance < 0.6 and (days := [d for d in self.edges(life) if midnight(d) > life.now]):
            until = midnight(r.choice(days)) + timedelta(hours=r.randrange(24))
        else:
            hours = r.choice((1, 5, 24, 24, 72, 168, 24 * 15, 24 * 31 if r.random() < 0.4 else 48))
            until = life.now + timedelta(hours=hours, minutes=r.randrange(60))
        # A day too early is seen only where something asks on that day.
        asking = r.choice((self.good_measure, self.week_again, self.resume, self.leave, self.use))
        if life.p.held and r.random() < 0.6:
            asking = self.resume
        return [("time", until, late), *(asking(life) if r.random() < 0.5 else [])]

    def edges(self, life: Life) -> list[date]:
        """The days on which some count of days is reached, and those before and after."""
        p = life.p
        begun = [(p.stepped_on, 14), (p.admitted, 14), (p.last_service, 30), (p.used, 14)]
        held = sum((end - since).days for since, end in p.rests)
        begun += [(p.last_service, 30 + held)] if held else []
        begun += [(p.hold.since, 7), (p.hold.since, 30)] if p.hold else []
        begun += [(p.calls.began, 90)] if p.calls else []
        begun += [(p.noes["down"][0], 14)] if "down" in p.noes else []
        return [after(on, days + n) for on, days in begun if on for n in (-1, 0, 1)]

    def good_measure(self, _life: Life) -> list[Step]:
        return [("measure", "clinician", 4, 0)]

    def stale(self, _life: Life) -> list[Step]:
        return [("stale", self.r.choice(WAKES))]

    def calendar(self, life: Life) -> list[Step]:
        r, p = self.r, life.p
        minutes = r.choice((p.minutes, p.minutes, 540, 720, 900, 360, 180, 1300))
        return [("calendar", max(1, p.version + r.choice((1, 1, 1, 1, 0, -1))), minutes)]

    def session(self, life: Life) -> list[Step]:
        on = day(life) if self.r.random() < 0.9 else after(day(life), -1)
        which = f"s-{on}-{self.r.randrange(2)}"
        return [("attended", which, on, self.r.choice((0, 150, 180, 180, 180)))]

    def correction(self, life: Life) -> list[Step]:
        sat = sorted(life.p.sat.items())
        if not sat or self.r.random() < 0.2:
            on = after(day(life), -self.r.randrange(10))
            return [("corrected", f"s-{on}-0", on, self.r.random() < 0.7, 140)]
        session, (on, _) = self.r.choice(sat[-3:])
        return [("corrected", session, on, self.r.random() < 0.5, self.r.choice((0, 120, 180)))]

    def miss(self, life: Life) -> list[Step]:
        return [("missed", f"m-{day(life)}", day(life), self.r.randrange(1, 4))]

    def weeks(self, life: Life) -> list[Step]:
        """Let the next one or two weeks close; good ones more often than not."""
        found: list[Step] = []
        start, now = self._next_week(life), life.now
        good = self.r.random() < 0.7
        for _ in range(self.r.choice((1, 2, 2))):
            close = midnight(after(start, 7))
            if close > now:
                found.append(("time", close, False))
                now = close
            found.append(self._week(life, start, good, 0))
            start = after(start, 7)
        return found

    def _next_week(self, life: Life) -> date:
        first = after(life.p.admitted, -life.p.admitted.weekday())
        if life.p.weeks:
            first = after(max(life.p.weeks), 7)
        newest = after(day(life), -day(life).weekday() - 14)
        return max(first, newest)

    def _week(self, life: Life, start: date, good: bool, reopened: int) -> Step:
        minutes = life.p.minutes
        if good:
            credited = self.r.choice((minutes, minutes, -(-minutes * 8 // 10)))
        else:
            credited = self.r.choice((0, minutes // 3, life.p.band()[0] - 1, minutes * 8 // 10 - 1))
        scheduled = minutes if self.r.random() < 0.95 else 0
        return (
            "week",
            start,
            scheduled,
            max(0, credited) if scheduled else 0,
            self.r.random() < 0.1,
            reopened,
        )

    def week_again(self, life: Life) -> list[Step]:
        """A week is closed again after a correction; or the same close is heard twice."""
        if not life.p.weeks:
            return []
        start = self.r.choice(sorted(life.p.weeks)[-3:])
        w = life.p.weeks[start]
        if self.r.random() < 0.3:
            return [("week", start, w.scheduled, w.credited, w.short, 0)]
        return [self._week(life, start, self.r.random() < 0.5, 1)]

    def plan(self, _life: Life) -> list[Step]:
        goals = self.r.choice(
            (("sober",), ("sober",), ("sober", "phq"), ("sober", "optional"), ("optional",), ("phq",))
        )
        return [("plan", self.role(), goals, self.r.random() < 0.95, self.r.random() < 0.95)]

    def attest(self, life: Life) -> list[Step]:
        if not life.p.aims:
            return []
        return [("attest", self.role(), self.r.randrange(len(life.p.aims)))]

    def measure(self, life: Life) -> list[Step]:
        r = self.r
        base = life.p.baseline or 12
        total = r.choice((PHQ_TARGET - r.randrange(5), PHQ_TARGET + 1, base, base + 4, base + 5, base + 6))
        return [("measure", "clinician", min(24, total), r.choices((0, 1, 3), (12, 1, 1))[0])]

    def use(self, life: Life) -> list[Step]:
        on = after(day(life), self.r.choice((0, -1, -5, 1)))
        how = self.r.choice(("lapse", "relapse"))
        return [(self.r.choice(("use", "tested")), "clinician", on, how)]

    def unused(self, life: Life) -> list[Step]:
        """One of the latest; what was reported long ago is forgotten."""
        made = len(life.p.reports)
        return [("unused", self.role(), self.r.randrange(max(0, made - 4), made))]

    def alarm(self, life: Life) -> list[Step]:
        if not life.p.alarms:
            return []
        number = len(life.p.alarms) - 1 if self.r.random() < 0.9 else self.r.randrange(len(life.p.alarms))
        both = [("acknowledge", self.role(), number), ("resolve", self.role(), number)]
        return both[:1] if self.r.random() < 0.3 else both[1:] if self.r.random() < 0.2 else both

    def outreach(self, _life: Life) -> list[Step]:
        return [
            ("outreach", "clinician", self.r.choice(CHANNELS), self.r.random() < 0.3)
            for _ in range(self.r.choice((1, 1, 2, 3)))
        ]

    def advise(self, life: Life) -> list[Step]:
        r, p = self.r, life.p
        way, kind = r.choice(
            (
                ("down", "intensity_reduction"),
                ("down", "level_change"),
                ("down", "intensity_increase"),
                ("down", "transition_taper"),
                ("down", "transition_taper"),
                ("up", "intensity_increase"),
                ("up", "level_change"),
                ("up", "transfer"),
                ("up", "readmit"),
                ("up", "intensity_reduction"),
            )
        )
        usual = {"intensity_reduction": p.level, "intensity_increase": p.level, "transfer": "2.5"}
        level = usual.get(kind) or ("1" if way == "down" else "2.1")
        if r.random() < 0.2:
            level = r.choice(("1", "2.1", "2.5"))
        low, high = p.band(level)
        wanted = [low, low - 1, high, high + 1, p.minutes, p.minutes - 60, p.minutes + 60, 180, 540]
        until = after(day(life), r.choice((6, 13, 20, 27, 28, -1))) if r.random() < 0.5 else None
        if kind == "transition_taper":
            wanted = [low - 180, low - 180, low - 1, low, 0, p.minutes]
        else:
            until = None
        return [("advise", self.role(), way, kind, level, max(0, r.choice(wanted)), until)]

    def some_advice(self, life: Life) -> int:
        """One of the latest; what was closed long ago is forgotten."""
        made = len(life.p.advice)
        return self.r.randrange(max(0, made - 8), made)

    def review(self, life: Life) -> list[Step]:
        standing = [n for n, a in enumerate(life.p.advice) if a.open and a.way == "up"]
        if self.r.random() < 0.2:
            standing = [self.some_advice(life)] if life.p.advice else []
        return [("review", self.role(), self.r.choice(standing))] if standing else []

    def respond(self, life: Life) -> list[Step]:
        r = self.r
        actions = tuple(a for a in ("add_sessions", "individual_session", "step_up") if r.random() < 0.5)
        added = r.choice((60, 180, 700)) if ("add_sessions" in actions) ^ (r.random() < 0.1) else 0
        back = None
        if r.random() < 0.2:
            actions = (*actions, "detox_referral") if r.random() < 0.9 else actions
            back = after(day(life), r.choice((5, 10, 30, 31, 0)))
        return [("respond", self.role(), actions, added, back)] if life.p.reports else []

    def answer(self, life: Life) -> list[Step]:
        """Approve or decline what stands, or what stood once."""
        r, p = self.r, life.p
        if not p.advice:
            return []
        standing = [n for n, a in enumerate(p.advice) if a.open]
        number = r.choice(standing) if standing and r.random() < 0.9 else self.some_advice(life)
        if r.random() < 0.25:
            return [("decline", self.role(), number)]
        effective = after(day(life), r.choices((0, 3, 7, -1, 365, 366), (6, 4, 4, 1, 0.3, 1))[0])
        return [("approve", self.role(), number, effective, r.random() < 0.9)]

    def extension(self, _life: Life) -> list[Step]:
        return [("decide", self.role(), self.r.random() < 0.7, self.r.random() < 0.9)]

    def request(self, life: Life) -> list[Step]:
        r, p = self.r, life.p
        late = ((p.planned_end - day(life)).days < 7) ^ (r.random() < 0.1)
        return [("request", self.role(), r.choice((7, 21, 30, 275, 276)), r.random() < 0.9, late)]

    def hold(self, life: Life) -> list[Step]:
        today = day(life)
        since = after(today, self.r.choice((0, 1, 14, 15, -1))) if self.r.random() < 0.4 else None
        return [("hold", self.role(), after(today, self.r.choice((0, 3, 8, 20, 30, 31))), since)]

    def resume(self, _life: Life) -> list[Step]:
        return [("resume", self.role())]

    def reassess(self, life: Life) -> list[Step]:
        on = after(day(life), self.r.choices((0, -3, 1, -400), (10, 3, 1, 1))[0])
        depth = self.r.choice(("screening", "assessment"))
        return [("reassess", self.role(), depth, self.r.random() < 0.9, on)]

    def certify(self, life: Life) -> list[Step]:
        on = after(day(life), self.r.choices((0, -1, -40, -56, 1), (6, 2, 1, 1, 1))[0])
        return [("certify", "clinician", self.r.random() < 0.9, on)]

    def refer(self, life: Life) -> list[Step]:
        return [("refer", self.role(), after(day(life), self.r.choice((0, 1, 30, 180, 181))))]

    def close_loop(self, life: Life) -> list[Step]:
        return [("close_loop", self.role(), self.r.randrange(len(life.p.outward)))]

    def death(self, life: Life) -> list[Step]:
        back = self.r.choice((None, None, 0, 5, 20, -1))
        return [("death", self.role(), None if back is None else after(day(life), -back))]

    def late(self, life: Life) -> list[Step]:
        """What becomes known after the end, most of it about the days before."""
        how = self.r.choice(("session", "correction", "measure"))
        if how == "correction":
            return self.correction(life)
        if how == "measure":
            return [("late_measure", "clinician", self.r.choice((3, 9, 12, 18)), self.r.choice((0, 0, 0, 1)))]
        assert life.p.left_on is not None
        on = after(life.p.left_on, self.r.choice((0, -1, -3, 1)))
        return [("attended", f"s-{on}-0", on, self.r.choice((0, 180)))]

    def aftercare(self, life: Life) -> list[Step]:
        """The meeting, most often after the last week is closed and the measures are taken."""
        r, p, steps = self.r, life.p, list[Step]()
        last = p.last_service
        if r.random() < 0.8 and p.stage == "ATTENDING":
            if last and after(last, -last.weekday()) not in p.weeks:
                week = after(last, -last.weekday())
                steps.append(("time", midnight(after(week, 7)), False))
                steps.append(("week", week, p.minutes, p.minutes, False, 0))
            steps.append(("measure", "clinician", r.choice((3, 9, 12)), 0))
        ends = [day(life), *(day_of(s[1]) for s in steps if s[0] == "time")]
        meeting = r.choices((max(ends), after(max(ends), -3), after(max(ends), 1), None), (8, 2, 1, 1))[0]
        return [*steps, ("aftercare", self.role(), meeting, r.random() < 0.9, r.random() < 0.5)]

    def check_in(self, _life: Life) -> list[Step]:
        status = self.r.choice(("stable", "stable", "at_risk", "relapse"))
        return [("check_in", "clinician", self.r.random() < 0.7, status)]

    def alumni(self, _life: Life) -> list[Step]:
        return [("alumni", self.role(), self.r.random() < 0.9)]

    def leave(self, life: Life) -> list[Step]:
        r = self.r
        reason = r.choice(sorted(TEDS))
        if life.p.stage in ("ADMITTED", "SCHEDULED") and r.random() < 0.5:
            reason = "never_attended"
        elif r.random() < 0.3:
            reason = "completed_goals" if life.p.calls else "dropped_out_no_contact"
        papers = frozenset(paper for paper in PAPERS if r.random() < 0.85)
        if r.random() < 0.8:
            papers -= {"emergency"}
        if r.random() < (0.3 if life.p.calls else 0.03):
            papers |= {"stay_in_touch"}
        return [("discharge", self.role(), reason, papers)]

    def of_age(self, _life: Life) -> list[Step]:
        return [("of_age",)]

    def coverage(self, life: Life) -> list[Step]:
        if life.p.medicare:
            return []
        return [("coverage", after(day(life), self.r.choice((0, 7))), self.r.random() < 0.5)]

    def authorization(self, life: Life) -> list[Step]:
        first = after(day(life), self.r.choice((0, -10, 5)))
        what = (f"auth-{self.r.randrange(4)}", self.r.choice(("1", "2.1", "2.5")), first)
        return [("authorization", *what, after(first, self.r.choice((14, 90))), self.r.random() < 0.7)]
