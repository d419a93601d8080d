"""Holds, looking at a person anew, certification, more days, and referrals to somebody outside, on paper."""

from datetime import date, datetime

from tests.progress.model.decisions import asks, covered
from tests.progress.model.person import (
    AHEAD_DAYS,
    BEFORE_AFTERCARE,
    CERTIFIED_DAYS,
    CERTIFY_NOTICE,
    EXTENSION_DAYS,
    EXTENSION_NOTICE,
    FOLLOW_UP_DAYS,
    HOLD_DAYS,
    IN_TIME_DAYS,
    MAX_DAYS,
    REASSESS_AFTER,
    RESCREEN_AFTER,
    Asked,
    Hold,
    No,
    Person,
    after,
    day_of,
    midnight,
    unless,
)
from tests.progress.model.steps import clinical, look, speak_up


def hold(p: Person, at: datetime, role: str, until: date, since: date | None) -> None:
    """T17; for somebody on hold the return is moved."""
    today = day_of(at)
    first = p.hold.since if p.hold else since or today
    unless(
        clinical_role=clinical(role),
        state=p.stage in BEFORE_AFTERCARE,
        held_from=p.hold is not None or today <= first <= after(today, AHEAD_DAYS),
        expected_return_on=max(today, first) < until <= after(first, HOLD_DAYS),
    )
    p.reached.add("hold_moved" if p.hold else "T17")
    p.hold = Hold(first, until)
    p.say("EpisodeHeld")


def resume(p: Person, at: datetime, role: str) -> None:
    """T18: after a week the person is screened anew, after thirty days assessed."""
    if p.hold is None:
        raise No("not_on_hold")
    today, since = day_of(at), p.hold.since
    away = max(0, (today - since).days)
    found = [depth for depth, on in p.looked if on >= since]
    unless(
        clinical_role=clinical(role),
        rescreened=away <= RESCREEN_AFTER or bool(found),
        reassessed=away <= REASSESS_AFTER or "assessment" in found,
    )
    p.rests.append((since, max(since, today)))
    p.hold = None
    p.reached.add("T18")
    p.say("EpisodeResumed")
    if p.unanswered:
        look(p, at)
        speak_up(p, at, "relapse", p.unanswered[-1])


def reassess(p: Person, at: datetime, role: str, depth: str, assessor: bool, on: date) -> None:
    unless(
        clinical_role=clinical(role),
        assessor_credential=assessor,
        not_ahead=on <= day_of(at),
        since_admission=on >= p.admitted,
    )
    p.looked.append((depth, on))
    if p.screening is not None and on >= p.screening:
        p.screening = None
    p.reached.add(depth)
    p.say("PatientReassessed")


def days_held(p: Person, first: date, last: date) -> int:
    """The days between two on which treatment rested; a hold nobody came back from ends as planned."""
    spans = [*p.rests, *([(p.hold.since, p.hold.until)] if p.hold else [])]
    return sum(max(0, (min(end, last) - max(begin, first)).days) for begin, end in spans)


def certify(p: Person, at: datetime, physician: bool, on: date) -> None:
    """K19: the next one is due sixty days after the signature."""
    unless(
        certifier_credential=physician,
        not_ahead=on <= day_of(at),
        newer=p.certified_on is None or on >= p.certified_on,
    )
    p.certified_on = on
    p.notices = max(0, sum(day <= day_of(at) for day in notices(p)) - 1)
    p.reached.add("certified")
    p.say("RecertificationRecorded")


def certified(p: Person, on: date) -> bool:
    """Current up to and including the day it is due."""
    return not p.medicare or (p.certified_on is not None and on <= after(p.certified_on, CERTIFIED_DAYS))


def request(p: Person, at: datetime, role: str, days: int, reasons: bool, late: bool) -> None:
    """T20 begins with a request; seven days before the end it is in time, later it says why."""
    today, end = day_of(at), after(p.planned_end, days)
    unless(
        clinical_role=clinical(role),
        state=p.stage in BEFORE_AFTERCARE,
        reasons=reasons,
        not_requested=p.extension is None,
        in_time=late or (p.planned_end - today).days >= IN_TIME_DAYS,
        max_days=end <= after(p.treated_since, MAX_DAYS),
        days=end > today,
    )
    p.extension = Asked(end, machine=False)
    p.reached.add("extension_requested")
    p.say("ExtensionRequested")


