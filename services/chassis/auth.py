"""Bearer tokens: who calls, in which role, for which network and sites."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from contracts.decisions import Refused
from contracts.subjects import is_token
from contracts.vocabulary import Actor, ActorType
from services.chassis.settings import Settings

ROLES = frozenset({"admissions", "clinician", "director", "scheduler", "biller", "operator", "referrer"})
LEEWAY_SECONDS = 60
"""How far the clocks of an issuer and of ours may be apart; RFC 7519, 4.1.4: no more than a few minutes."""
_ALGORITHMS = ["HS256", "ES256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Who:
    """The caller, as the token says and nobody else."""

    actor: Actor
    network_id: str
    sites: tuple[str, ...]

    @property
    def role(self) -> str:
        return self.actor.role


def unauthorized(why: str) -> Refused:
    """The refusal of a caller whom nobody vouches for."""
    return Refused(
        "unauthorized",
        f"The request carries no valid bearer token: {why}.",
        status=401,
        hint="Send `Authorization: Bearer <token>`.",
    )


def require_role(who: Who, roles: Collection[str]) -> None:
    """Raise Refused (403) unless the caller has one of the roles."""
    if who.role not in roles:
        raise Refused(
            "forbidden",
            "Your role may not do this.",
            status=403,
            hint=f"It takes one of: {', '.join(sorted(roles))}.",
            role=who.role,
        )


class Gate:
    """Verifies tokens against the keys of the issuer: signature, issuer, audience and times."""

    def __init__(self, settings: Settings) -> None:
        self.audience = settings.token_audience
        keys: list[Any] = []
        if settings.token_key_file is not None:
            document = json.loads(settings.token_key_file.read_text())
            keys = document.get("keys", [document])
        self._keys = KeySet.import_key_set({"keys": keys}) if keys else None
        self._claims = JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.token_issuer},
            aud={"essential": True, "value": settings.token_audience},
            exp={"essential": True},
            sub={"essential": True},
            role={"essential": True},
            network={"essential": True},
            sites={"essential": True},
        )

    def who(self, authorization: str | None) -> Who:
        """The caller behind an Authorization header; raises Refused (401) otherwise."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("it is missing")
        if self._keys is None:
            raise unauthorized("this service has been given no keys")
        try:
            decoded = jwt.decode(token.strip(), self._keys, algorithms=_ALGORITHMS)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise unauthorized("its signature or its claims do not hold") from error
        return _who(decoded.claims)


def _who(claims: dict[str, Any]) -> Who:
    sites, role, network, subject = claims["sites"], claims["role"], claims["network"], claims["sub"]
    words = [subject, role, network, *(sites if isinstance(sites, list) else [None])]
    if not all(map(is_token, words)) or role not in ROLES:
        raise unauthorized("its claims do not hold")
    return Who(Actor(type=ActorType.USER, id=subject, role=role), network, tuple(sites))
