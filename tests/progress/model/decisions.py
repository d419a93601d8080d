"""What people decide about recommendations, on paper."""

from datetime import date, datetime

from tests.progress.model.person import (
    ASSESSMENT_DAYS,
    CERTIFIED_DAYS,
    DEFAULT_DAYS,
    HOLD_DAYS,
    MAX_DAYS,
    RANKS,
    READMIT_DAYS,
    TAPER_DAYS,
    Advice,
    Hold,
    Person,
    Taper,
    after,
    day_of,
    unless,
)
from tests.progress.model.steps import HOME, clinical, criteria, recommend, rung_up


def step_guards(p: Person, at: datetime, way: str, kind: str, level: str, minutes: int) -> dict[str, bool]:
    """Whether a step is what it says, held against where the person stands now."""
    low, high = p.band(level)
    band = low <= minutes <= high
    if way == "down":
        if kind == "intensity_reduction":
            return {"band": band, "fewer_minutes": level == p.level and minutes < p.minutes}
        if kind == "level_change":
            return {"band": band, "lower_level": RANKS[level] < RANKS[p.level] and minutes <= p.minutes}
        if kind == "transition_taper":
            return {
                "same_level": level == p.level,
                "below_minimum": 0 < minutes < min(p.band()[0], p.minutes),
                "once": not p.tapered,
            }
        return {"kind": False, "band": band}
    if kind == "intensity_increase":
        return {"band": band, "more_minutes": level == p.level and minutes > p.minutes}
    if kind == "level_change":
        return {"band": band, "level_back_up": RANKS[p.level] < RANKS[level] <= RANKS[HOME]}
    if kind == "transfer":
        return {"band": band, "higher_level": RANKS[level] > RANKS[HOME]}
    if kind == "readmit":
        # What was told in time and is still on the table speaks for coming back at all.
        waiting = any(b.open and b.kind == "readmit" and at < b.expires for b in p.advice)
        in_time = p.stage in ("AFTERCARE", "ALUMNI") and (waiting or soon(p, day_of(at)))
        return {"band": band, "readmit_days": in_time}
    return {"kind": False, "band": band}


def still(p: Person, at: datetime, way: str) -> bool:
    """Nothing leads to less once a hold is agreed, nothing to more once it began."""
    return p.held if way == "down" else p.resting(day_of(at))


def soon(p: Person, today: date) -> bool:
    """Whether aftercare began lately enough for the same episode to go on."""
    return p.calls is not None and (today - p.calls.began).days <= READMIT_DAYS


def advise(
    p: Person,
    at: datetime,
    role: str,
    way: str,
    kind: str,
    level: str,
    minutes: int,
    until: date | None = None,
) -> None:
    """A clinician recommends other minutes or another level (K11)."""
    guards = {
        "clinical_role": clinical(role),
        "state": kind == "readmit" or p.stage == "ATTENDING" or (way == "up" and p.in_treatment),
        "not_held": kind == "readmit" or not still(p, at, way),
        "no_open_alert": way == "up" or not p.open_alarms(),
        **step_guards(p, at, way, kind, level, minutes),
    }
    if kind == "transition_taper" and way == "down":
        guards["taper_days"] = not until or day_of(at) <= until <= after(day_of(at), 2 * TAPER_DAYS - 1)
    unless(**guards)
    p.close((way,))
    made = recommend(p, at, way, (kind, level, minutes), "clinician", "clinician")
    made.until = until
    if way == "down":
        made.criteria = {k: v for k, (v, _) in criteria(p, at).items()}


def approve(p: Person, at: datetime, role: str, number: int, effective: date, agreed: bool) -> None:
    """T21, T22, T24, T28: a recommendation is taken as it stands (K11)."""
    a, today = p.advice[number], day_of(at)
    guards = {
        "clinical_role": clinical(role),
        "open": a.open,
        "not_expired": at < a.expires,
        "effective_on": today <= effective <= after(today, MAX_DAYS),
        "state": a.kind == "readmit" or p.stage == "ATTENDING" or (a.way == "up" and p.in_treatment),
        **step_guards(p, at, a.way, a.kind, a.level, a.minutes),
        "not_held": a.kind == "readmit" or not still(p, at, a.way),
        "no_open_alert": a.way == "up" or not p.open_alarms(),
        **(answered(p) if a.way == "up" else {}),
    }
    if a.way == "down" or a.kind == "readmit":
        guards["patient_agreed"] = agreed
    if a.kind == "readmit":
        assessed = [on for depth, on in p.looked if depth == "assessment"]
        guards["reassessed"] = bool(assessed) and (effective - max(assessed)).days <= ASSESSMENT_DAYS
        guards["certification"] = not p.medicare or (
            p.certified_on is not None and effective <= after(p.certified_on, CERTIFIED_DAYS)
        )
        guards["authorization"] = covered(p, a.level, effective)
    elif a.kind == "level_change":
        guards["authorization"] = covered(p, a.level, effective)
    if a.kind == "transition_taper" and a.until:
        guards["taper_days"] = effective <= a.until <= after(effective, TAPER_DAYS - 1)
    unless(**guards)
    a.open, a.decided, a.approved = False, True, True
    p.reached.add(f"approved:{a.way}:{a.kind}")
    p.say("StepDownApproved" if a.way == "down" else "StepUpApproved")
    p.close()
    if a.kind != "transfer":
        take(p, a, effective)


