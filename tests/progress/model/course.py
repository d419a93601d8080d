"""The way through the program on paper: calendar, sessions, weeks, goals, measures, alerts, contact."""

from bisect import bisect_right
from datetime import date, datetime, timedelta

from tests.progress.model.person import (
    ABSENCE_DAYS,
    BEFORE_AFTERCARE,
    CLEAN_DAYS,
    ESCALATE_MINUTES,
    RELIABLE,
    REST_DAYS,
    SPACING_DAYS,
    Aim,
    Alarm,
    No,
    Person,
    Week,
    after,
    day_of,
    midnight,
    unless,
)
from tests.progress.model.steps import clinical, rung_down, speak_up, thin_weeks

GOALS = {"sober": True, "phq": True, "optional": False}
"""The goals that lives set themselves, and whether they are required for a step down."""
PHQ_TARGET, PHQ_WINDOW = 9, 7


def calendar(p: Person, at: datetime, version: int, minutes: int) -> None:
    """T13 and T16: an agreed calendar; outside the band it never moves the dose."""
    if p.over or version <= p.version:
        return
    p.version, p.changed = version, True
    low, high = p.band()
    if low <= minutes <= high and not p.pending:
        p.minutes = minutes
    if p.in_treatment:
        p.reached.add("T16")
    p.pending = False
    if p.stage == "ADMITTED":
        p.move("SCHEDULED", "T13")


def attended(p: Person, at: datetime, session: str, on: date, minutes: int) -> None:
    if p.sat.get(session) == (on, minutes) or not belongs(p, on):
        return
    p.sat[session] = (on, minutes)
    first_time(p, minutes)
    back_again(p, at, session, on)
    said_again(p, at)


def back_again(p: Person, at: datetime, session: str, on: date) -> None:
    """Who was away for more than a week is asked about suicide, unless that was done meanwhile."""
    others = [day for id, (day, _) in p.sat.items() if id != session]
    before = max((day for day in others if day < on), default=None)
    if before is not None and max(others) <= on and (on - before).days > ABSENCE_DAYS:
        screen(p, at, after(before, 1))


def screen(p: Person, at: datetime, since: date) -> None:
    if not p.over and p.screening is None and all(day < since for _, day in p.looked):
        p.screening = day_of(at)
        p.say("ScreeningDue")
        p.reached.add("screening_due")


def belongs(p: Person, on: date) -> bool:
    """Whether a day is one of the episode, although that may be over by now."""
    return p.left_on is None or on <= p.left_on


def said_again(p: Person, at: datetime) -> None:
    """After the end goals are looked at as of the end, and what is otherwise now is said again."""
    if p.left_on is None:
        return
    look_at_goals(p, min(at, midnight(after(p.left_on, 1)) - timedelta(seconds=1)))
    restate(p)


def restate(p: Person) -> None:
    assert p.discharge is not None
    assert p.left_on is not None
    now = {**p.discharge, **figures(p, p.left_on)}
    if now != p.discharge:
        p.discharge = now
        p.say("DischargeCorrected")
        p.reached.add("discharge_corrected")


def figures(p: Person, day: date) -> dict[str, object]:
    """What follows from all that is known of the episode."""
    days = [on for on, _ in p.sat.values()]
    return {
        "los": max(1, (min(day, max(days)) - p.admitted).days) if days else 1,
        "last_service": max(days, default=None),
        "first_service": min(days, default=None),
        "goals": (len(p.aims), sum(a.met for a in p.aims)),
        "exit": (p.baseline, p.measured[-1][1]) if p.measured else None,
    }


def first_time(p: Person, minutes: int) -> None:
    if p.stage in ("ADMITTED", "SCHEDULED") and minutes > 0:
        p.move("ATTENDING", "T14")


def corrected(p: Person, at: datetime, session: str, on: date, came: bool, minutes: int) -> None:
    if came and not belongs(p, on):
        return
    before = p.sat.pop(session, None)
    p.changed = before != ((on, minutes) if came else None)
    if came:
        p.sat[session] = (on, minutes)
        first_time(p, minutes)
        if p.changed:
            back_again(p, at, session, on)
    if p.changed:
        said_again(p, at)


def week(
    p: Person, at: datetime, start: date, scheduled: int, credited: int, short: bool, reopened: int
) -> None:
    """A week is closed, or closed again."""
    closed = Week(scheduled, credited, credited < p.band()[0], short)
    if not belongs(p, start) or p.weeks.get(start) == closed:
        return
    again = start in p.weeks
    p.changed, closed.said = True, len(p.weeks) + 1000 * reopened
    p.weeks[start] = closed
    if not p.over:
        thin_weeks(p, at)
    elif again:
        said_again(p, at)


def plan(p: Person, at: datetime, role: str, goals: tuple[str, ...], patient: bool, clinician: bool) -> None:
    """A plan with measurable goals, signed by both; a goal kept keeps its story."""
    unless(
        clinical_role=clinical(role),
        patient_signature=patient,
        clinician_signature=clinician,
        state=p.stage in BEFORE_AFTERCARE,
    )
    known = {a.name: a for a in p.aims}
    p.aims = [known.get(name) or Aim(name, GOALS[name]) for name in goals]
    p.plans += 1
    p.say("TreatmentPlanApproved")
    look_at_goals(p, at)


