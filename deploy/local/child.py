"""One child process: its own process group and log file, and never left behind by its parent."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.trouble import Trouble

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="handrail-spawn")


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that a child runs as when the parent is root."""

    name: str
    uid: int
    gid: int


@dataclass(slots=True)
class Child:
    """How to run one process, and the process while it runs."""

    name: str
    argv: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    env: Mapping[str, str]
    why_not: Callable[[], str] = lambda: ""
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    patience: float = 30
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    started_at: float = field(default=0, init=False)
    paused: bool = field(default=False, init=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.alive() else None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self.process.returncode if self.process else None

    def spawn(self) -> None:
        # The kernel sends the parent-death signal when the *thread* that forked ends, so all forks
        # come from one thread that lives as long as this process.
        self.process = _spawner.submit(self._spawn).result()
        self.started_at = time.time()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        account = self.account
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.env),
                cwd="/",
                start_new_session=True,
                preexec_fn=_die_with(os.getpid(), self.stop_signal),  # noqa: PLW1509 - it only makes system calls
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    def wait_ready(self, cancelled: threading.Event) -> None:
        """Wait until it can be used. Raises Trouble if it ends before, takes too long or is cancelled."""
        deadline = time.monotonic() + self.patience
        pause = 0.02
        while time.monotonic() < deadline:
            if cancelled.is_set():
                raise interrupted()
            if not self.alive():
                raise Trouble(
                    f"{self.name} ended with code {self.exit_code} while starting{because(self.log)}.",
                    f"See {self.log}.",
                    code="start_failed",
                )
            if self.ready():
                return
            cancelled.wait(pause)
            pause = min(pause * 1.5, 0.2)
        why = self.why_not().rstrip(".")
        raise Trouble(
            f"{self.name} was not ready after {self.patience:.0f} s{': ' + why if why else ''}.",
            f"See {self.log}.",
            code="not_ready",
        )

    def signal(self, number: signal.Signals) -> None:
        """Signal the process with all that it has started."""
        if self.process is not None:
            # Its own group does not hold them all: each child of Postgres leads a session of its own.
            for pid in family(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def pause(self) -> None:
        """Stop all of it where it stands, until resumed."""
        if self.process is not None and self.alive():
            self.paused = True
            # Twice: while the first round is under way, it may start another.
            self.signal(signal.SIGSTOP)
            self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on; nothing if it was not paused."""
        if self.paused:
            self.paused = False
            self.signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """Signal the process itself, which drains and takes its own children along."""
        if self.process is not None and self.alive():
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL to all of it, as a power cut would; nothing if it has ended."""
        if self.alive() and self.process is not None:
            # Stopped first, so that none of it outlives the rest and finishes what it was doing.
            self.pause()
            pids = family(self.process.pid)
            self.signal(signal.SIGKILL)
            self.paused = False
            self.wait(10)
            wait_gone(pids)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it has ended."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, seconds: float = 20) -> bool:
        """Ask it to drain, then insist. Returns whether it went by itself."""
        self.resume()
        self.ask_to_stop()
        went = self.wait(seconds)
        if not went:
            self.kill()
        return went


def run_once(
    argv: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    cancelled: threading.Event,
    account: Account | None = None,
) -> int:
    """Run a program to its end with its output in the log; returns its exit code."""
    child = Child(Path(argv[0]).name, argv, log, ready=lambda: True, env=env, account=account)
    child.spawn()
    try:
        while not child.wait(0.05) and not cancelled.is_set():
            pass
    finally:
        child.kill()
    if cancelled.is_set():
        raise interrupted()
    return child.exit_code or 0


def interrupted() -> Trouble:
    """What a cancelled start ends with."""
    return Trouble("Stopped before everything was ready.", code="interrupted")


def started_ticks(pid: int) -> int | None:
    """When a process started, in the kernel's ticks: tells it from a later one with the same pid."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def family(pid: int) -> list[int]:
    """A process and all its descendants, parents first; where there is no /proc, the process only."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def wait_gone(pids: Sequence[int], seconds: float = 10) -> bool:
    """Wait until none of these processes runs any more; whether that came true."""
    deadline = time.monotonic() + seconds
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def last_words(log: Path, lines: int = 3) -> str:
    """The end of a log file on one line."""
    try:
        text = log.read_bytes()[-4000:].decode(errors="replace")
    except OSError:
        return ""
    return " / ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def because(log: Path) -> str:
    """The last line of a log, to follow a statement of what went wrong."""
    words = last_words(log, 1)
    return f": {words.rstrip('.')}" if words else ""


def _die_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    def before_exec() -> None:
        # Runs between fork and exec: nothing here may import or take a lock.
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return before_exec
