"""What the model of people expects of a span of days: many bare lives, without services, seats or staff."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random

from contracts import instruments
from contracts.rulebook import Rulebook, rulebook
from deploy.local.simulator.clinic.leaving import ASK_IN_TIME
from deploy.local.simulator.parameters import Parameters, parameters
from deploy.local.simulator.people import COMPLETED, Person, generator, people_of
from deploy.local.simulator.ways import ADMITTED, AUTHORIZED, NO_SHOW

LIVES = 4_000
HALF = 0.5
HALF_A_WEEK = 4
NEVER_SEEN = (NO_SHOW, "out_of_scope")
SESSION_DAYS = {3: (0, 2, 4), 4: (0, 1, 2, 4), 5: (0, 1, 2, 3, 4)}
GROUP_OF_EXIT = {
    "dropped_out": "dropped_out",
    "transferred_higher_level": "transferred",
    "transferred_lower_or_lateral": "transferred",
    "terminated_by_facility": "terminated_by_facility",
}
"""The groups of TEDS-D; every other cause is `other`."""
Tally = tuple[int, int]
"""How many, out of how many."""


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of one person within the span."""

    seen: bool
    admitted: bool = False
    ended: str = ""
    """The group of the end; empty where it lies beyond the span."""
    extended: bool = False
    stepped_down: bool = False
    stepped_up: bool = False


@lru_cache
def expected(asking_days: int, days: int, starts_on: date) -> Mapping[str, Tally]:
    """Each share that the outcome table shows, as the model expects it of exactly this span."""
    people = people_of(0, "forecast", LIVES, asking_days, starts_on)
    return tallies([bare_life(person, days) for person in people])


def tallies(lives: list[Life]) -> dict[str, Tally]:
    """Each share: how many lives, out of how many."""
    admitted = [life for life in lives if life.admitted]
    ended = [life for life in admitted if life.ended]
    groups = Counter(life.ended for life in ended)
    reached_end = [life for life in admitted if life.ended == COMPLETED or life.extended]
    return {
        "seen": (sum(life.seen for life in lives), len(lives)),
        "admitted": (len(admitted), len(lives)),
        "ended": (len(ended), len(admitted)),
        **{g: (groups[g], len(ended)) for g in (COMPLETED, *dict.fromkeys(GROUP_OF_EXIT.values()), "other")},
        "extended": (sum(life.extended for life in reached_end), len(reached_end)),
        "stepped_down": (sum(life.stepped_down for life in admitted), len(admitted)),
        "stepped_up": (sum(life.stepped_up for life in admitted), len(admitted)),
    }


def bare_life(person: Person, days: int) -> Life:
    """One way through the span, at the model's own pace."""
    figures, rules = parameters(), rulebook()
    begins = _begins(person, figures)
    seen = person.way.fate not in NEVER_SEEN and person.arrives + person.way.days_to_assessment < days
    if begins is None or begins >= days:
        return Life(seen)
    course = person.course
    left = days - begins
    trail = {
        # The last week has to close before the last meeting, which is held on a Monday.
        "completed_goals": HALF_A_WEEK,
        "dropped_out_no_contact": rules.progress.dropout_days,
        "incarcerated": figures.absence.gone_days,
    }.get(person.words, 0)
    group = COMPLETED if course.exit == COMPLETED else GROUP_OF_EXIT.get(course.exit, "other")
    down, up = _steps(person, int(min(course.days, left)), figures, rules)
    return Life(
        seen=True,
        admitted=True,
        ended=group if course.days + trail <= left else "",
        extended=_extended(person, left),
        stepped_down=down,
        stepped_up=up,
    )


def _begins(person: Person, figures: Parameters) -> int | None:
    """The day of admission; None where the way ends before."""
    way = person.way
    stays_away = way.detox_days > 0 and not way.detox_returns
    stays_high = way.suicide == "high" and not way.settles
    asks_payer = person.plan_kind in AUTHORIZED
    unpaid = asks_payer and way.decision == "denied" and not way.appeal_won
    if way.fate != ADMITTED or stays_away or stays_high or unpaid:
        return None
    payer = way.decision_days if asks_payer else 0
    pended = figures.coverage.pended_days if way.coverage_pended else 0
    return (
        person.arrives + way.days_to_assessment + way.detox_days + pended + max(way.days_to_admission, payer)
    )


def _extended(person: Person, left: int) -> bool:
    """A clinician asks for more days where they are needed and somebody is still there."""
    return person.course.extension > 0 and min(person.course.days, left) > ASK_IN_TIME


def _steps(person: Person, days: int, figures: Parameters, rules: Rulebook) -> tuple[bool, bool]:
    """Whether somebody steps down and up: what the rules speak for in a life, and how often people agree."""
    luck = generator(0, person.site_id, person.number, "steps")
    figures_of, down, up = figures.decision, False, False
    weeks = _weeks(person, days, figures)
    for week in range(1, len(weeks)):
        day = 7 * (week + 1)
        agrees = luck.random() < figures_of.patient_agrees
        not_yet = luck.random() < figures_of.not_yet
        down |= agrees and not not_yet and _may_step_down(person, weeks, week, day, rules)
        reached = luck.random() < figures.after.outreach_reached
        missing = all(weeks[w] < 1 for w in (week - 1, week)) and weeks[week] < HALF
        worse = _worse(person, week) and _worse(person, week - 1)
        up |= agrees and (worse or (missing and reached))
        up |= _relapsed(person, day) and _answered_by_more(luck, agrees, figures)
    return down, up


def _relapsed(person: Person, day: int) -> bool:
    return any(use.relapse and use.reported and day - 7 <= use.day < day for use in person.uses)


def _answered_by_more(luck: Random, agrees: bool, figures: Parameters) -> bool:
    """More sessions are one of the answers to a relapse, a step up another one."""
    answer = figures.relapse_answer.draw(luck)
    return answer == "add_sessions" or (answer == "step_up" and agrees)


def _weeks(person: Person, days: int, figures: Parameters) -> list[float]:
    """The share of sessions attended in each whole week of a stay."""
    luck = generator(0, person.site_id, person.number, "bare-attendance")
    intercept = figures.attendance.in_person_intercept
    return [
        sum(luck.random() < person.taking.chance(7 * week + d, intercept, figures) for d in days_of)
        / len(days_of)
        for week in range(days // 7)
        if (days_of := SESSION_DAYS[person.days_per_week])
    ]


def _may_step_down(person: Person, weeks: list[float], week: int, day: int, rules: Rulebook) -> bool:
    progress = rules.progress
    recent = weeks[max(0, week + 1 - progress.attendance_weeks) : week + 1]
    came = all(1000 * ratio >= progress.attendance_permille for ratio in recent)
    clean = not any(u.reported and 0 <= day - u.day < progress.clean_days for u in person.uses)
    return day >= person.goal_met_day and came and clean and not _worse(person, week)


def _worse(person: Person, week: int) -> bool:
    """Reliably worse than at the start."""
    reliable = instruments.find("phq9").change.reliable
    return reliable is not None and person.phq9[min(week, len(person.phq9) - 1)] - person.phq9[0] >= reliable
