"""A service that keeps the whole story of an aggregate keeps what others say of it, heard or not."""

import json

from contracts.event import Envelope
from contracts.subjects import subject_of
from tests.chassis.conftest import START, Lab
from tests.chassis.toy_service.toy import Echoed, Rang, Tick, Ticked


async def _say(lab: Lab, event: Ticked | Rang | Echoed, id: str, **headers: str) -> None:
    said = Envelope(id, event, START, START, 1, "c1", "why").headers() | headers
    await lab.runtime.bus.request(
        subject_of(event).replace(".toy.", ".other."), event.model_dump_json().encode(), said
    )


async def test_what_others_say_is_kept_whether_it_is_heard_or_not(lab: Lab) -> None:
    lab.start()
    await _say(lab, Ticked(network_id="net", site_id="s1", counter_id="c1", count=1), "heard")
    await _say(lab, Rang(network_id="net", site_id="s1", counter_id="c1", what="bell"), "unheard")
    rang = Rang(network_id="net", site_id="s1", counter_id="c1", what="new")
    await _say(lab, rang, "unknown", **{"ce-type": "other.unknown.v1"})
    await lab.take(Tick("net", "s1"), "c1")
    await lab.quiet()

    rows = await lab.fetch("SELECT * FROM story WHERE aggregate_id = 'c1' ORDER BY stream_seq")

    assert [r["event_id"] for r in rows] == ["heard", "unheard", "unknown"]
    assert [r["type"] for r in rows] == ["toy.ticked.v1", "toy.rang.v1", "other.unknown.v1"]
    assert {(r["at"], r["recorded_at"], r["cause"]) for r in rows} == {(START, START, "why")}
    assert json.loads(rows[1]["body"])["what"] == "bell"


async def test_what_comes_again_is_kept_once(lab: Lab) -> None:
    lab.start()
    for _ in range(2):
        await _say(
            lab,
            Rang(network_id="net", site_id="s1", counter_id="c1", what="bell"),
            "again",
            **{"Nats-Msg-Id": ""},
        )
    await lab.take(Tick("net", "s1"), "c1")
    await lab.quiet()

    assert len(await lab.fetch("SELECT 1 FROM story")) == 1
