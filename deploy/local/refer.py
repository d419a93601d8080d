"""`handrail refer`: FHIR R4 bundles into intake, one answer for each file."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.network import DEFAULT_SITE, Network
from deploy.local.output import Document
from deploy.local.secrets import OPERATOR
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    import httpx

LARGEST = 1024 * 1024
_SITE = {"tz": "America/New_York", "opens_local": "08:00", "closes_local": "21:00", "part2": True}
_HEARD_WITHIN_SECONDS = 10


class Unusable(Exception):
    """A file that need not be sent at all."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def refer(data: Path, files: Iterable[Path], network_id: str, site: str | None) -> list[dict[str, Any]]:
    """Post each file to intake; refused files do not stop the others."""
    import asyncpg
    import httpx

    network = Network.running(data)
    try:
        return _refer(network, files, network_id, site)
    except (OSError, httpx.HTTPError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Trouble(
            f"The network does not answer ({type(error).__name__}).",
            f"handrail status --data {data}",
            code="unreachable",
        ) from error


def _refer(
    network: Network, files: Iterable[Path], network_id: str, site: str | None
) -> list[dict[str, Any]]:
    import httpx

    with httpx.Client(timeout=30) as client:
        site_id = site or the_site(network, client, network_id)
        token = network.token("admissions", network_id, [site_id])
        target = f"{network.url('intake')}/v1/referrals"

        def post(content: bytes) -> "httpx.Response":
            return client.post(
                target,
                params={"site_id": site_id},
                content=content,
                headers={
                    "authorization": f"Bearer {token}",
                    "content-type": "application/fhir+json",
                    "idempotency-key": hashlib.sha256(content).hexdigest(),
                },
            )

        answers = []
        for file in files:
            try:
                answers.append(_outcome(file, post(read_bundle(file))))
            except Unusable as error:
                answers.append(_refused(file, error.code, error.reason))
        return answers


def read_bundle(file: Path) -> bytes:
    """The bytes of a file that may be a bundle. Raises Unusable if it cannot be one."""
    try:
        if file.stat().st_size > LARGEST:
            raise Unusable("too_large", f"The file is larger than {LARGEST // 1024} KiB.")
        content = file.read_bytes()
    except OSError as error:
        raise Unusable(
            "unreadable", f"The file cannot be read: {error.strerror or 'unknown reason'}."
        ) from error
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unusable("not_json", "The file is not JSON.") from error
    if not isinstance(document, dict):
        raise Unusable("not_a_bundle", "The file is JSON, but not an object.")
    return content


def the_site(network: Network, client: "httpx.Client", network_id: str) -> str:
    """The only site of the network; made first if there is none. Raises Trouble if there are several."""
    sites = asyncio.run(_sites(network, network_id))
    if len(sites) == 1:
        return sites[0]
    if sites:
        raise Trouble(
            f"The network {network_id!r} has {len(sites)} sites.",
            f"Say which one: --site {sites[0]}",
            code="site_needed",
            exit_code=2,
        )
    answer = client.post(
        f"{network.url('scheduling')}/v1/sites",
        json={"site_id": DEFAULT_SITE, **_SITE},
        headers={
            "authorization": f"Bearer {network.token('operator', network_id, [DEFAULT_SITE])}",
            "idempotency-key": f"handrail-refer-site-{DEFAULT_SITE}",
        },
    )
    if answer.status_code not in {200, 201, 409}:
        code, reason = _problem(answer)
        raise Trouble(f"No site could be opened: {reason}", "Open one and name it: --site ID", code=code)
    _await_site(network, network_id)
    return DEFAULT_SITE


async def _sites(network: Network, network_id: str) -> list[str]:
    import asyncpg

    db = await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR), timeout=5)
    try:
        rows = await db.fetch(
            "SELECT DISTINCT site_id FROM scheduling.sites WHERE network_id = $1 ORDER BY site_id", network_id
        )
    except asyncpg.UndefinedTableError:
        return []
    finally:
        await db.close()
    return [row["site_id"] for row in rows]


def _await_site(network: Network, network_id: str) -> None:
    # Intake learns of the new site by an event; a referral that overtakes it would be refused.
    async def known() -> bool:
        import asyncpg

        db = await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR), timeout=5)
        try:
            query = "SELECT 1 FROM intake.sites WHERE network_id = $1 AND site_id = $2"
            return bool(await db.fetchval(query, network_id, DEFAULT_SITE))
        except asyncpg.PostgresError:
            return False
        finally:
            await db.close()

    deadline = time.monotonic() + _HEARD_WITHIN_SECONDS
    while time.monotonic() < deadline and not asyncio.run(known()):
        time.sleep(0.05)


def _outcome(file: Path, answer: "httpx.Response") -> dict[str, Any]:
    if answer.is_success:
        body = answer.json()
        linked = bool(body.get("linked"))
        return {
            "file": str(file),
            "outcome": "accepted",
            "code": "linked" if linked else None,
            "reason": body.get("message") if linked else None,
            "referral_id": body.get("referral_id") or body.get("id"),
        }
    return _refused(file, *_problem(answer))


def _refused(file: Path, code: str, reason: str) -> dict[str, Any]:
    return {"file": str(file), "outcome": "refused", "code": code, "reason": reason, "referral_id": None}


def _problem(answer: "httpx.Response") -> tuple[str, str]:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    known = body if isinstance(body, dict) else {}
    return (
        str(known.get("code") or f"http_{answer.status_code}"),
        str(known.get("detail") or known.get("title") or f"Intake answered {answer.status_code}."),
    )


def line(answer: Document) -> str:
    """One answer, for people."""
    if answer["outcome"] == "accepted":
        linked = "  (kept beside a referral that is open)" if answer["code"] == "linked" else ""
        return f"accepted  {answer['file']}  {answer['referral_id']}{linked}"
    return f"refused   {answer['file']}  {answer['code']}: {answer['reason']}"
