"""Disks that a rehearsal can break: loop-mounted ext4 images that lose power or run full.

    with disks.temporary("postgres", "nats", mib=512) as made:
        with Stack.temporary(places={name: disk.path for name, disk in made.items()}) as stack:
            disks.cut_power(stack, made)
            stack.restart("postgres")

A power cut keeps what has reached the block device and loses what the kernel only held in memory. It does
not reorder or tear what has reached the device, as a disk that lies about its flushes would.
"""

import atexit
import contextlib
import errno
import fcntl
import functools
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from deploy.local.postgres import account
from deploy.local.trouble import Trouble

# From linux/fs.h: end a mounted file system at once, without writing even its journal.
_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSHING = struct.pack("I", 2)
_BALLAST = "ballast"
_KEPT_FREE = 8 * 1024
_PATIENCE = 10.0
# Unmounts when the pipe from its parent closes: the only thing that still happens after a kill -9.
_GUARD = 'read -r _; umount -l "$0"; rm -f "$1"; rmdir "$0"'


class Servers(Protocol):
    """What a power cut needs of a stack."""

    def pause(self, name: str) -> None: ...
    def kill(self, name: str) -> None: ...


@dataclass(eq=False, slots=True)
class Disk:
    """One image, mounted at `path`; unmounted and deleted at the latest when this process ends."""

    path: Path
    image: Path
    _guard: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    @classmethod
    def make(cls, folder: Path, name: str, mib: int) -> Self:
        """A fresh disk in a folder, which the unprivileged user of Postgres must be able to pass."""
        disk = cls(folder / name, folder / f"{name}.img")
        _made.add(disk)
        try:
            disk._format(mib)
            disk._watch()
            disk._mount()
            _check_passable(disk.path)
        except BaseException:
            disk.remove()
            raise
        return disk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def mounted(self) -> bool:
        return self.path in _mounts()

    def power_cut(self, freeze: Callable[[], object], end: Callable[[], object]) -> None:
        """Lose what is not on the device. See `power_cut_all`."""
        power_cut_all([self], freeze, end)

    def fill(self) -> None:
        """Take all free space but a few KiB."""
        with (self.path / _BALLAST).open("ab") as ballast:
            while (free := self.free_bytes()) > _KEPT_FREE:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.tell(), free - _KEPT_FREE)
                except OSError as error:
                    # Somebody else was faster; what is left now is asked again.
                    if error.errno != errno.ENOSPC:
                        raise
                ballast.seek(0, os.SEEK_END)
            os.fsync(ballast.fileno())

    def free(self) -> None:
        """Give back what `fill` took, also for the time after a power cut."""
        (self.path / _BALLAST).unlink(missing_ok=True)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def free_bytes(self) -> int:
        """What can still be written."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def remove(self) -> None:
        """Unmount, even where somebody still uses it, and delete. Harmless to repeat."""
        if self.mounted:
            try:
                self._unmount(1.0)
            except Trouble:
                _run("umount", "-l", str(self.path))
        self.image.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()
        if self._guard:
            self._guard.communicate()
            self._guard = None
        _made.discard(self)

    def shut_down(self) -> None:
        """End the file system in this instant: whoever writes from now on gets an I/O error."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _WITHOUT_FLUSHING)
        finally:
            os.close(descriptor)

    def come_back(self) -> None:
        """Mount again what the device holds; all who used the disk must have ended."""
        # Never lazily: two mounts of one image would destroy it.
        self._unmount(_PATIENCE)
        self._mount()

    def _format(self, mib: int) -> None:
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        with self.image.open("xb") as image:
            image.truncate(mib * 1024 * 1024)
        # Nothing for root only, so that the disk is equally full for every server.
        options = ("-b", "4096", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1")
        _run("mkfs.ext4", "-q", "-F", *options, str(self.image))

    def _watch(self) -> None:
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, str(self.path), str(self.image)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _mount(self) -> None:
        options = "loop,noatime,nosuid,nodev,noinit_itable"
        # The loop device of an earlier mount may take a moment to let go of the image.
        _patiently(lambda: _run("mount", "-o", options, str(self.image), str(self.path)), 3.0)
        self.path.chmod(0o711)

    def _unmount(self, seconds: float) -> None:
        _patiently(lambda: _run("umount", str(self.path)), seconds)


_made: set[Disk] = set()


@atexit.register
def _remove_all() -> None:
    for disk in list(_made):
        disk.remove()


def power_cut_all(disks: Iterable[Disk], freeze: Callable[[], object], end: Callable[[], object]) -> None:
    """Cut several disks at one instant.

    `freeze` stops the processes, `end` kills them; afterwards each disk holds what had reached its device,
    and the processes can be started again on the same path.
    """
    affected = list(disks)
    try:
        freeze()
        for disk in affected:
            disk.shut_down()
    finally:
        end()
    for disk in affected:
        disk.come_back()


def cut_power(servers: Servers, disks: Mapping[str, Disk]) -> None:
    """Cut the disks of running servers of a stack, and the servers with them; restarting is the caller's."""

    def freeze() -> None:
        for name in disks:
            servers.pause(name)

    def end() -> None:
        for name in disks:
            servers.kill(name)

    power_cut_all(disks.values(), freeze, end)


@functools.cache
def possible() -> str:
    """Why this machine cannot break disks; empty where it can, which is tried for real once."""
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        return "only root on Linux may mount disks"
    if not Path("/dev/loop-control").exists():
        return "there is no /dev/loop-control"
    missing = [tool for tool in ("mkfs.ext4", "mount", "umount") if not shutil.which(tool)]
    if missing:
        return f"{missing[0]} is not installed"
    try:
        with temporary("probe", mib=16) as made:
            made["probe"].power_cut(lambda: None, lambda: None)
    except (Trouble, OSError) as error:
        return str(error).rstrip(".")
    return ""


@contextlib.contextmanager
def temporary(*names: str, mib: int) -> Iterator[dict[str, Disk]]:
    """Disks by name in a folder of their own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="handrail-disks-"))
    folder.chmod(0o711)
    made: dict[str, Disk] = {}
    try:
        for name in names:
            made[name] = Disk.make(folder, name, mib)
        yield made
    finally:
        for disk in made.values():
            disk.remove()
        sweep(folder)
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path) -> list[Path]:
    """Unmount whatever is mounted below a folder, and say what it was."""
    below = folder.resolve()
    found = [path for path in _mounts() if path.is_relative_to(below) and path != below]
    for path in reversed(found):
        _run("umount", "-l", str(path))
    return found


def _mounts() -> list[Path]:
    lines = Path("/proc/mounts").read_text().splitlines()
    # A blank, tab, newline or backslash in a path is written as \040 and the like.
    return [Path(line.split()[1].encode().decode("unicode_escape")) for line in lines]


def _check_passable(path: Path) -> None:
    who = account()
    if who is None:
        return
    answer = subprocess.run(
        ["test", "-x", str(path)], user=who.uid, group=who.gid, extra_groups=[], cwd="/", check=False
    )
    if answer.returncode:
        raise Trouble(
            f"The user {who.name!r} of the database cannot reach {path}.",
            "Make the disk in a folder that everybody may pass.",
            code="disk_folder",
        )


def _patiently(work: Callable[[], None], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except Trouble:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _run(*argv: str) -> None:
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    if answer.returncode:
        words = (answer.stderr or answer.stdout).strip().splitlines()
        raise Trouble(f"{argv[0]} failed: {words[0] if words else answer.returncode}.", code="disk_failed")
