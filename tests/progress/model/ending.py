"""How an episode ends on paper: aftercare, check-in calls, alumni, discharge."""

from datetime import date, datetime

from tests.progress.model.course import figures
from tests.progress.model.person import (
    BEFORE_AFTERCARE,
    CALL_DAYS,
    CALL_EVERY,
    CALLS_MISSED,
    DROPOUT_ATTEMPTS,
    DROPOUT_CHANNELS,
    DROPOUT_DAYS,
    EXIT_DAYS,
    NEVER_ATTEMPTS,
    NEVER_DAYS,
    TEDS,
    Calls,
    No,
    Person,
    after,
    day_of,
    midnight,
    unless,
)
from tests.progress.model.rest import days_held
from tests.progress.model.steps import clinical, speak_up


def aftercare(
    p: Person, at: datetime, role: str, meeting: date | None, prevention: bool, override: bool
) -> None:
    """T27."""
    today = day_of(at)
    met = p.remaining == 0 and any(a.required for a in p.aims)
    last = p.last_service
    measured = p.measured[-1][0] if p.measured else None
    guards = {
        "clinical_role": clinical(role),
        "state": p.stage == "ATTENDING",
        "not_held": not p.held,
        "meeting_held": meeting is not None,
        "meeting_on": meeting is None or p.treated_since <= meeting <= today,
        "relapse_prevention_plan": prevention,
        "goals_met": met or override,
        "last_week_closed": last is None or after(last, -last.weekday()) in p.weeks,
        "exit_measures": p.baseline is None
        or (measured is not None and (today - measured).days <= EXIT_DAYS),
    }
    unless(**guards)
    p.say("AftercarePlanned")
    p.move("AFTERCARE", "T27")
    p.close()
    if p.extension is not None:
        p.extension = None
        p.say("ExtensionDenied")
    p.calls = Calls(day_of(at), after(day_of(at), CALL_DAYS))


def due_calls(p: Person) -> list[tuple[datetime, str]]:
    c = p.calls
    if c is None or p.stage != "AFTERCARE":
        return []
    if c.due is not None:
        return [(midnight(after(c.due, 1)), "missed_call")]
    upcoming = after(c.began, CALL_EVERY * (c.made + 1))
    return [(midnight(upcoming), "call")] if upcoming <= c.until else []


def call_due(p: Person, at: datetime) -> None:
    assert p.calls is not None
    p.calls.made += 1
    p.calls.due = after(p.calls.began, CALL_EVERY * p.calls.made)
    p.say("CheckInDue")


def call_missed(p: Person) -> None:
    assert p.calls is not None
    p.calls.due = None
    p.calls.missed += 1
    p.say("CheckInMissed")
    p.reached.add("call_missed")


def check_in(p: Person, at: datetime, reached: bool, status: str) -> None:
    touch = p.over and p.alumnus and not p.died
    if p.over and not touch:
        raise No("episode_over")
    alumnus = (p.stage == "ALUMNI" or touch) and reached
    if p.calls is None or not (alumnus or (p.stage == "AFTERCARE" and p.calls.due)):
        raise No("no_check_in_due")
    if not reached:
        call_missed(p)
        return
    p.calls.due = None
    p.say("CheckInCompleted")
    p.reached.add("call_made")
    if status in ("at_risk", "relapse"):
        speak_up(p, at, status, p.unanswered[-1] if p.unanswered else None)


def calls_over(p: Person, at: datetime) -> bool:
    return p.calls is not None and (day_of(at) >= p.calls.until or p.calls.missed >= CALLS_MISSED)


def alumni(p: Person, at: datetime, role: str, consented: bool) -> None:
    """T29; after the end nothing but contact is left."""
    if p.over:
        unless(consent=consented, **in_touch(p))
        keep_in_touch(p)
        return
    unless(
        state=p.stage == "AFTERCARE",
        aftercare_over=calls_over(p, at),
        consent=consented,
    )
    keep_in_touch(p)
    p.close()
    p.move("ALUMNI", "T29")


def in_touch(p: Person) -> dict[str, bool]:
    return {"aftercare": p.calls is not None, "not_enrolled": not p.alumnus, "alive": not p.died}


def keep_in_touch(p: Person) -> None:
    p.alumnus = True
    p.say("AlumniEnrolled")
    p.reached.add("in_touch" if p.over else "alumni")


