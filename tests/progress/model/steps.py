"""Recommendations on paper: when the machine makes, keeps and withdraws one, and what people decide."""

from datetime import date, datetime, timedelta
from itertools import pairwise

from tests.progress.model.person import (
    CLEAN_DAYS,
    GRAVITY,
    HIGHER_LEVEL,
    LADDER,
    LOWER_LEVEL,
    LOWER_MINUTES,
    OPEN_DAYS,
    PERMILLE,
    RANKS,
    READMIT_DAYS,
    REST_DAYS,
    RESTING,
    SPACING_DAYS,
    WEEKS_ATTENDED,
    Advice,
    Person,
    Week,
    after,
    day_of,
)

HOME = "2.1"


def criteria(p: Person, at: datetime) -> dict[str, tuple[int, bool]]:
    """Every criterion of a step down by machine: its value, and whether it holds.

    After a taper less was decided already: only whether it is safe is asked.
    """
    today, tapered = day_of(at), p.taper is not None and p.taper.over
    found: dict[str, tuple[int, bool]] = {}
    required = any(a.required for a in p.aims)
    found["remaining_required"] = (p.remaining, required and (tapered or p.remaining == 0))
    ratios = [w.ratio for _, w in sorted(this_stay(p), reverse=True) if w.ratio is not None]
    for n in range(0 if tapered else WEEKS_ATTENDED):
        ratio = ratios[n] if n < len(ratios) else 0
        found[f"attendance_week_{n + 1}"] = (ratio, n < len(ratios) and ratio >= PERMILLE)
    alarms = len(p.open_alarms())
    found["open_safety_alerts"] = (alarms, alarms == 0)
    worse = int(bool(p.totals) and p.totals[-1][1])
    found["deteriorated_measures"] = (worse, worse == 0)
    if p.counts_use and p.used is None:
        found["substance_use_reports"] = (0, True)
    elif p.counts_use:
        assert p.used is not None
        clean = (today - p.used).days
        found["days_clean"] = (clean, clean >= CLEAN_DAYS)
    if p.taper is not None and tapered:
        lasted = (today - p.taper.since).days
        found["taper_days"] = (lasted, today > p.taper.until)
    else:
        since = (today - p.stepped_on).days
        found["days_since_last_step"] = (since, since >= SPACING_DAYS)
    return found


def rung_down(p: Person) -> tuple[str, str, int] | None:
    """Fewer hours as long as a lower rung keeps the level, then the level (K9)."""
    low, _ = p.band()
    rungs = [r for r in {*LADDER, low} if low <= r < p.minutes]
    if p.level == HOME and rungs:
        return "intensity_reduction", p.level, max(rungs)
    return ("level_change", LOWER_LEVEL, min(LOWER_MINUTES, p.minutes)) if p.level == HOME else None


def rung_up(p: Person) -> tuple[str, str, int]:
    if not p.in_treatment:
        return "readmit", HOME, p.band(HOME)[0]
    low, _ = p.band()
    if RANKS[p.level] < RANKS[HOME]:
        return "level_change", HOME, p.band(HOME)[0]
    rungs = [r for r in {*LADDER, low} if r > p.minutes]
    if rungs:
        return "intensity_increase", p.level, min(rungs)
    return "transfer", HIGHER_LEVEL, p.band(HIGHER_LEVEL)[0]


def recommend(
    p: Person,
    at: datetime,
    way: str,
    step: tuple[str, str, int],
    trigger: str,
    by: str,
    ground: object = None,
) -> Advice:
    kind, level, minutes = step
    made = Advice(way, kind, level, minutes, trigger, by == "rule", at + timedelta(days=OPEN_DAYS))
    made.ground, made.base = ground, p.minutes
    p.advice.append(made)
    if trigger == "attendance":
        p.answered = max(p.weeks)
    p.reached.add(f"advice:{way}:{kind}:{trigger}")
    p.say("StepDownRecommended" if way == "down" else "StepUpRecommended")
    return made


