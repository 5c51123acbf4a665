"""One process for each device of this machine: taking it, and naming who has it.

A lock (flock) keeps out what asks for it, as most terminal programs do; TIOCEXCL keeps out everything else but root.
"""

import errno
import fcntl
import os
import stat
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LOCK_FILES = Path("/var/lock")  # /var/lock/LCK..ttyS0 (Filesystem Hierarchy Standard 3.0, 5.9)
_LONGEST_COMMAND = 100
_PTY_MAJORS = range(136, 144)  # of the ends that programs open (Documentation/admin-guide/devices.txt)
REFUSALS = frozenset((errno.EBUSY, errno.EAGAIN))
"""How the kernel says that somebody else has a device, or its lock."""


class DeviceInUse(OSError):
    """Another process has the device for itself, or another driver of this one."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f'process {self.pid} ("{self.command}")'


def take(descriptor: int, path: str) -> None:
    """Keeps others from an open device until `release`, or until the process ends. Raises DeviceInUse."""
    if owner := _lock_file_owner(path):
        raise DeviceInUse(f"it is in use by {owner}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise in_use(path) from error
    # A pseudo terminal keeps this where its holder is killed, and only root could open it again.
    if os.geteuid() == 0 or not is_pseudo_terminal(os.fstat(descriptor)):
        with suppress(OSError, termios.error):  # no terminal, or one that is just going
            fcntl.ioctl(descriptor, termios.TIOCEXCL)


def release(descriptor: int) -> None:
    """Lets others open the device; the lock goes with the descriptor."""
    with suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCNXCL)


def in_use(path: str) -> DeviceInUse:
    """Says who has it."""
    others = holders(path) or holders(path, makers=True)
    if others:
        who = " and ".join(map(str, others))
    elif _is_open_here(path):
        who = "another driver of this exporter; remove one of the two, or make it a `ref` to the other"
    else:
        who = f"another process, which this user can't see; as root, fuser {path} names it"
    return DeviceInUse(f"it is in use by {who}")


def holders(path: str, *, makers: bool = False) -> list[Holder]:
    """The other processes that have a device open, as far as this user can see.

    makers: also those at the other end of a pseudo terminal, whose it is to be there.
    """
    try:
        device = os.stat(path)
    except OSError:
        return []
    found = []
    for process in sorted(_PROC.glob("[0-9]*"), key=lambda folder: int(folder.name)):
        pid = int(process.name)
        if pid != os.getpid() and _has_open(process, device) and (makers or not _has_other_end(process, device)):
            found.append(Holder(pid, _command(process)))
    return found


def is_pseudo_terminal(status: os.stat_result) -> bool:
    """Whether a file has a program at its other end instead of a line."""
    return stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) in _PTY_MAJORS


def _lock_file_owner(path: str) -> Holder | None:
    """The other process that lives and has the device by a lock file, which some programs use in place of a lock."""
    try:
        text = (_LOCK_FILES / f"LCK..{Path(os.path.realpath(path)).name}").read_bytes()
        pid = int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return None
    alive = pid > 0 and (_PROC / str(pid)).exists()
    return Holder(pid, _command(_PROC / str(pid))) if alive and pid != os.getpid() else None


def _is_open_here(path: str) -> bool:
    try:
        return _has_open(_PROC / "self", os.stat(path))
    except OSError:
        return False


def _has_open(process: Path, device: os.stat_result) -> bool:
    return any(_is(descriptor, device) for descriptor in _devices(process))


def _is(descriptor: Path, device: os.stat_result) -> bool:
    try:
        status = descriptor.stat()
    except OSError:
        return False
    if stat.S_ISCHR(device.st_mode) and not is_pseudo_terminal(device):
        return status.st_rdev == device.st_rdev and stat.S_ISCHR(status.st_mode)
    return os.path.samestat(status, device)  # two containers' pseudo terminals may have one number


def _has_other_end(process: Path, device: os.stat_result) -> bool:
    """Whether the process made this pseudo terminal, and is the device."""
    if not is_pseudo_terminal(device):
        return False
    number = os.minor(device.st_rdev)
    for descriptor in _devices(process):
        with suppress(OSError):
            lines = (process / "fdinfo" / descriptor.name).read_text().splitlines()
            if any(line.split() == ["tty-index:", str(number)] for line in lines):  # only of a master
                return True
    return False


def _devices(process: Path) -> list[Path]:
    """Its descriptors below /dev; what lies elsewhere may be on a server that does not answer. None of a stranger's."""
    found = []
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if os.readlink(descriptor).startswith("/dev/"):
                    found.append(descriptor)
    return found


def _command(process: Path) -> str:
    """What it was called with, or its name alone."""
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        text = b" ".join(words).decode(errors="replace") or (process / "comm").read_text().strip()
        return text if len(text) <= _LONGEST_COMMAND else f"{text[: _LONGEST_COMMAND - 1]}…"
    return "ended meanwhile"
