"""Bearer tokens for the local stack, signed with its own key."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.local.secrets import AUDIENCE, ISSUER

HOUR = 3600
ROLES = ("admissions", "clinician", "director", "scheduler", "biller", "operator", "referrer")


def mint(
    key_file: Path,
    *,
    role: str,
    network: str,
    sites: Iterable[str],
    subject: str | None = None,
    lifetime: int = 12 * HOUR,
) -> str:
    """A token that says who somebody is, in which role, for which sites of which network."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    jwk = json.loads(key_file.read_text())
    # Tokens live by the wall clock even where the services follow a manual one.
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject or f"{role}-1",
        "role": role,
        "network": network,
        "sites": list(sites),
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode({"alg": jwk["alg"], "kid": jwk["kid"], "typ": "JWT"}, claims, OctKey.import_key(jwk))