def take(p: Person, a: Advice, effective: date) -> None:
    """The step is agreed on: from its day on there are other minutes, or another level."""
    p.taper = None
    if a.level != p.level:
        p.say("LevelOfCareChanged")
        p.level_before, p.level, p.level_since, p.tapered = p.level, a.level, effective, False
    p.pending = True
    p.minutes, p.stepped_on, p.stepped_down = a.minutes, effective, a.way == "down"
    p.reached.add("T21" if a.way == "down" else "T22")
    if a.kind == "transition_taper":
        p.taper, p.tapered = Taper(effective, a.until or after(effective, TAPER_DAYS - 1)), True
        p.tapers.append(p.taper)
    if a.kind == "readmit":
        p.calls, p.extended, p.tapered, p.alumnus = None, False, False, False
        p.planned_end, p.treated_since = after(effective, DEFAULT_DAYS), effective
        p.move("ATTENDING", "T28")
    elif a.way == "up":
        back(p)


def back(p: Person) -> None:
    """T24: the answer to a step up leads back to where the person was."""
    if p.stage == "STEP_UP_PENDING":
        p.move("ATTENDING", "T24")


def answered(p: Person) -> dict[str, bool]:
    """A review that a relapse began ends with what is done about it."""
    up = p.standing("up")
    if p.stage != "STEP_UP_PENDING" or "relapse" not in (p.reviewed, up.trigger if up else ""):
        return {}
    return {"relapse_responded": not p.unanswered}


def asks(p: Person, on: date) -> bool:
    """Whether who pays on a day wants to be asked."""
    known = [needed for since, needed in sorted(p.auth_needed.items()) if since <= on]
    return bool(known) and known[-1]


def covered(p: Person, level: str, on: date, asked_on: date | None = None) -> bool:
    """Whether the payer, where they want to be asked, said yes to a level on a day."""
    return not asks(p, asked_on or on) or any(
        granted and lvl == level and first <= on <= last
        for lvl, first, last, granted in p.authorized.values()
    )


def decline(p: Person, at: datetime, role: str, number: int) -> None:
    a = p.advice[number]
    unless(clinical_role=clinical(role), open=a.open, **(answered(p) if a.way == "up" else {}))
    a.open, a.decided = False, True
    p.noes[a.way] = (day_of(at), a.step)
    p.reached.add("declined")
    p.say("RecommendationDeclined")
    if a.way == "up":
        back(p)
    else:
        p.cleared = at


def review(p: Person, at: datetime, role: str, number: int) -> None:
    """T23: a step up is taken in hand."""
    a = p.advice[number]
    unless(
        clinical_role=clinical(role),
        step_up=a.way == "up" and a.kind != "readmit",
        open=a.open,
        not_expired=at < a.expires,
        not_held=not still(p, at, "up"),
        state=p.stage == "ATTENDING",
    )
    p.reviewed = a.trigger
    p.say("RecommendationReviewOpened")
    p.move("STEP_UP_PENDING", "T23")


def respond(
    p: Person, at: datetime, role: str, actions: tuple[str, ...], added: int, back: date | None
) -> None:
    """What is done about a relapse, as one decision with its parts."""
    minutes = p.minutes + added
    unless(
        clinical_role=clinical(role),
        state=p.in_treatment,
        actions=bool(actions),
        added_minutes=(added > 0) is ("add_sessions" in actions),
        expected_return_on=returns(day_of(at), back) if "detox_referral" in actions else back is None,
    )
    unless(
        band=not added or p.band()[0] <= minutes <= p.band()[1],
        not_held=not (added and still(p, at, "up")),
    )
    p.unanswered = []
    p.say("RelapseResponded")
    p.reached.add("responded")
    if added:
        made = recommend(p, at, "up", ("intensity_increase", p.level, minutes), "relapse", "clinician")
        made.open = False
        p.say("StepUpApproved")
        p.close()
        take(p, made, day_of(at))
    if "step_up" in actions and p.standing("up") is None:
        recommend(p, at, "up", rung_up(p), "relapse", "clinician")
    if back is not None:
        p.hold = Hold(p.hold.since if p.hold else day_of(at), back)
        p.say("EpisodeHeld")
        p.reached.add("T26")


def returns(today: date, back: date | None) -> bool:
    return back is not None and today < back <= after(today, HOLD_DAYS)


def expire(p: Person, at: datetime) -> None:
    """At the instant that its time names, a recommendation is over."""
    for a in p.advice:
        if a.open and at >= a.expires:
            a.open = False
            p.reached.add("expired")
            p.say("RecommendationDeclined")
            if a.way == "up":
                back(p)
            else:
                p.changed = True


def end_taper(p: Person) -> None:
    assert p.taper is not None
    p.taper.over = p.changed = True
    p.reached.add("taper_over")