def look_at_goals(p: Person, at: datetime) -> None:
    """The instrument goal holds as long as its newest value does; an old value says nothing (K8)."""
    fresh = [t for on, t in p.measured[-1:] if (day_of(at) - on).days <= PHQ_WINDOW]
    for aim in p.aims:
        if aim.name == "phq" and fresh and aim.met is not (fresh[-1] <= PHQ_TARGET):
            aim.met = not aim.met
            p.say("GoalMet" if aim.met else "GoalReopened")
            p.reached.add("goal_met" if aim.met else "goal_reopened")


def attest(p: Person, at: datetime, role: str, name: str) -> None:
    aim = next(a for a in p.aims if a.name == name)
    unless(clinical_role=clinical(role), boolean=name != "phq", open=not aim.met)
    aim.met = True
    p.say("GoalMet")


def measure(p: Person, at: datetime, total: int, item_9: bool, taken: datetime | None = None) -> None:
    """PHQ-9: against the start (K8), two neighbours in a row, and item 9 (K13); known late or at once."""
    taken = taken or at
    if not belongs(p, day_of(taken)):
        raise No("episode_over")
    before_treatment = not any(minutes for _, minutes in p.sat.values())
    worse = p.baseline is not None and total - p.baseline >= RELIABLE
    place = bisect_right(p.taken, taken)
    p.taken.insert(place, taken)
    p.totals.insert(place, (total, worse))
    p.measured.insert(place, (day_of(taken), total))
    if before_treatment:
        p.baseline = total
    p.say("MeasureRecorded")
    if item_9 and not p.died and not any(a.kind == "suicide_risk" for a in p.open_alarms()):
        p.alarms.append(Alarm("suicide_risk", "moderate", midnight(after(day_of(at), 1))))
        p.say("SafetyAlertRaised")
        p.reached.add("alarm")
    if item_9:
        screen(p, at, day_of(taken))
    if p.over:
        said_again(p, at)
        return
    look_at_goals(p, at)
    if len(p.totals) > 1 and all(w for _, w in p.totals[-2:]):
        speak_up(p, at, "deterioration", len(p.totals))


def late_measure(p: Person, at: datetime, total: int, item_9: bool) -> None:
    """Filled in as the last day began, and entered after the end."""
    assert p.left_on is not None
    measure(p, at, total, item_9, midnight(p.left_on))
    p.reached.add("late_measure")


def use(p: Person, at: datetime, on: date, classification: str, *, tested: bool = False) -> None:
    if p.over:
        raise No("episode_over")
    if on > day_of(at):
        raise No("used_in_future")
    p.reports.append(classification)
    p.tested.append(tested)
    p.used_on.append(day_of(at))
    p.used = day_of(at)
    p.say("SubstanceUseReported")
    p.reached.add(classification)
    if classification == "relapse":
        p.unanswered.append(len(p.reports))
        speak_up(p, at, "relapse", len(p.reports))


def unused(p: Person, at: datetime, role: str, number: int) -> None:
    """A test was wrong: its report counts no more, and nothing that was decided changes."""
    unless(
        clinical_role=clinical(role),
        by_machine=p.tested[number],
        standing=p.used_on[number] is not None,
    )
    p.used_on[number] = None
    p.used = max((on for on in p.used_on if on), default=None)
    p.unanswered = [n for n in p.unanswered if n != number + 1]
    p.say("SubstanceUseWithdrawn")
    p.reached.add("unused")


def acknowledge(p: Person, at: datetime, role: str, number: int) -> None:
    a = p.alarms[number]
    if not a.open:
        raise No("alert_unknown")
    unless(clinical_role=clinical(role), open=not a.acknowledged)
    a.acknowledged = True
    p.say("SafetyAlertAcknowledged")


def resolve(p: Person, at: datetime, role: str, number: int) -> None:
    a = p.alarms[number]
    if not a.open:
        raise No("alert_unknown")
    unless(clinical_role=clinical(role), acknowledged=a.acknowledged)
    a.open = False
    p.say("SafetyAlertResolved")
    p.reached.add("alarm_resolved")


def outreach(p: Person, at: datetime, channel: str, reached: bool) -> None:
    if p.over:
        raise No("episode_over")
    p.contacts.append((day_of(at), channel, reached))
    p.say("OutreachAttempted")
    thin_weeks(p, at)


def due(p: Person) -> list[tuple[datetime, str]]:
    """Every instant at which time alone may change something, and what."""
    found = [(a.expires, "expiry") for a in p.advice if a.open]
    if p.stage == "ATTENDING" and not p.held:
        found.append((ripe(p), "judge"))
    if p.taper is not None and not p.taper.over and p.in_treatment:
        found.append((midnight(after(p.taper.until, 1)), "taper_over"))
    for number, alarm in enumerate(p.alarms):
        if alarm.open and not alarm.acknowledged and not p.died:
            late = timedelta(minutes=ESCALATE_MINUTES[alarm.severity] * alarm.escalations)
            found.append((alarm.due + late, f"escalate:{number}"))
    return found


def ripe(p: Person) -> datetime:
    """When everything that time alone can mend is mended, and a no to this very step has rested."""
    waits = [after(p.taper.until, 1) if p.taper and p.taper.over else after(p.stepped_on, SPACING_DAYS)]
    if p.used is not None and p.counts_use:
        waits.append(after(p.used, CLEAN_DAYS))
    said_no, to = p.noes.get("down", (date.min, None))
    if to is not None and to == rung_down(p):
        waits.append(after(said_no, REST_DAYS))
    return max([*(midnight(day) for day in waits), *([p.cleared] if p.cleared else [])])


def escalate(p: Person, number: int) -> None:
    p.alarms[number].escalations += 1
    p.say("SafetyAlertEscalated")
    p.reached.add("escalated")
