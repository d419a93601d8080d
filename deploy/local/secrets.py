"""Passwords and the token key of a local stack: made once, readable by their owner only."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

from deploy.local.trouble import Trouble

SERVICES = ("intake", "scheduling", "progress", "notify")
ADMIN = "handrail_admin"
OPERATOR = "handrail_operator"
NATS_USERS = ("operator", "integrator", *SERVICES)
ISSUER = "handrail-local"
AUDIENCE = "handrail"


def pg_roles() -> tuple[str, ...]:
    """Every role that logs in to Postgres: the administrator, the operator, and two for each service."""
    return (ADMIN, OPERATOR, *(role for name in SERVICES for role in (name, f"{name}_owner")))


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner only from its first byte on."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load_or_make(data: Path) -> dict[str, dict[str, str]]:
    """The passwords in `secrets.json`: {"postgres": {role: password}, "nats": {user: password}}.

    Raises Trouble if a database exists whose passwords are gone.
    """
    path = data / "secrets.json"
    if path.exists():
        found: dict[str, dict[str, str]] = _read_json(path)
    elif (data / "run.json").exists():
        raise Trouble(
            f"{path} is missing, so the database in {data} cannot be opened.",
            "Restore the file, or start with another --data folder.",
            code="secrets_missing",
        )
    else:
        found = {}
    made = {
        "postgres": {role: secrets.token_urlsafe(24) for role in pg_roles()} | found.get("postgres", {}),
        "nats": {user: secrets.token_urlsafe(24) for user in NATS_USERS} | found.get("nats", {}),
    }
    if made != found:
        write_private(path, json.dumps(made, indent=2) + "\n")
    return made


def load_or_make_key(data: Path) -> Path:
    """The file of the symmetric key that signs the tokens of this stack."""
    path = data / "token.jwk"
    if not path.exists():
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        jwk = {"kty": "oct", "use": "sig", "alg": "HS256", "kid": secrets.token_hex(8), "k": key}
        write_private(path, json.dumps(jwk) + "\n")
    return path


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Trouble(
            f"{path} cannot be read ({type(error).__name__}).", "Is the folder yours?", code="unreadable"
        ) from error
