"""A cluster of three nodes under the services, and what becomes of both when a link or a process fails."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import nats
import nats.errors
import nats.js.errors
import pytest

from deploy.local import doctor, status, stream
from deploy.local.nats_server import http_get, http_status
from deploy.local.processes import Stack
from deploy.local.secrets import OPERATOR

NODES = ("nats-1", "nats-2", "nats-3")
SITE = {"tz": "America/New_York", "opens_local": "08:00", "closes_local": "21:00", "part2": True}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    place = tmp_path_factory.mktemp("disk")
    services = ("intake", "scheduling")
    with Stack.temporary(services=services, nodes=3, links=True, places={"nats-2": place}) as running:
        yield running


@pytest.fixture(autouse=True)
def level(stack: Stack) -> None:
    """Every test begins on a whole cluster, whatever the one before did to it."""
    eventually(lambda: stream.level(stack), 20)


def eventually(holds: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


def monitor(stack: Stack, node: str, path: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(http_get(stack.nats_monitor(node), path)[1])
    return document


def publish(stack: Stack, node: str, text: str) -> bool:
    """Whether a node acknowledges an event that is sent to it alone."""

    async def go() -> bool:
        address = f"nats://127.0.0.1:{stack.ports[node]}"
        options = stack.nats_kwargs("operator") | {"servers": [address], "allow_reconnect": False}
        client = await nats.connect(**options, connect_timeout=2)
        try:
            await client.jetstream().publish("handrail.x.0.test.x.v1", text.encode(), timeout=0.7)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
            return False
        else:
            return True
        finally:
            await client.close()

    return asyncio.run(go())


def texts(stack: Stack) -> list[str]:
    """All that was published on the subject of these tests, read back."""

    async def go() -> list[str]:
        client = await nats.connect(**stack.nats_kwargs("operator"))
        reading = await client.jetstream().subscribe("handrail.x.0.test.x.v1", ordered_consumer=True)
        found = []
        try:
            while True:
                found.append((await reading.next_msg(timeout=1)).data.decode())
        except TimeoutError:
            return found
        finally:
            await client.close()

    return asyncio.run(go())


def open_site(stack: Stack, name: str, timeout: float = 15) -> int:
    return httpx.post(
        f"{stack.url('scheduling')}/v1/sites",
        json={"site_id": name, **SITE},
        headers={
            "authorization": f"Bearer {stack.token('operator', sites=[name])}",
            "idempotency-key": f"open-{name}",
        },
        timeout=timeout,
    ).status_code


def intake_knows(stack: Stack, name: str) -> bool:
    async def go() -> bool:
        db = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR))
        try:
            return bool(await db.fetchval("SELECT true FROM intake.sites WHERE site_id = $1", name))
        finally:
            await db.close()

    return asyncio.run(go())


def ready(stack: Stack, service: str) -> bool:
    return http_status(stack.ports[service], "/readyz") == 200


def test_each_of_three_nodes_holds_the_stream_and_syncs_every_write(stack: Stack) -> None:
    assert stack.nats_names == NODES
    assert stack.nats_url() == ",".join(f"nats://127.0.0.1:{stack.ports[node]}" for node in NODES)
    assert stack.nats_kwargs("operator")["servers"] == stack.nats_url().split(",")
    for node in NODES:
        varz = monitor(stack, node, "/varz")
        assert varz["server_name"] == node
        assert varz["jetstream"]["config"]["sync_always"] is True  # type: ignore[index]
        assert varz["cluster"]["addr"] == varz["host"] == "127.0.0.1"  # type: ignore[index]
    assert set(stream.copies(stack)) == set(NODES)


def test_nobody_joins_the_cluster_without_its_password(stack: Stack) -> None:
    for login in ("", "cluster:wrong@"):
        stranger = json.dumps({"server_id": "X" * 56, "name": "x", "user": login[:7], "pass": login[8:-1]})
        with socket.create_connection(("127.0.0.1", stack.ports["nats-1_cluster"]), timeout=5) as connection:
            lines = connection.makefile("rwb")
            assert lines.readline().startswith(b"INFO ")
            lines.write(f"CONNECT {stranger}\r\nPING\r\n".encode())
            lines.flush()
            assert lines.readline() == b"-ERR 'Authorization Violation'\r\n"
            lines.close()


def test_a_node_keeps_its_copy_on_the_disk_it_was_given(stack: Stack) -> None:
    assert publish(stack, "nats-2", "on its disk")
    blocks = list(stack.nats_store("nats-2").rglob("*.blk"))
    assert blocks
    assert not stack.nats_store("nats-2").is_relative_to(stack.data)
    assert stack.nats_store("nats-1") == Path(stack.data / "nats-1" / "store")


def test_no_client_learns_of_a_way_around_the_links(stack: Stack) -> None:
    async def known(node: str) -> set[int]:
        address = f"nats://127.0.0.1:{stack.ports[node]}"
        client = await nats.connect(**stack.nats_kwargs("operator") | {"servers": [address]})
        found = {server.port for server in client.servers if server.port}
        await client.close()
        return found

    for node in NODES:
        assert asyncio.run(known(node)) == {stack.ports[node]}


def test_status_and_doctor_know_a_cluster(stack: Stack) -> None:
    assert status.status(stack.data)["nats"]["ready"] is True
    checks = {check["name"]: check["ok"] for check in doctor.examine(stack.data)["checks"]}
    assert {name: ok for name, ok in checks.items() if "nats" in name or name == "stream"} == dict.fromkeys(
        ("nats-server binary", "nats", "stream", *(f"{node}/nats.conf" for node in NODES)), True
    )


def test_the_services_serve_while_the_leader_of_the_stream_is_killed(stack: Stack) -> None:
    leader = stream.leader(stack)
    pid = stack.pid(leader)
    stack.kill(leader)
    assert not stack.alive(leader)
    assert open_site(stack, "without-leader", timeout=5) < 300
    eventually(lambda: intake_knows(stack, "without-leader"), 15)
    assert stream.leader(stack) not in {"", leader}
    stack.restart(leader)
    assert stack.pid(leader) != pid


def test_a_node_cut_off_from_the_others_acknowledges_nothing_and_catches_up(stack: Stack) -> None:
    cut = stream.leader(stack)
    others = [node for node in NODES if node != cut]
    for link in stack.links.of(*NODES):
        if cut in link.name.split(">"):
            link.cut()
    told: dict[str, list[str]] = {node: [] for node in NODES}
    began = time.monotonic()
    while not all(told[node] for node in others) or time.monotonic() - began < 6:
        assert time.monotonic() - began < 15, told
        for node in NODES:
            text = f"{node} at {time.monotonic()}"
            if publish(stack, node, text):
                told[node].append(text)
        time.sleep(0.1)
    assert told[cut] == []
    # For seconds each node has dialled again, and heard of others from the one it still reaches.
    assert monitor(stack, cut, "/routez")["routes"] == []
    stack.links.heal()
    eventually(lambda: len(set(stream.copies(stack).values())) == 1, 20)
    found = texts(stack)
    assert [text for node in others for text in told[node] if found.count(text) != 1] == []
    assert not [text for text in found if text.startswith(cut)]


def test_a_service_cut_off_from_its_servers_is_not_ready_until_healed(stack: Stack) -> None:
    for link in stack.links.of("intake"):
        link.cut()
    eventually(lambda: not ready(stack, "intake"), 10)
    assert ready(stack, "scheduling")
    assert http_status(stack.ports["intake"], "/livez") == 200
    assert open_site(stack, "unheard") < 300
    assert not intake_knows(stack, "unheard")
    stack.links.heal()
    eventually(lambda: ready(stack, "intake"), 10)
    eventually(lambda: intake_knows(stack, "unheard"), 10)


def test_a_slow_link_delays_a_command_and_breaks_nothing(stack: Stack) -> None:
    stack.links["scheduling>postgres"].slow(0.1)
    try:
        began = time.monotonic()
        assert open_site(stack, "slow") < 300
        assert time.monotonic() - began > 0.4
        eventually(lambda: intake_knows(stack, "slow"), 15)
    finally:
        stack.links.heal()
    began = time.monotonic()
    assert open_site(stack, "fast") < 300
    assert time.monotonic() - began < 2


def test_a_hung_bus_holds_up_no_command_and_loses_no_event(stack: Stack) -> None:
    for node in NODES:
        stack.links[f"scheduling>{node}"].hang()
    assert open_site(stack, "hung-bus", timeout=5) < 300
    time.sleep(0.5)
    assert not intake_knows(stack, "hung-bus")
    stack.links.heal()
    eventually(lambda: intake_knows(stack, "hung-bus"), 15)


def test_a_paused_database_answers_nothing_until_it_is_resumed(stack: Stack) -> None:
    assert open_site(stack, "before-the-pause") < 300
    stack.pause("postgres")
    try:
        with pytest.raises(httpx.TimeoutException):
            open_site(stack, "paused", timeout=1)
        assert stack.alive("postgres")
    finally:
        stack.resume("postgres")
    eventually(lambda: open_site(stack, "paused") < 300, 10)
    eventually(lambda: intake_knows(stack, "paused"), 10)


def test_the_cluster_goes_on_without_a_paused_node_and_takes_it_back(stack: Stack) -> None:
    paused = stream.leader(stack)
    stack.pause(paused)
    others = [node for node in NODES if node != paused]
    try:
        eventually(lambda: publish(stack, others[0], "meanwhile"), 15)
    finally:
        stack.resume(paused)
    eventually(lambda: stream.level(stack), 15)


def test_a_paused_process_can_be_killed_and_restarted(stack: Stack) -> None:
    for name in ("postgres", "nats-1"):
        stack.pause(name)
        pid = stack.pid(name)
        began = time.monotonic()
        stack.kill(name)
        assert time.monotonic() - began < 5
        stack.restart(name)
        assert stack.pid(name) != pid
    eventually(lambda: ready(stack, "intake"), 15)


def test_a_single_node_has_links_too_and_keeps_its_name() -> None:
    with Stack.temporary(services=("intake",), links=True) as alone:
        assert set(alone.links) == {"intake>postgres", "intake>nats"}
        assert alone.nats_names == ("nats",)
        assert ready(alone, "intake")
        assert all(link.connections for link in alone.links.values())
        assert "nats_cluster" not in alone.ports
