"""Lives told from a seed, lived again from their steps, and cut down to what they disagree about."""

from datetime import timedelta
from typing import Any

from tests.progress.model.life import Disagreement, Life, Start, Step
from tests.progress.model.opening import OPENINGS
from tests.progress.model.walk import Walk


def tell(seed: int | str, length: int = 60) -> tuple[Life, list[Step]]:
    """Live one life; the steps come back so that they can be lived again."""
    walk = Walk(seed)
    life = Life(walk.start())
    told: list[Step] = []
    opening = iter(OPENINGS[walk.opening])
    try:
        while len(told) < length:
            making = next(opening, None)
            for step in making(life) if making else walk.steps(life):
                told.append(step)
                take(life, step)
            if life.p.over and len(told) < length - 6:
                length = len(told) + 6
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        error.told = told  # type: ignore[attr-defined]
        error.start = life.start  # type: ignore[attr-defined]
        raise
    return life, told


def told_again(seed: int | str, length: int = 60) -> tuple[Life, list[Step]]:
    """The same; where model and progress disagree, the shortest life in which they do is told."""
    try:
        return tell(seed, length)
    except AssertionError as error:
        start, told = getattr(error, "start", None), getattr(error, "told", None)
        if start is None or told is None:
            raise
        steps = "\n".join(f"  {step}" for step in shorter(start, told))
        raise Disagreement(f"{error}\nseed {seed}, {start}:\n{steps}") from None


def take(life: Life, step: Step) -> None:
    """One step; what it is about may not exist in a life that was cut shorter."""
    name, *args = step
    p: Any = life.p
    if name in ("approve", "decline", "review") and args[1] >= len(p.advice):
        return
    if name in ("acknowledge", "resolve") and args[1] >= len(p.alarms):
        return
    if name == "late_measure" and not was_treated(p):
        return
    if name == "unused" and args[1] >= len(p.reports):
        return
    if name == "close_loop" and args[1] >= len(p.outward):
        return
    if name == "respond" and not p.reports:
        return
    if name == "attest" and args[1] >= len(p.aims):
        return
    if name == "time":
        life.do_time(args[0], late=args[1])
        life.compare(name, tuple(args))
        return
    if name != "stale":
        life.now += timedelta(minutes=1)
    life.step(name, *args)


def was_treated(p: Any) -> bool:
    """Whether the person left, and came to a session on an earlier day."""
    return p.left_on is not None and any(on < p.left_on and minutes for on, minutes in p.sat.values())


def shorter(start: Start, told: list[Step]) -> list[Step]:
    """A life that still disagrees, with every step left out that can be."""

    def fails(steps: list[Step]) -> str:
        life = Life(start)
        try:
            for step in steps:
                take(life, step)
        except AssertionError as error:
            return "".join(c for c in str(error)[-70:] if c.isalpha())
        return ""

    wanted = fails(told)

    size = len(told) // 2
    while size:
        at = 0
        while at < len(told):
            cut = told[:at] + told[at + size :]
            if fails(cut) == wanted:
                told = cut
            else:
                at += size
        size //= 2
    return told
