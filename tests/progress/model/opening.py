"""How some lives begin: straight to where a walk alone seldom comes."""

from collections.abc import Callable

from tests.progress.model.life import Life, Step, day
from tests.progress.model.person import after, midnight

WHO = "clinician"
Making = Callable[[Life], list[Step]]


def begin(life: Life) -> list[Step]:
    """Scheduled, attending, with one required goal and two good weeks behind."""
    p, today = life.p, day(life)
    monday = after(today, 7 - today.weekday())
    steps: list[Step] = [
        ("calendar", p.version + 1, p.minutes),
        ("attended", f"s-{today}-0", today, 180),
        ("plan", WHO, ("sober",), True, True),
        ("time", midnight(after(today, 1)), False),
        ("week", after(today, -today.weekday()), p.minutes, 180, True, 0),
    ]
    for week in (monday, after(monday, 7)):
        steps.append(("time", midnight(after(week, 7)), False))
        steps.append(("week", week, p.minutes, p.minutes, False, 0))
    return steps


def stay_away(life: Life) -> list[Step]:
    """Admitted and never seen; somebody tries to reach them for two weeks."""
    tried: list[Step] = [("outreach", WHO, channel, False) for channel in ("voice", "sms", "voice")]
    return [("calendar", 1, life.p.minutes), *tried, ("time", midnight(after(life.p.admitted, 14)), False)]


def reach(_life: Life) -> list[Step]:
    """The required goal is reached: the machine speaks for less."""
    return [("attest", WHO, 0)]


def agree(life: Life) -> list[Step]:
    """Whatever lies on the table is approved."""
    return [("approve", WHO, n, day(life), True) for n, a in enumerate(life.p.advice) if a.open]


def taper(life: Life) -> list[Step]:
    low = life.p.band()[0]
    return [("advise", WHO, "down", "transition_taper", life.p.level, low - 120, None)]


def lower(_life: Life) -> list[Step]:
    return [("advise", WHO, "down", "level_change", "1", 180, None)]


def relapse(life: Life) -> list[Step]:
    return [("use", WHO, day(life), "relapse")]


def more(life: Life) -> list[Step]:
    return [("advise", WHO, "up", "intensity_increase", life.p.level, 1100, None)]


def take_up(life: Life) -> list[Step]:
    return [("review", WHO, n) for n, a in enumerate(life.p.advice) if a.open and a.way == "up"]


def end(life: Life) -> list[Step]:
    return [("measure", WHO, 4, 0), ("aftercare", WHO, day(life), True, True)]


def follow(life: Life) -> list[Step]:
    """Aftercare until its last day."""
    calls = life.p.calls
    return [("time", midnight(calls.until), False), ("alumni", WHO, True)] if calls else []


def tell_of_risk(life: Life) -> list[Step]:
    """In the first call the person says that they are at risk."""
    called = midnight(after(day(life), 14))
    return [("time", called, False), ("check_in", WHO, True, "at_risk")]


def assess(life: Life) -> list[Step]:
    return [("reassess", WHO, "assessment", True, day(life))]


def rest(life: Life) -> list[Step]:
    return [("hold", WHO, after(day(life), 20), None)]


def try_hard(_life: Life) -> list[Step]:
    return [("outreach", WHO, channel, False) for channel in ("voice", "sms", "voice")]


def be_away(life: Life) -> list[Step]:
    """Ten days away, and back."""
    back = after(day(life), 10)
    return [
        ("hold", WHO, back, None),
        ("time", midnight(back), False),
        ("reassess", WHO, "screening", True, back),
        ("resume", WHO),
    ]


OPENINGS: dict[str, tuple[Making, ...]] = {
    "none": (),
    "unseen": (stay_away,),
    "treated": (begin,),
    "recommended": (begin, reach),
    "both ways": (begin, reach, more),
    "stepped": (begin, reach, agree),
    "tapered": (begin, taper, agree),
    "lower": (begin, lower, agree),
    "lower again": (begin, lower, agree, relapse, agree),
    "reviewed": (begin, relapse, take_up),
    "held": (begin, rest),
    "gone": (begin, be_away, try_hard),
    "aftercare": (begin, end),
    "at risk": (begin, end, tell_of_risk),
    "back": (begin, end, relapse, assess, agree),
    "alumni": (begin, end, follow),
}
