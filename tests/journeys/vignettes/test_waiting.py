"""The list of what the stories wait for names only what the stories have."""

import re
from pathlib import Path

import pytest

from tests.journeys.vignettes.waiting import OUTSIDE, STEPS, WAITING

HERE = Path(__file__).parent
STORIES = {
    1: ("dana.py", "test_dana.py"),
    2: ("test_luis.py",),
    3: ("test_payers.py",),
    4: ("test_kai.py",),
    5: ("test_mel.py",),
    6: ("test_omar.py",),
    7: ("test_evenings.py",),
    8: ("test_attendance.py",),
    9: ("test_rosa.py",),
    10: ("test_uma.py",),
}
TOLD = Path(__file__).parents[4] / "shared" / "reference" / "vignettes.md"


def test_only_steps_of_the_stories_wait() -> None:
    assert WAITING.keys() <= STEPS.keys()
    for vignette, steps in WAITING.items():
        assert steps.keys() <= {OUTSIDE, *range(1, STEPS[vignette] + 1)}


@pytest.mark.parametrize("vignette", STEPS)
def test_each_step_is_told_or_waits(vignette: int) -> None:
    told = set()
    for name in STORIES[vignette]:
        for marked in re.findall(r"(?:# |\"\"\")(S\d+(?:, S\d+)*)\b", (HERE / name).read_text()):
            told |= {int(step) for step in re.findall(r"\d+", marked)}
    assert told | WAITING[vignette].keys() - {OUTSIDE} == set(range(1, STEPS[vignette] + 1))


@pytest.mark.skipif(not TOLD.exists(), reason="the stories themselves are not here")
def test_each_story_has_as_many_steps_as_are_counted() -> None:
    found = {}
    for chapter in re.split(r"^## (?=\d+\. )", TOLD.read_text(), flags=re.MULTILINE)[1:]:
        numbered = re.findall(r"^(?:\| |- \*\*|\*\*The bundle\.\*\* )S(\d+)", chapter, flags=re.MULTILINE)
        found[int(chapter.partition(".")[0])] = max(map(int, numbered), default=0)
    assert {n: steps for n, steps in found.items() if n} == STEPS
