"""The edge: whatever is sent, the answer is a problem with a stable code and never a fault of ours."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI

from deploy.local import tokens
from services.chassis import run
from tests.chassis.conftest import Lab
from tests.chassis.toy_service.toy import toy

TICK = "/v1/counters/c1/tick"
JSON = {"content-type": "application/json"}
DEEP = 20_000


def field(text: str) -> bytes:
    """A body whose note is this piece of JSON."""
    return b'{"site_id": "s1", "note": ' + text.encode() + b"}"


BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "invalid"),
    "half an object": (b'{"site_id": "s1"', "not_json"),
    "a trailing comma": (b'{"site_id": "s1",}', "not_json"),
    "not UTF-8": (b'{"site_id": "s1", "note": "\xff\xfe"}', "not_json"),
    "an encoded surrogate": (b'{"site_id": "s1", "note": "\xed\xa0\x80"}', "not_json"),
    "a lone surrogate": (field(r'"\ud800"'), "invalid"),
    "NUL": (field(r'"a\u0000b"'), "invalid"),
    "a control character": (field(r'"a\u001bb"'), "invalid"),
    "a raw control character": (field('"a\x01b"'), "not_json"),
    "400 digits": (field("9" * 400), "invalid"),
    "5000 digits": (field("9" * 5000), "not_json"),
    "400 digits for a token": (b'{"site_id": ' + b"9" * 400 + b"}", "invalid"),
    "NaN": (field("NaN"), "invalid"),
    "infinity": (field("1e400"), "invalid"),
    "a list": (b"[]", "invalid"),
    "a string": (b'"s1"', "invalid"),
    "null": (b"null", "invalid"),
    "nested lists": (field("[" * DEEP + "]" * DEEP), "not_json"),
    "nested objects": (field('{"a":' * 200 + "1" + "}" * 200), "invalid"),
    "a number for a text": (field("5"), "invalid"),
    "an object for a text": (field('{"a": 1}'), "invalid"),
    "an unknown field": (b'{"site_id": "s1", "noted": "x"}', "invalid"),
    "a missing field": (b"{}", "invalid"),
    "a wildcard as token": (b'{"site_id": "*"}', "invalid"),
    "a dotted token": (b'{"site_id": "s1.>"}', "invalid"),
    "a long token": (b'{"site_id": "' + b"s" * 65 + b'"}', "invalid"),
    "too much": (field('"' + "x" * 1_100_000 + '"'), "too_large"),
}
PATHS = ["*", ">", "a.b", "a%00b", "a%0Ab", "%F0%9F%98%80", "a" * 65, "..%2f..", "%ff", "' OR 1=1 --", "a b"]


def assert_problem(reply: httpx.Response, *codes: str) -> None:
    document = reply.json()
    assert 400 <= reply.status_code < 500
    assert reply.headers["content-type"] == "application/problem+json"
    assert document["status"] == reply.status_code
    assert document["code"] in codes
    assert document["type"] == f"urn:handrail:problem:{document['code']}"
    assert document["detail"]


async def test_a_bad_body_is_a_problem(lab: Lab, edge: httpx.AsyncClient) -> None:
    codes = {}
    for name, (content, _) in BAD_BODIES.items():
        reply = await edge.post(TICK, content=content, headers=JSON)
        codes[name] = reply.json().get("code")
        assert_problem(reply, codes[name])

    assert codes == {name: code for name, (_, code) in BAD_BODIES.items()}
    assert await lab.fetch("SELECT 1 FROM journal") == []


async def test_a_byte_order_mark_is_passed_over(edge: httpx.AsyncClient) -> None:
    reply = await edge.post(TICK, content=b'\xef\xbb\xbf{"site_id": "s1"}', headers=JSON)

    assert reply.status_code == 201


async def test_a_body_in_pieces_is_measured_too(edge: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 65_536

    assert_problem(await edge.post(TICK, content=pieces(), headers=JSON), "too_large")


async def test_a_made_up_length_is_refused(edge: httpx.AsyncClient) -> None:
    for length in ("-1", "many", "1e3", "9" * 30):
        reply = await edge.post(TICK, content=b"{}", headers={**JSON, "content-length": length})
        assert_problem(reply, "too_large")


async def test_a_text_that_was_refused_is_not_repeated(edge: httpx.AsyncClient) -> None:
    reply = await edge.post(TICK, json={"site_id": "s1", "note": {"Ms": "Winterbottom"}, "Summer": "x"})

    assert "Winterbottom" not in reply.text


async def test_an_id_that_is_no_token_is_a_problem(lab: Lab, edge: httpx.AsyncClient) -> None:
    for id in PATHS:
        reply = await edge.post(f"/v1/counters/{id}/tick", json={"site_id": "s1"})
        assert_problem(reply, "invalid", "not_found")

    assert await lab.fetch("SELECT 1 FROM journal") == []


async def test_a_bad_idempotency_key_is_a_problem(edge: httpx.AsyncClient) -> None:
    for key in ("", " ", "a" * 256, "a b", "a\tb", "schl\xfcssel"):
        headers = httpx.Headers({"idempotency-key": key}, encoding="latin-1")
        reply = await edge.post(TICK, json={"site_id": "s1"}, headers=headers)
        assert_problem(reply, "invalid")


async def test_a_key_gives_one_effect_and_one_answer_over_http(lab: Lab, edge: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "k1"}
    first = await edge.post(TICK, json={"site_id": "s1"}, headers=key)
    again = await edge.post(TICK, json={"site_id": "s1"}, headers=key)
    other_body = await edge.post(TICK, json={"site_id": "s1", "note": "x"}, headers=key)
    other_path = await edge.post("/v1/counters/c2/tick", json={"site_id": "s1"}, headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert_problem(other_body, "idempotency_key_reused")
    assert_problem(other_path, "idempotency_key_reused")
    assert (await lab.fetch("SELECT count(*) AS n FROM journal"))[0]["n"] == 1


async def test_two_callers_may_use_the_same_key(lab: Lab, edge: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "k1"}
    other = tokens.mint(lab.stack.key_file, role="operator", network="net", sites=["s1"], subject="c2")
    first = await edge.post(TICK, json={"site_id": "s1"}, headers=key)
    second = await edge.post(
        TICK, json={"site_id": "s1"}, headers={**key, "authorization": f"Bearer {other}"}
    )

    assert (first.json()["version"], second.json()["version"]) == (1, 2)


async def test_a_refusal_is_not_remembered_under_its_key(lab: Lab, edge: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "k1"}
    refused = await edge.post(TICK, json={"site_id": "s2"}, headers=key)
    taken = await edge.post(TICK, json={"site_id": "s1"}, headers=key)

    assert (refused.status_code, taken.status_code) == (404, 201)


def strangers(lab: Lab) -> Iterator[tuple[str, str]]:
    for network, site in (("other", "s1"), ("net", "s2"), ("other", "s2")):
        yield site, tokens.mint(lab.stack.key_file, role="operator", network=network, sites=[site])


async def test_what_belongs_to_others_does_not_exist(lab: Lab, edge: httpx.AsyncClient) -> None:
    await edge.post(TICK, json={"site_id": "s1"})

    for site, token in strangers(lab):
        reply = await edge.post(TICK, json={"site_id": site}, headers={"authorization": f"Bearer {token}"})
        assert_problem(reply, "not_found")
        assert reply.status_code == 404

    assert (await lab.fetch("SELECT state->>'count' AS n FROM counters"))[0]["n"] == "1"


async def test_there_is_nothing_elsewhere(edge: httpx.AsyncClient) -> None:
    assert_problem(await edge.get("/v1/nothing"), "not_found")
    assert_problem(await edge.get(TICK), "method_not_allowed")


async def test_another_content_type_is_a_problem(edge: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "", "nonsense"):
        reply = await edge.post(TICK, content=b'{"site_id": "s1"}', headers={"content-type": kind})
        assert_problem(reply, "invalid", "not_json")


async def test_the_interface_describes_itself(lab: Lab) -> None:
    app: FastAPI = run.build(toy, lab.settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://toy") as client:
        document = (await client.get("/openapi.json")).json()

    assert "/v1/counters/{counter_id}/tick" in document["paths"]
    assert json.dumps(document)