def decide(p: Person, at: datetime, role: str, approve: bool, reason: bool) -> None:
    """T20: granted for a reason, under an authorization of the new days and a current certification."""
    asked, today = p.extension, day_of(at)
    guards = {"clinical_role": clinical(role), "requested": asked is not None}
    if approve and asked is not None:
        first = min(max(after(p.planned_end, 1), today), asked.until)
        span = [after(first, n) for n in range((asked.until - first).days + 1)]
        guards["reason"] = reason or not asked.machine
        guards["still_ahead"] = asked.until >= today
        guards["max_days"] = asked.until <= after(p.treated_since, MAX_DAYS)
        guards["authorization"] = not asks(p, first) or (all(covered(p, p.level, day, first) for day in span))
        guards["certification"] = certified(p, today)
    unless(**guards)
    assert asked is not None
    if approve:
        p.planned_end, p.extended = asked.until, True
        p.say("ExtensionApproved")
        p.reached.add("T20")
    else:
        p.denied = p.planned_end
        p.say("ExtensionDenied")
        p.reached.add("extension_denied")
    p.extension = None


def draft(p: Person, at: datetime) -> None:
    """Fourteen days before the planned end, required goals being open, more days are asked for."""
    longer = min(after(p.planned_end, EXTENSION_DAYS), after(p.treated_since, MAX_DAYS))
    if longer <= day_of(at):
        return
    p.extension = Asked(longer, machine=True)
    p.say("ExtensionRequested")
    p.reached.add("extension_drafted")


def refer(p: Person, at: datetime, role: str, on: date) -> None:
    unless(follow_up_on=1 <= (on - day_of(at)).days <= FOLLOW_UP_DAYS)
    p.outward.append(on)
    p.reached.add("referred")
    p.say("CommunityReferralMade")


def close_loop(p: Person, at: datetime, role: str, number: int) -> None:
    if p.outward[number] is None:
        raise No("loop_closed")
    p.outward[number] = None
    p.reached.add("loop_closed")
    p.say("ReferralLoopClosed")


def due(p: Person) -> list[tuple[datetime, str]]:
    """Every instant at which time alone may change something, and what."""
    found: list[tuple[datetime, str]] = []
    for number, on in enumerate(p.outward):
        if on is not None:
            found.append((midnight(on), f"follow_up:{number}"))
    if p.stage not in BEFORE_AFTERCARE:
        return found
    if p.hold is not None:
        found.append((midnight(after(p.hold.until, 1)), "hold_overdue"))
    longer = min(after(p.planned_end, EXTENSION_DAYS), after(p.treated_since, MAX_DAYS)) > p.planned_end
    if p.remaining and longer and p.extension is None and p.denied != p.planned_end:
        found.append((midnight(after(p.planned_end, -EXTENSION_NOTICE)), "extension"))
    found.append((midnight(after(p.planned_end, 1)), "planned_end_passed"))
    if p.medicare and p.certified_on is not None:
        days = enumerate(notices(p), 1)
        found += [(midnight(day), f"certification:{n}") for n, day in days if n > p.notices]
    return found


def notices(p: Person) -> list[date]:
    """On which days somebody is told that a certification nears its end, or has passed it."""
    assert p.certified_on is not None
    due_on = after(p.certified_on, CERTIFIED_DAYS)
    return [*(after(due_on, -n) for n in CERTIFY_NOTICE), after(due_on, 1)]


def notice(p: Person, at: datetime, number: int) -> None:
    """Where several days have passed meanwhile, as in aftercare, only the newest is told."""
    p.notices = max(number, sum(day <= day_of(at) for day in notices(p)))
    p.say("RecertificationDue")
    p.reached.add("certification_due")
