"""What a disk is kept on, opened: a file of this host, or a block device. Its methods run in threads."""

import array
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jumplab_exporter.drivers.storage.devices import DeviceRules, NoMedium, judge

_BLKGETSIZE64 = 0x80081272
_BLKFLSBUF = 0x1261

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


class Medium(Protocol):
    """An open disk of a fixed size."""

    size_bytes: int

    def read(self, position: int, size_bytes: int) -> bytes:
        """Some bytes from `position` on, which is within the disk. Raises OSError."""
        ...

    def write(self, data: memoryview, position: int) -> int:
        """Writes some of `data`: how many bytes. Raises OSError."""
        ...

    def flush(self) -> None:
        """Returns once what was written is on the medium. Raises OSError."""
        ...

    def forget(self) -> None:
        """What is read from now on comes from the medium, not from this host's memory."""
        ...

    def close(self) -> None: ...


class FileMedium:
    """A file or a block device.  descriptor: the open file;  is_device: whether it is a block device."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._writing = threading.Lock()
        status = os.fstat(descriptor)
        self.is_device = stat.S_ISBLK(status.st_mode)
        self.size_bytes = _device_size(descriptor) if self.is_device else status.st_size

    def read(self, position: int, size_bytes: int) -> bytes:
        data = os.pread(self.descriptor, size_bytes, position)
        if not data:
            raise OSError(f"the disk ends at {position}; another program has shortened it, or it was unplugged")
        return data

    def write(self, data: memoryview, position: int) -> int:
        with self._writing:
            return os.pwrite(self.descriptor, data, position)

    def flush(self) -> None:
        with self._writing:
            os.fsync(self.descriptor)

    def forget(self) -> None:
        if self.is_device:
            with suppress(PermissionError):  # only root may; what follows reaches those that are clean
                fcntl.ioctl(self.descriptor, _BLKFLSBUF)
        os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """A device that hangs in a thread stays open: the number would be another file's when it goes on."""
        if self._writing.acquire(blocking=False):
            os.close(self.descriptor)


def refuse_kind(path: Path, mode: int) -> None:
    """Refuses what is neither a file nor a block device. Raises ValueError."""
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise ValueError(f"{path} is {kind}; a disk is a file or a block device")


def refuse_device(path: Path, device: int, rules: DeviceRules) -> None:
    """Refuses a block device that leases may not overwrite. Raises ValueError."""
    try:
        judge(device, rules)
    except ValueError as error:
        raise type(error)(f"{path} {error}") from error


def open_file(path: Path, size_bytes: int) -> FileMedium:
    """A file, made with `size_bytes` where it isn't there or is empty. Raises OSError, ValueError."""
    with suppress(FileNotFoundError):
        refuse_kind(path, path.stat().st_mode)  # before it is opened: to open a device may already do something
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is no longer a file")
        if status.st_size == 0:
            os.truncate(descriptor, size_bytes)
        return FileMedium(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def open_device(path: Path, rules: DeviceRules) -> FileMedium:
    """A block device, for nobody else meanwhile, judged as what was opened. Raises OSError, ValueError."""
    named = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(named)
        refuse_kind(path, status.st_mode)
        if not stat.S_ISBLK(status.st_mode):
            raise ValueError(f"{path} is a file, and its settings are those of a device")
        descriptor = _open_alone(path, named, status.st_rdev, rules)
    finally:
        os.close(named)
    try:
        refuse_device(path, os.fstat(descriptor).st_rdev, rules)
        return FileMedium(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _open_alone(path: Path, named: int, device: int, rules: DeviceRules) -> int:
    try:
        return os.open(f"/proc/self/fd/{named}", os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            refuse_device(path, device, rules)  # which may know why
            raise ValueError(f"{path} is in use: another program has opened it for itself, or it is mounted") from error
        if error.errno == errno.ENOMEDIUM:
            raise NoMedium(f"{path} has no medium in it") from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise OSError(
                error.errno,
                f"{path} can't be written: {error.strerror}; is it write-protected, and may "
                "the exporter's user write it?",
            ) from error
        raise OSError(error.errno, f"{path} can't be opened: {error.strerror}") from error


def _device_size(descriptor: int) -> int:
    size = array.array("Q", [0])
    fcntl.ioctl(descriptor, _BLKGETSIZE64, size)
    return size[0]