def discharge(p: Person, at: datetime, role: str, reason: str, papers: frozenset[str]) -> None:
    """T15, T19, T25, T30, T32; the papers are what the person who decides has in hand."""
    today = day_of(at)
    guards = {"clinical_role": clinical(role) or reason in ("deceased", "administrative")}
    if reason == "completed_goals":
        guards["state"] = p.stage in ("AFTERCARE", "ALUMNI")
        guards["aftercare_over"] = p.stage == "ALUMNI" or calls_over(p, at)
    elif reason in ("never_attended", "dropped_out_no_contact"):
        guards |= away(p, today, never=reason == "never_attended")
    elif reason == "left_against_advice":
        guards |= {paper: paper in papers for paper in ("risks_discussed", "signature", "aftercare_offered")}
    elif reason == "administrative":
        guards["director"] = role == "director"
        guards["written_notice"] = "written_notice" in papers
    elif reason == "completed_court":
        guards["written_notice"] = "written_notice" in papers
    elif reason.startswith("transferred"):
        guards["receiving_program"] = "receiving_program" in papers
    if reason == "transferred_higher_level":
        emergency = "emergency" in papers
        approved = any(a.decided and a.kind == "transfer" and a.approved for a in p.advice)
        reviewed = p.resting(today) or p.stage not in ("ADMITTED", "SCHEDULED", "ATTENDING")
        guards["transfer_approved"] = emergency or approved or reviewed
        guards["receiving_accepted"] = emergency or "receiving_accepted" in papers
        guards["handoff_basis"] = emergency or "consent" in papers
    if "stay_in_touch" in papers and reason != "deceased":
        guards |= in_touch(p)
    unless(**guards)
    leave(p, at, reason)
    if "stay_in_touch" in papers and reason != "deceased":
        keep_in_touch(p)


def away(p: Person, today: date, *, never: bool) -> dict[str, bool]:
    """Nobody has dropped out while treatment rests; held days are no days away."""
    since = p.last_service or p.admitted
    days = (today - since).days - days_held(p, since, today)
    met = max([p.last_service or date.min, *(on for on, _, reached in p.contacts if reached)])
    tried = [c for c in p.contacts if never or c[0] > met]
    guards = {
        "not_held": p.hold is None or not p.hold.since <= today <= p.hold.until,
        "days": days >= (NEVER_DAYS if never else DROPOUT_DAYS),
        "attempts": len(tried) >= (NEVER_ATTEMPTS if never else DROPOUT_ATTEMPTS),
    }
    if never:
        return {**guards, "state": p.stage in BEFORE_AFTERCARE, "no_attendance": not p.last_service}
    return {**guards, "channels": len({c for _, c, _ in tried}) >= DROPOUT_CHANNELS}


def leave(p: Person, at: datetime, reason: str, day: date | None = None) -> None:
    """The episode is over, and everything that was open with it."""
    today = day or day_of(at)
    if reason == "never_attended":
        transition = "T15"
    elif p.stage not in BEFORE_AFTERCARE:
        transition = "T30"
    elif p.resting(day_of(at)):
        transition = "T19"
    else:
        transition = "T25" if reason == "transferred_higher_level" else "T32"
    p.left_on = today
    p.discharge = {
        "reason": reason,
        "teds": TEDS[reason],
        "level": p.level if today >= p.level_since else p.level_before,
        **figures(p, today),
    }
    p.close()
    if p.extension is not None:
        p.extension = None
        p.say("ExtensionDenied")
    if reason == "deceased":
        p.died = True
        p.say("PatientDied")
    p.hold = None
    p.say("PatientDischarged")
    p.reached.add(f"left:{reason}")
    p.move("DISCHARGED", transition)


def death(p: Person, at: datetime, on: date | None) -> None:
    """From any state, and once; who had died before they left by another way left by their death."""
    today = day_of(at)
    if p.died:
        raise No("death_known")
    if on is not None and on > today:
        raise No("died_in_future")
    seen = p.last_service or p.admitted
    if not p.over:
        leave(p, at, "deceased", min(max(on or today, seen), today))
        return
    assert p.left_on is not None
    assert p.discharge is not None
    p.died = True
    p.say("PatientDied")
    p.reached.add("died_later")
    if on is not None and on < p.left_on:
        p.left_on = min(p.left_on, max(on, seen))
        p.discharge |= {"reason": "deceased", "teds": TEDS["deceased"], **figures(p, p.left_on)}
        p.say("DischargeCorrected")
        p.reached.add("died_before")
