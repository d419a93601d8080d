"""The links of a stack against real sockets: what passes, what is held back, and in which order."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local import ports
from deploy.local.links import Link, Links
from deploy.local.links import names as link_names

DELAY = 0.3


def echo_on(listener: socket.socket) -> None:
    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


@pytest.fixture
def link() -> Iterator[Link]:
    """A link to a server that sends everything back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo_on, args=(listener,), daemon=True).start()
        port = ports.choose(["link"], {})["link"]
        links = Links({"one>other": (port, listener.getsockname()[1])})
        links.start()
        yield links["one>other"]
        links.stop()


def dial(link: Link, timeout: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=timeout)


def receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (data := connection.recv(65536)):
        received += data
    return received


def silent(connection: socket.socket, seconds: float = 0.3) -> bool:
    before = connection.gettimeout()
    connection.settimeout(seconds)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(before)
    return False


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_everything_passes_unchanged_both_ways(link: Link) -> None:
    content = bytes(range(256)) * 20_000
    with dial(link) as connection, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(connection.sendall, content)
        assert receive(connection, len(content)) == content
        sending.result()


def test_a_cut_ends_what_is_open_and_refuses_what_is_new_until_healed(link: Link) -> None:
    with dial(link) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        link.cut()
        assert ended(connection)
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    link.heal()
    with dial(link) as connection:
        connection.sendall(b"y")
        assert connection.recv(1) == b"y"


def test_a_hung_link_tells_nobody_and_keeps_what_was_sent_in_order(link: Link) -> None:
    with dial(link) as before:
        before.sendall(b"0")
        assert before.recv(1) == b"0"
        link.hang()
        before.sendall(b"1")
        with dial(link) as during:
            during.sendall(b"2")
            assert silent(before)
            assert silent(during)
            before.sendall(b"3")
            link.heal()
            assert receive(before, 2) == b"13"
            assert receive(during, 1) == b"2"


@pytest.mark.parametrize("dialled", ["before", "after"])
def test_a_hung_link_takes_no_more_than_the_kernel_holds(link: Link, dialled: str) -> None:
    if dialled == "after":
        link.hang()
    with dial(link, timeout=0.5) as connection:
        link.hang()
        with pytest.raises(TimeoutError):
            connection.sendall(b"x" * 50_000_000)


def test_a_slow_link_takes_its_time_with_each_piece_and_keeps_the_order(link: Link) -> None:
    with dial(link) as connection:
        link.slow(DELAY)
        began = time.monotonic()
        for piece in (b"a", b"b", b"c"):
            connection.sendall(piece)
            time.sleep(0.02)
        assert receive(connection, 3) == b"abc"
        # There and back.
        assert 2 * DELAY <= time.monotonic() - began < 5 * DELAY


def test_a_close_does_not_overtake_what_was_sent_before_it(link: Link) -> None:
    link.slow(DELAY)
    with dial(link) as connection:
        connection.sendall(b"last words")
        assert receive(connection, 10) == b"last words"
        link.cut()
        assert ended(connection)


def test_healing_a_slow_link_delivers_what_waits_at_once_and_before_what_follows(link: Link) -> None:
    with dial(link) as connection:
        link.slow(30)
        connection.sendall(b"early")
        time.sleep(0.1)
        link.heal()
        connection.sendall(b"late")
        assert receive(connection, 9) == b"earlylate"


def test_a_link_to_nobody_ends_the_connection() -> None:
    chosen = ports.choose(["link", "nobody"], {})
    links = Links({"one>other": (chosen["link"], chosen["nobody"])})
    links.start()
    try:
        with dial(links["one>other"]) as connection:
            assert ended(connection)
        assert links["one>other"].connections == 0
    finally:
        links.stop()


def test_connections_that_ended_are_forgotten(link: Link) -> None:
    for _ in range(20):
        with dial(link) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
    deadline = time.monotonic() + 5
    while link.connections and time.monotonic() < deadline:
        time.sleep(0.02)
    assert link.connections == 0


def test_many_threads_may_change_one_link(link: Link) -> None:
    changes = [link.cut, link.hang, lambda: link.slow(0.01), link.heal] * 25
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(change) for change in changes]:
            done.result()
    link.heal()
    with dial(link) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"


def test_every_way_of_a_cluster_has_a_link_and_they_are_found_by_process() -> None:
    nodes = ("nats-1", "nats-2", "nats-3")
    named = link_names(["intake"], nodes)
    assert sorted(named) == sorted(
        ["intake>postgres", *(f"intake>{node}" for node in nodes)]
        + [f"{one}>{other}" for one in nodes for other in nodes if one != other]
    )
    links = Links(dict.fromkeys(named, (1, 2)))
    assert {link.name for link in links.of("nats-1", "nats-2")} == {"nats-1>nats-2", "nats-2>nats-1"}
    assert len(links.of("nats-1")) == 5
    assert {link.name for link in links.of(*nodes)} == {
        name for name in named if not name.startswith("intake")
    }
