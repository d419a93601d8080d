"""The token matrix: whatever nobody vouches for is answered 401, on every route that does business."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from fastapi.routing import APIRoute
from joserfc import jwt
from joserfc.jwk import OctKey

from deploy.local.processes import Stack
from deploy.local.secrets import AUDIENCE, ISSUER
from services.chassis import health
from tests.chassis.conftest import Lab
from tests.chassis.toy_service.toy import routes

Forge = Callable[[dict[str, Any]], str]
NOW = int(time.time())
A_DAY = 86_400
"""Further off than any run of the tests lasts."""
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "operator-1",
    "role": "operator",
    "network": "net",
    "sites": ["s1"],
    "iat": NOW,
    "exp": NOW + 3600,
}


def but(**claims: Any) -> dict[str, Any]:
    return {**GOOD, **claims}


def without(claim: str) -> dict[str, Any]:
    return {k: v for k, v in GOOD.items() if k != claim}


WRONG_CLAIMS = {
    "expired": but(exp=NOW - 61),
    "issued in the future": but(iat=NOW + A_DAY, exp=NOW + 2 * A_DAY),
    "expiry in words": but(exp="tomorrow"),
    "not valid yet": but(nbf=NOW + A_DAY, exp=NOW + 2 * A_DAY),
    "another audience": but(aud="someone-else"),
    "another issuer": but(iss="someone-else"),
    **{f"no {claim}": without(claim) for claim in ("iss", "aud", "sub", "role", "network", "sites", "exp")},
    "a role that does not exist": but(role="superuser"),
    "a control character in the subject": but(sub="operator\n1"),
    "NUL in the network": but(network="net\x00"),
    "a wildcard as network": but(network="*"),
    "a dot in the network": but(network="net.3"),
    "an empty subject": but(sub=""),
    "a subject without end": but(sub="a" * 65),
    "sites that are no list": but(sites="s1"),
    "a site that is no word": but(sites=["s1", 5]),
    "a wildcard as site": but(sites=["*"]),
}


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(stack: Stack) -> Iterator[tuple[str, str]]:
    """Tokens whose signature is missing, borrowed or made with another key."""
    jwk = json.loads(stack.key_file.read_text())
    own = OctKey.import_key(jwk)
    bare = OctKey.import_key({"kty": "oct", "k": jwk["k"]})
    other = OctKey.import_key({**jwk, "k": _part("another key, as long as the right one is")})
    header = {"alg": jwk["alg"], "kid": jwk["kid"]}
    good = jwt.encode(header, GOOD, own)
    head, body, signature = good.split(".")
    yield "algorithm none", f"{_part({'alg': 'none', 'kid': jwk['kid']})}.{body}."
    yield "algorithm none with a signature", f"{_part({'alg': 'none', 'kid': jwk['kid']})}.{body}.{signature}"
    yield "another algorithm in the header", f"{_part({**header, 'alg': 'ES256'})}.{body}.{signature}"
    yield "a longer digest than was agreed", jwt.encode({**header, "alg": "HS512"}, GOOD, bare, ["HS512"])
    yield "another key", jwt.encode(header, GOOD, other)
    yield "an unknown key id", jwt.encode({**header, "kid": "unknown"}, GOOD, own)
    yield "changed claims", f"{head}.{_part(but(role='director'))}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "two parts", f"{head}.{body}"
    yield "words", "let me in"


def business_routes() -> list[tuple[str, str]]:
    open_to_all = {"/livez", "/readyz", "/metrics"}
    return [
        (method, route.path.replace("{counter_id}", "c1").replace("{aggregate_id}", "c1"))
        for route in (*routes.routes, *health.routes.routes)
        if isinstance(route, APIRoute) and route.path not in open_to_all
        for method in route.methods or ()
    ]


def signed(lab: Lab, claims: dict[str, Any]) -> str:
    jwk = json.loads(lab.stack.key_file.read_text())
    return jwt.encode({"alg": jwk["alg"], "kid": jwk["kid"]}, claims, OctKey.import_key(jwk))


async def ask(edge: httpx.AsyncClient, method: str, path: str, authorization: str | None) -> httpx.Response:
    edge.headers.pop("authorization", None)
    headers = {} if authorization is None else {"authorization": authorization}
    return await edge.request(method, path, headers=headers, json={} if method == "POST" else None)


async def test_the_good_token_of_this_matrix_is_good(lab: Lab, edge: httpx.AsyncClient) -> None:
    reply = await ask(edge, "GET", "/v1/clock", f"Bearer {signed(lab, GOOD)}")

    assert reply.status_code == 200


async def test_a_token_of_an_issuer_whose_clock_is_a_little_ahead_is_good(
    lab: Lab, edge: httpx.AsyncClient
) -> None:
    reply = await ask(edge, "GET", "/v1/clock", f"Bearer {signed(lab, but(iat=NOW + 45, nbf=NOW + 45))}")

    assert reply.status_code == 200


async def test_no_route_lets_anybody_in_whom_nobody_vouches_for(lab: Lab, edge: httpx.AsyncClient) -> None:
    offers: dict[str, str | None] = {name: f"Bearer {signed(lab, c)}" for name, c in WRONG_CLAIMS.items()}
    offers |= {name: f"Bearer {token}" for name, token in unsigned(lab.stack)}
    offers |= {"nothing": None, "an empty header": "", "no token": "Bearer ", "basic": "Basic b3A6b3A="}

    let_in = []
    for method, path in business_routes():
        for name, offer in offers.items():
            reply = await ask(edge, method, path, offer)
            assert reply.headers["content-type"] == "application/problem+json", (name, path)
            if reply.status_code != 401 or reply.json()["code"] != "unauthorized":
                let_in.append((method, path, name, reply.status_code))

    assert len(business_routes()) >= 5
    assert let_in == []
    assert await lab.fetch("SELECT 1 FROM journal") == []


async def test_a_signed_role_of_another_type_is_no_role(lab: Lab, edge: httpx.AsyncClient) -> None:
    reply = await ask(edge, "GET", "/v1/clock", f"Bearer {signed(lab, but(role=['operator']))}")

    assert reply.status_code == 401


async def test_what_is_wrong_with_a_token_is_not_told_with_what_it_held(
    lab: Lab, edge: httpx.AsyncClient
) -> None:
    reply = await ask(edge, "GET", "/v1/clock", f"Bearer {signed(lab, but(sub='given-name family-name'))}")

    assert "family" not in reply.text
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_role_that_may_not_is_told_so(lab: Lab, edge: httpx.AsyncClient) -> None:
    reply = await ask(edge, "GET", "/v1/clock", f"Bearer {signed(lab, but(role='biller'))}")

    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
