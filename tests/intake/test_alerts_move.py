"""An open alert follows its person to the way that is open, and stays where it can be taken in hand."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.intake.life_bodies import BODIES
from tests.intake.life_houses import SITE, HttpHouse
from tests.intake.test_lives import intake_alone, lives_in

NUMBER = {"identifiers": [{"system": "urn:plan", "value": "moves-1"}]}


@pytest.fixture(scope="module")
def house() -> Iterator[HttpHouse]:
    with intake_alone() as running:
        yield running


def sent(house: HttpHouse, path: str, body: Any, caller: str = "admissions") -> dict[str, Any]:
    status, answer, _ = house.send(path, body, caller)
    assert status == 201, answer
    return answer


def referred(house: HttpHouse, family: str, phone: str, **more: Any) -> str:
    person = {"given": "Rosa", "family": family, "birth_date": "1988-02-03", "phone": phone} | more
    form = {"site_id": SITE, "source": "self", "urgency": "routine", "person": person}
    id: str = sent(house, "/v1/referrals", form)["referral_id"]
    return id


def in_danger(house: HttpHouse, family: str, phone: str) -> str:
    id = referred(house, family, phone)
    sent(house, f"/v1/referrals/{id}/consents", BODIES["consents"][1])
    sent(house, f"/v1/referrals/{id}/screening", BODIES["screening"][3])
    return id


def taken_in_hand(house: HttpHouse, id: str) -> None:
    (alert,) = house.look(id)["alerts"]
    for part, body in (("acknowledgement", None), ("resolution", {})):
        sent(house, f"/v1/referrals/{id}/alerts/{alert['id']}/{part}", body, "clinician")
    assert house.look(id)["alerts"] == []


def test_a_word_that_shows_two_to_be_one_brings_the_alert_to_the_open_way(house: HttpHouse) -> None:
    gone = in_danger(house, "Moved", "617 555 0001")
    sent(house, f"/v1/referrals/{gone}/decline", {"reason": "patient_declined"})
    stays = referred(house, "Moved", "617 555 0002", **NUMBER)
    assert house.look(stays)["alerts"] == []
    assert referred(house, "Moved", "617 555 0001", **NUMBER) == stays
    assert house.look(gone)["alerts"] == []
    taken_in_hand(house, stays)


def test_a_duplicate_of_a_running_episode_keeps_its_alert_within_reach(house: HttpHouse) -> None:
    episode = lives_in(house)()
    episode.somebody_is_referred(urgency="routine", start="admitted")
    gone = in_danger(house, "Double", "617 555 0003")
    duplicate = {"reason": "duplicate", "duplicate_of": episode.life.id}
    sent(house, f"/v1/referrals/{gone}/decline", duplicate)
    assert house.look(episode.life.id)["alerts"] == []
    house.advance(timedelta(minutes=15))
    assert house.row(gone)["alerts"][0]["escalations"] == 1
    taken_in_hand(house, gone)
