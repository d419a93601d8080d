"""The model of people: who comes, how they take part, how they fare, how they leave.

Every draw comes from a generator of its own per (seed, site, person, purpose), so nobody's life
depends on who else there is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from deploy.local.simulator.figures import pick
from deploy.local.simulator.habits import Habits, draw_habits
from deploy.local.simulator.parameters import Parameters, Preset, ResponseClass, parameters
from deploy.local.simulator.ways import Way, draw_way

COMPLETED = "completed"
BLOCKS = {"morning": ("morning",), "evening": ("evening",), "both": ("morning", "evening")}
GIVEN = (
    "Alma",
    "Ben",
    "Cora",
    "Dario",
    "Elsa",
    "Finn",
    "Gita",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Leo",
    "Mara",
    "Nils",
)
FAMILY = (
    "Abel",
    "Brandt",
    "Castillo",
    "Dahl",
    "Egan",
    "Fuchs",
    "Garza",
    "Holm",
    "Jensen",
    "Lund",
    "Moreno",
    "Novak",
)


def generator(seed: int, site: str, person: int | str, purpose: str) -> Random:
    """The generator of one person for one purpose."""
    return Random(f"{seed}/{site}/{person}/{purpose}")


@dataclass(frozen=True, slots=True)
class Course:
    """How a stay goes if nobody intervenes: its end, and how it ends."""

    frailty: float
    exit: str
    """`completed` or the cause that came first."""
    days: float
    planned_end: float
    extension: float
    """Days beyond the planned end; 0 without an extension."""

    def in_treatment(self, day: float) -> bool:
        return self.days > day


def draw_course(rng: Random, preset: Preset) -> Course:
    """Competing latent times: the smallest wins and gives the reason."""
    frailty = rng.gauss(0.0, 1.0)
    hazard = math.exp(preset.frailty_sigma * frailty)
    planned = preset.planned_end_days.draw(rng)
    extension = preset.extension_days.draw(rng) if rng.random() < preset.extended_share else 0.0
    best, days = COMPLETED, planned + extension
    for name, cause in preset.exits.items():
        time = cause.scale_days * (rng.expovariate(1.0) / hazard) ** (1.0 / cause.shape)
        if time < days:
            best, days = name, time
    return Course(frailty, best, days, planned, extension if days > planned else 0.0)


@dataclass(frozen=True, slots=True)
class Taking:
    """How reliably somebody comes to sessions."""

    leaning: float
    quits_on: float
    """Day of a drop-out, else infinity: the last days before it are worse."""

    def chance(self, day: float, intercept: float, figures: Parameters) -> float:
        """The probability to come on a day of the stay."""
        a = figures.attendance
        logit = intercept + self.leaning - a.week_decay * (day // 7)
        if self.quits_on - a.disengaged_days <= day:
            logit += a.disengaged_logit
        return 1.0 / (1.0 + math.exp(-logit))


def draw_taking(rng: Random, course: Course, figures: Parameters) -> Taking:
    """A reliability that goes with the frailty that makes people leave early."""
    a = figures.attendance
    rho = a.frailty_correlation
    leaning = a.patient_sigma * (rho * course.frailty + math.sqrt(1 - rho * rho) * rng.gauss(0.0, 1.0))
    return Taking(leaning, course.days if course.exit == "dropped_out" else math.inf)


def draw_phq9(rng: Random, mental_health: bool, weeks: int, figures: Parameters) -> list[int]:
    """PHQ-9 totals at the baseline and at the end of every week."""
    p = figures.phq9
    baseline = (p.baseline_mental_health if mental_health else p.baseline_sud).draw(rng)
    response = p.classes.draw(rng)
    slope = rng.gauss(0.0, p.slope_sd)
    noise, kick = 0.0, p.noise_sd * math.sqrt(1 - p.noise_ar1**2)
    totals = [round(baseline)]
    for week in range(1, weeks + 1):
        noise = p.noise_ar1 * noise + rng.gauss(0.0, kick)
        totals.append(min(27, max(0, round(_curve(response, baseline, week) + slope * week + noise))))
    return totals


def _curve(response: ResponseClass, baseline: float, week: int) -> float:
    fallen = baseline * response.drop_fraction * (1.0 - math.exp(-week / response.tau_weeks))
    return baseline - fallen + response.points_per_week * week


def draw_gad7(rng: Random, phq9: Sequence[int], figures: Parameters) -> list[int]:
    """GAD-7 totals that move with the PHQ-9."""
    g = figures.gad7
    baseline = g.baseline.draw(rng)
    moved = [baseline + g.change_scale_vs_phq9 * (total - phq9[0]) for total in phq9]
    return [min(21, max(0, round(value + rng.gauss(0.0, g.noise_sd)))) for value in moved]


@dataclass(frozen=True, slots=True)
class Use:
    """One return to substance use, on a day of the stay."""

    day: int
    relapse: bool
    reported: bool


def draw_uses(rng: Random, days: int, figures: Parameters) -> tuple[Use, ...]:
    """First lapse log-logistic, repeats exponential."""
    lapse = figures.lapse
    luck = rng.random()
    weeks = lapse.first_alpha_weeks * (luck / (1.0 - luck)) ** (1.0 / lapse.first_beta)
    uses: list[Use] = []
    while weeks * 7 < days:
        uses.append(Use(int(weeks * 7), rng.random() < lapse.relapse, rng.random() < lapse.reported))
        weeks += rng.expovariate(1.0 / lapse.repeat_mean_weeks)
    return tuple(uses)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks for treatment, with everything that will be their own doing."""

    site_id: str
    number: int
    arrives: int
    """Day of the span on which the request comes."""
    given: str
    family: str
    birth_date: date
    sex: str
    program_kind: str
    substance: str
    source: str
    urgency: str
    plan_kind: str
    way: Way
    availability: tuple[tuple[int, str], ...]
    days_per_week: int
    course: Course
    taking: Taking
    phq9: tuple[int, ...]
    gad7: tuple[int, ...]
    uses: tuple[Use, ...]
    goal_met_day: int
    """Day of the stay on which the personal goal is reached."""
    habits: Habits
    words: str = field(default="")
    """The product's discharge reason for the way this stay ends."""

    @property
    def key(self) -> str:
        return f"{self.site_id}-{self.number:04d}"

    @property
    def weekly_minutes(self) -> int:
        return 180 * self.days_per_week


