"""The stream of a local stack: declared once its servers agree on a leader, and the copies of it."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts.subjects import STREAM
from deploy.local.nats_server import http_get, http_status
from deploy.local.network import Network
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    from nats.aio.client import Client

_PATIENCE = 45


async def declare(network: Network) -> None:
    """Make the stream what it must be; returns when it takes events. Raises Trouble if it does not come."""
    import nats

    from deploy.nats import topology

    deadline = time.monotonic() + _PATIENCE
    names = network.nats_names
    while len(names) > 1 and not _assembled(network):
        await _again(deadline, "The nodes of NATS do not find each other.")
    client = await nats.connect(**network.nats_kwargs("operator"), connect_timeout=10)
    try:
        await topology.declare(client, replicas=len(names))
        while len(names) > 1 and not await _answers(client, len(names)):
            await _again(deadline, "The stream is not on all nodes of NATS.")
    except topology.TopologyError as error:
        raise Trouble(str(error), code="topology") from error
    finally:
        await topology.hang_up(client)


@dataclass(frozen=True, slots=True)
class Copy:
    """What one node says of its copy of the stream; a node that is cut off may be behind and not know it."""

    leader: str
    messages: int
    first_seq: int
    last_seq: int


def copies(network: Network) -> dict[str, Copy]:
    """The copy on each node that answers and has one."""
    found = {name: _copy(network, name) for name in network.nats_names}
    return {name: copy for name, copy in found.items() if copy is not None}


def leader(network: Network) -> str:
    """The node that leads the stream in the eyes of most nodes; empty if there is none."""
    seen = Counter(copy.leader for copy in copies(network).values())
    name, many = seen.most_common(1)[0] if seen else ("", 0)
    return name if many > len(network.nats_names) // 2 else ""


def level(network: Network) -> bool:
    """Whether every node answers, is current, and has the same copy under the same leader."""
    names = network.nats_names
    healthy = all(http_status(network.nats_monitor(name), "/healthz") == 200 for name in names)
    found = copies(network)
    return healthy and len(found) == len(names) and len(set(found.values())) == 1


def _copy(network: Network, name: str) -> Copy | None:
    document = _asked(network, name, "/jsz?accounts=true&streams=true")
    for account in document.get("account_details") or ():
        for stream in account.get("stream_detail") or ():
            if stream.get("name") == STREAM:
                state = stream["state"]
                led = (stream.get("cluster") or {}).get("leader", "")
                return Copy(led, state["messages"], state["first_seq"], state["last_seq"])
    return None


def meta(network: Network, name: str) -> dict[str, Any]:
    """What a node knows of the cluster: its leader, its size, and from the leader all other nodes."""
    found: dict[str, Any] = _asked(network, name, "/jsz").get("meta_cluster") or {}
    return found


def _asked(network: Network, name: str, path: str) -> dict[str, Any]:
    _, body = http_get(network.nats_monitor(name), path)
    try:
        found: dict[str, Any] = json.loads(body)
    except ValueError:
        return {}
    return found


def _assembled(network: Network) -> bool:
    others = len(network.nats_names) - 1
    return any(
        sum(bool(peer.get("current")) and not peer.get("offline") for peer in found.get("replicas", []))
        == others
        for found in (meta(network, name) for name in network.nats_names)
    )


async def _answers(client: "Client", replicas: int) -> bool:
    from deploy.nats.topology import look_up

    found = await look_up(client)
    cluster = (found or {}).get("cluster", {})
    level = [peer for peer in cluster.get("replicas", []) if peer.get("current")]
    return bool(cluster.get("leader")) and len(level) == replicas - 1


async def _again(deadline: float, sentence: str) -> None:
    if time.monotonic() > deadline:
        raise Trouble(sentence, "See the logs of the nodes.", code="not_ready")
    await asyncio.sleep(0.1)
