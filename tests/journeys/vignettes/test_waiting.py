"""The list of what the stories wait for names only what the stories have."""

import re
from pathlib import Path

import pytest

from tests.journeys.vignettes.waiting import OUTSIDE, STEPS, WAITING

TOLD = Path(__file__).parents[4] / "shared" / "reference" / "vignettes.md"


def test_only_steps_of_the_stories_wait() -> None:
    assert WAITING.keys() <= STEPS.keys()
    for vignette, steps in WAITING.items():
        assert steps.keys() <= {OUTSIDE, *range(1, STEPS[vignette] + 1)}


@pytest.mark.skipif(not TOLD.exists(), reason="the stories themselves are not here")
def test_each_story_has_as_many_steps_as_are_counted() -> None:
    found = {}
    for chapter in re.split(r"^## (?=\d+\. )", TOLD.read_text(), flags=re.MULTILINE)[1:]:
        numbered = re.findall(r"^(?:\| |- \*\*|\*\*The bundle\.\*\* )S(\d+)", chapter, flags=re.MULTILINE)
        found[int(chapter.partition(".")[0])] = max(map(int, numbered), default=0)
    assert {n: steps for n, steps in found.items() if n} == STEPS