OCCASIONS = {
    "TreatmentPlanApproved",
    "GoalMet",
    "GoalReopened",
    "MeasureRecorded",
    "SafetyAlertRaised",
    "SafetyAlertResolved",
    "SubstanceUseReported",
    "SubstanceUseWithdrawn",
    "StepDownApproved",
    "StepUpApproved",
    "EpisodeStateChanged",
    "EpisodeHeld",
    "EpisodeResumed",
}


def look(p: Person, at: datetime, *, timely: bool = False) -> None:
    """What the machine thinks after something that counts: keep, withdraw, replace or make one."""
    occasion = p.changed or timely or any(name.partition(":")[0] in OCCASIONS for name in p.said)
    p.changed = False
    if p.over or not occasion:
        return
    look_down(p, at)
    up = p.standing("up")
    if up is not None and up.machine and (up.step, up.base) != (rung_up(p), p.minutes):
        p.close(("up",))
        p.reached.add("superseded_up")
        recommend(p, at, "up", rung_up(p), up.trigger, "rule", up.ground)


def look_down(p: Person, at: datetime) -> None:
    tapering = p.held or (p.taper is not None and not p.taper.over)
    now = criteria(p, at)
    speaks = all(holds for _, holds in now.values()) and p.stage == "ATTENDING" and not tapering
    step = rung_down(p)
    standing = p.standing("down")
    if standing is not None and not standing.machine:
        return
    if standing is not None and (not speaks or (step, p.minutes) != (standing.step, standing.base)):
        p.reached.add("superseded" if speaks else "withdrawn")
        p.close(("down",))
        standing = None
    if standing is None and speaks and step is not None:
        said_no, to = p.noes.get("down", (date.min, None))
        if to == step and (day_of(at) - said_no).days < REST_DAYS:
            return
        made = recommend(p, at, "down", step, "rule", "rule")
        made.criteria = {k: v for k, (v, _) in now.items()}


def speak_up(p: Person, at: datetime, trigger: str, ground: object) -> None:
    """The facts speak for more: one recommendation, of the gravest reason; the same facts speak once."""
    standing = p.standing("up")
    if p.resting(day_of(at)):
        return
    if standing is not None and GRAVITY[standing.trigger] >= GRAVITY[trigger]:
        return
    if ground is not None and any(a.decided and a.ground == (trigger, ground) for a in p.advice):
        return
    if trigger in RESTING and "up" in p.noes and (day_of(at) - p.noes["up"][0]).days < REST_DAYS:
        return
    began = p.calls.began if p.calls else None
    again = began is not None and (day_of(at) - began).days <= READMIT_DAYS
    left = p.stage in ("AFTERCARE", "ALUMNI") and trigger in ("relapse", "at_risk")
    if p.in_treatment or (left and again):
        p.close(("up",))
        recommend(p, at, "up", rung_up(p), trigger, "rule", (trigger, ground))


def thin_weeks(p: Person, at: datetime) -> None:
    """Two neighbouring full weeks below the minimum, the person reached meanwhile: speak once of a pair."""
    full = [(s, w) for s, w in sorted(this_stay(p)) if not w.short and not tapered(p, s)][-3:]
    for (first, a), (second, b) in pairwise(full):
        reached = any(yes and first <= on < after(second, 14) for on, _, yes in p.contacts)
        if a.below and b.below and reached and (p.answered is None or second > p.answered):
            if p.in_treatment:
                speak_up(p, at, "attendance", (first, a.said, second, b.said))
            return


def this_stay(p: Person) -> list[tuple[date, Week]]:
    """The weeks since the admission or the readmission."""
    return [(start, week) for start, week in p.weeks.items() if after(start, 6) >= p.treated_since]


def tapered(p: Person, start: date) -> bool:
    return any(start <= t.until and after(start, 6) >= t.since for t in p.tapers)


def clinical(role: str) -> bool:
    return role in ("clinician", "director")
