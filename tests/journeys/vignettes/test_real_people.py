"""Referrals that nobody here wrote: each is answered, and whoever can come is screened and assessed."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.journeys.vignettes.clinic import ASSESSED, answers, screening
from tests.journeys.vignettes.conftest import OPEN

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("HANDRAIL_REFERRALS") or ROOT.parent / "shared" / "data" / "referrals")
REAL = sorted(FOLDER.glob("*.json"))
ALCOHOL = answers(audit=[4, 2, 1, 1, 1, 0, 1, 0, 0, 2], dast10=[0, 0, 1, 0, 0, 0, 0, 0, 0, 0])

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL, reason="no folder of real bundles here: set HANDRAIL_REFERRALS"),
]


async def test_every_real_bundle_goes_as_far_as_it_can(story: OPEN) -> None:
    network = await story("real", "2026-07-08T09:00")
    await network.opens("real-boston")
    refused: Counter[str] = Counter()
    ways: list[str] = []
    for file in REAL:
        answer = await network.post("/v1/referrals", json.loads(file.read_text()), fhir=True)
        if answer.status == 201:
            ways.append(f"/v1/referrals/{answer.body['referral_id']}")
        else:
            refused[answer.body["code"]] += 1
            assert answer.body["detail"], file.name
    assert len(ways) + refused.total() == len(REAL)
    assert refused.keys() <= {"deceased", "no_indication", "over_age", "under_age"}
    assert len(set(ways)) == len(ways) >= 5

    # Whoever was taken in is screened and assessed like anybody, whatever the bundle said.
    for way in ways:
        shown = await network.get(way)
        assert shown["indications"], "what it was taken in for is shown"
        assert (shown["diagnoses"], shown["coverage"], shown["program_kind"]) == ([], None, None)
        assert (await network.refuses(f"{way}/assessment", ASSESSED)).guards >= {"stage", "screening_current"}
        await network.signs(way)
        told = [*ALCOHOL, *answers(phq9=[2, 2, 1, 2, 1, 2, 1, 1, 0], gad7=[2, 1, 2, 1, 1, 1, 1])]
        await network.does(f"{way}/screening", screening(told))
        suggestion = await network.get(f"{way}/level-suggestion")
        assert [r["rule"] for r in suggestion["reasons"]] == ["moderate_depression"]
        await network.does(f"{way}/assessment", ASSESSED)
        assert await network.stage(way) == "ASSESSED"
    assert {e["next_action"]["what"] for e in (await network.get("/v1/queue"))["items"]} == {
        "verify_coverage"
    }

    # The same bundles once more are nothing new.
    for file in REAL:
        again = await network.post("/v1/referrals", json.loads(file.read_text()), fhir=True)
        assert again.status != 201 or f"/v1/referrals/{again.body['referral_id']}" in ways
    listed = (await network.get("/v1/referrals?site_id=real-boston&limit=200"))["items"]
    assert len(listed) == len(ways)