def draw_person(seed: int, site: str, number: int, arrives: int, starts_on: date) -> Person:
    """One person, the same for the same seed, site and number."""
    figures = parameters()
    who, week = generator(seed, site, number, "who"), generator(seed, site, number, "week")
    kind = figures.mix.program_kind.draw(who)
    source = figures.mix.source.draw(who)
    low, high = (int(age) for age in figures.mix.age.draw(who).split("-"))
    asked_on = starts_on + timedelta(days=arrives)
    born = asked_on - timedelta(days=round(365.25 * who.uniform(low + 0.1, high + 0.9)))
    course = draw_course(generator(seed, site, number, "stay"), figures.episode.network_90d)
    phq9 = draw_phq9(generator(seed, site, number, "phq9"), kind != "sud", 40, figures)
    days = int(pick(week, figures.week.days))
    free = BLOCKS[pick(week, figures.week.free)]
    uses = draw_uses(generator(seed, site, number, "use"), 280, figures) if kind != "mental_health" else ()
    substance = "" if kind == "mental_health" else figures.mix.substance.draw(who)
    return Person(
        site_id=site,
        number=number,
        arrives=arrives,
        given=who.choice(GIVEN),
        family=f"{who.choice(FAMILY)}-{number:04d}",
        birth_date=born,
        sex=figures.mix.sex.draw(who),
        program_kind=kind,
        substance=substance,
        source=source,
        urgency=pick(who, {"routine": 0.8, "urgent": 0.2}),
        plan_kind=_plan_kind(who, number, figures),
        way=draw_way(
            lambda purpose: generator(seed, site, number, purpose), number, source, substance, figures
        ),
        availability=tuple((dow, block) for dow in range(1, 6) for block in free),
        days_per_week=days,
        course=course,
        taking=draw_taking(generator(seed, site, number, "attendance"), course, figures),
        phq9=tuple(phq9),
        gad7=tuple(draw_gad7(generator(seed, site, number, "gad7"), phq9, figures)),
        uses=uses,
        goal_met_day=max(21, round(course.planned_end + course.extension - week.uniform(7, 28))),
        habits=draw_habits(lambda purpose: generator(seed, site, number, purpose), substance, figures),
        words=_words(week, course.exit, figures),
    )


def _plan_kind(rng: Random, number: int, figures: Parameters) -> str:
    drawn = figures.mix.plan_kind.draw(rng)
    return "medicare" if number % figures.edge.one_of == figures.edge.medicare_number else drawn


def _words(rng: Random, cause: str, figures: Parameters) -> str:
    words = figures.exit_words
    dropped, lower = words.against_advice_of_dropped, words.lower_level_of_lateral
    others = words.coverage_ended_of_other, words.moved_of_other
    spread: dict[str, dict[str, float]] = {
        "completed": {"completed_goals": 1},
        "dropped_out": {"left_against_advice": dropped, "dropped_out_no_contact": 1 - dropped},
        "transferred_higher_level": {"transferred_higher_level": 1},
        "transferred_lower_or_lateral": {
            "transferred_lower_level": lower,
            "transferred_other_provider": 1 - lower,
        },
        "terminated_by_facility": {"administrative": 1},
        "incarcerated": {"incarcerated": 1},
        "death": {"deceased": 1},
        "other": {"coverage_ended": others[0], "moved": others[1], "other": 1 - sum(others)},
    }
    return pick(rng, spread[cause])


def arrival_days(seed: int, site: str, count: int, days: int, starts_on: date) -> list[int]:
    """Days on which `count` people ask, as a daily negative binomial process given its total.

    A negative binomial day is a Poisson day with a gamma rate; given the total, days are drawn by
    those rates.
    """
    figures = parameters().arrivals
    rates = generator(seed, site, "site", "days")
    mean = count / days
    weights = []
    for day in range(days):
        level = mean * figures.weekday_weights[(starts_on.weekday() + day) % 7]
        excess = figures.variance_over_mean - 1.0
        weights.append(rates.gammavariate(max(level / excess, 1e-3), excess))
    return [
        generator(seed, site, number, "arrival").choices(range(days), weights)[0]
        for number in range(1, count + 1)
    ]


def people_of(seed: int, site: str, count: int, days: int, starts_on: date) -> list[Person]:
    """Everybody who asks one site for treatment over the span, in order of arrival."""
    asked = enumerate(arrival_days(seed, site, count, days, starts_on), start=1)
    return sorted(
        (draw_person(seed, site, number, day, starts_on) for number, day in asked),
        key=lambda person: (person.arrives, person.number),
    )
