"""A disk: a file on this host, or a block device."""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import IPvAnyNetwork

from jumplab.driver import ByteStream, Driver, errors, progress
from jumplab.drivers.storage import Digest, InterruptedWrite, StorageInterface
from jumplab_exporter.drivers.sizes import Size, SizeMib
from jumplab_exporter.drivers.storage import qcow2
from jumplab_exporter.drivers.storage.devices import DeviceRules, NoMedium
from jumplab_exporter.drivers.storage.medium import (
    FileMedium,
    Medium,
    open_device,
    open_file,
    refuse_device,
    refuse_kind,
)
from jumplab_exporter.drivers.storage.nbd import open_qcow2
from jumplab_exporter.drivers.storage.origin import mark_leased, refuse_other_format
from jumplab_exporter.drivers.storage.settings import DiskFormat
from jumplab_exporter.drivers.storage.upload import Abandoned, Upload
from jumplab_exporter.drivers.storage.write_thread import RunningWrite
from jumplab_exporter.drivers.storage.writing import Order, Write, require_sha256

_BLOCK_BYTES = 256 << 10
_MIB = 1 << 20
_DEVICES = Path("/dev")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - files there are files


class FileDisk(StorageInterface, Driver):
    """A disk of a fixed size, in a file or on a block device.

    path: the file, which stays, made if it isn't there; or the device. None: a file without a name, gone with the
    session.  size_mib: the size of a disk that is made; an existing one keeps its own.
    format: what the file is. It is never found out from what is in it.

    For a device:  serial: the serial number that it must have;  max_size: how large it may be;  allow_fixed: it need
    not be removable;  allow_loop: it may be a loop device.

    fetch_from: the networks, beside public addresses, from which images are fetched.
    """

    path: Path | None = None
    size_mib: SizeMib = 64
    format: DiskFormat = DiskFormat.RAW
    serial: str | None = None
    max_size: Size | None = None
    allow_fixed: bool = False
    allow_loop: bool = False
    fetch_from: tuple[IPvAnyNetwork, ...] = ()

    def __init__(
        self,
        *,
        why_in_use: Callable[[], str] = lambda: "",
        files_only: bool = False,
        qcow2_advice: str = "and format is raw; set format: qcow2, or convert it with qemu-img",
        **configuration: object,
    ) -> None:
        """For boards with a disk.

        why_in_use: why the disk must not be written right now, as a sentence, or "".  files_only: no devices.
        qcow2_advice: what to do with a qcow2 file where the disk is raw, as the end of a sentence.
        """
        super().__init__(**configuration)
        self._why_in_use = why_in_use
        self._files_only = files_only
        self._qcow2_advice = qcow2_advice
        self._rules = DeviceRules(self.allow_fixed, self.allow_loop, self.max_size, self.serial)
        self._file: FileMedium | None = None
        self._is_busy = False
        self._latest: RunningWrite | None = None
        try:
            self._is_device = self._names_device()
            self._refuse_misfit()
        except ValueError as error:
            raise errors.ConfigurationInvalid(str(error)) from error

    async def __aenter__(self) -> Self:
        if self._is_device:
            await self._try_device()
        elif self.format is DiskFormat.QCOW2:
            await self._prepare_qcow2()
        else:
            self._file = await asyncio.to_thread(self._open_file)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._latest is not None:
            self._latest.abandon()
            self._latest = None
        if self._file is not None:
            self._file.close()
        await super().__aexit__(kind, error, traceback)

    @property
    def is_device(self) -> bool:
        """Whether it is a block device, not a file."""
        return self._is_device

    @property
    def is_busy(self) -> bool:
        """Whether a device is being read or written."""
        return self._is_busy

    def try_device(self) -> None:
        """Opens the device and closes it. Raises FileNotFoundError, NoMedium, ValueError, OSError. Blocks."""
        self._open_device().close()

    @property
    def descriptor(self) -> int:
        """The open file of a raw disk, for who starts the device."""
        assert self._file is not None
        return self._file.descriptor

    async def size(self) -> int:
        if self._file is not None:
            return self._file.size_bytes
        if not self._is_device:
            return (await asyncio.to_thread(qcow2.header_of, self._named_path)).size_bytes
        async with self._opened() as medium:
            return medium.size_bytes

    async def write(
        self,
        stream: ByteStream,
        *,
        offset_bytes: int = 0,
        size_bytes: int | None = None,
        unpacked_bytes: int | None = None,
        unpack: bool = False,
        verify: bool = False,
        resume_sha256: str | None = None,
    ) -> Digest:
        self._refuse_while_in_use()
        if resume_sha256 is not None:
            return await self._resume(stream, resume_sha256, verify=verify)
        order = Order(offset_bytes, size_bytes, unpacked_bytes, unpack, verify)
        async with self._opened() as medium:
            order.refuse_what_does_not_fit(medium.size_bytes)
            return await self._run_write(medium, stream.receive, order)

    async def interrupted_write(self) -> InterruptedWrite | None:
        running = self._latest
        if running is None or running.write.order.is_fetched:
            return None
        await running.take_over()
        if not running.is_kept:
            return None
        upload, order = running.write.upload, running.write.order
        return InterruptedWrite(
            offset_bytes=order.offset_bytes,
            size_bytes=order.size_bytes,
            unpack=order.unpack,
            received_bytes=upload.size_bytes,
            sha256=upload.sha256.hexdigest(),
        )

    async def fetch(
        self,
        url: str,
        *,
        offset_bytes: int = 0,
        sha256: str | None = None,
        unpack: bool = True,
        verify: bool = False,
    ) -> Digest:
        from jumplab_exporter.drivers.storage.fetch import fetching  # aiohttp takes long to load, and few need it

        require_sha256(sha256)
        self._refuse_while_in_use()
        async with self._opened() as medium, fetching(url, self.fetch_from, self.log) as image:
            order = Order(offset_bytes, image.size_bytes, None, unpack, verify, sha256, is_fetched=True)
            order.refuse_what_does_not_fit(medium.size_bytes)
            return await self._run_write(medium, image.receive, order)

    async def read(self, stream: ByteStream, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        return await self._read(offset_bytes, size_bytes, stream.send, "reading")

    async def checksum(self, *, offset_bytes: int = 0, size_bytes: int | None = None) -> Digest:
        async def pass_by(_: bytes) -> None:
            """The hash is all that is wanted."""

        return await self._read(offset_bytes, size_bytes, pass_by, "comparing")

    async def _read(
        self, offset_bytes: int, size_bytes: int | None, send: Callable[[bytes], Awaitable[None]], doing: str
    ) -> Digest:
        if self.format is DiskFormat.QCOW2:
            self._refuse_while_in_use()
        async with self._opened() as medium:
            if not 0 <= offset_bytes <= medium.size_bytes:
                raise ValueError(f"offset_bytes is {offset_bytes}; the disk has {medium.size_bytes} bytes")
            end = medium.size_bytes if size_bytes is None else offset_bytes + size_bytes
            if end > medium.size_bytes or end < offset_bytes:
                raise ValueError(
                    f"the disk has {medium.size_bytes} bytes: there are no {size_bytes} from {offset_bytes} on"
                )
            sha256, position = hashlib.sha256(), offset_bytes
            while position < end:
                data = await asyncio.to_thread(medium.read, position, min(_BLOCK_BYTES, end - position))
                await send(data)
                sha256.update(data)
                position += len(data)
                progress(position - offset_bytes, end - offset_bytes, doing)
        return Digest(size_bytes=end - offset_bytes, sha256=sha256.hexdigest())

    async def _run_write(self, medium: Medium, receive: Callable[[], Awaitable[bytes]], order: Order) -> Digest:
        self._drop_interrupted()
        running = RunningWrite(Write(medium, Upload(), order, self._is_device, self._refuse_while_in_use))
        self._latest = running
        return await self._feed(running, receive)

    async def _feed(self, running: RunningWrite, receive: Callable[[], Awaitable[bytes]]) -> Digest:
        try:
            return await running.feed(receive, self.log.warning)
        finally:
            if self._latest is not running:
                running.abandon()
            if self._file is not None:
                running.release()  # a device is closed before

    async def _resume(self, stream: ByteStream, sha256: str, *, verify: bool) -> Digest:
        running = self._latest
        if running is None or not running.is_kept or running.write.upload.sha256.hexdigest() != sha256:
            raise ValueError("there is no interrupted write that begins so; write the image from its beginning")
        write = running.write
        async with self._opened() as medium:
            write.order.refuse_size(write.written_bytes, medium.size_bytes)
            with suppress(Abandoned):
                await asyncio.to_thread(write.require_begin, medium)
            if not running.is_kept:
                raise ValueError("another client has begun a write meanwhile; write the image from its beginning")
            write.medium, write.order = medium, replace(write.order, verify=verify)
            return await self._feed(running, stream.receive)

    def _drop_interrupted(self) -> None:
        if self._latest is not None and self._latest.is_kept:
            self._latest.abandon()
            self._latest = None

    def head(self) -> bytes:
        """Its first MiB, for a device that looks for a file system."""
        assert self._file is not None
        return self._file.read(0, _MIB)

    def _names_device(self) -> bool:
        if self.path is None:
            return False
        try:
            return stat.S_ISBLK(self.path.stat().st_mode)
        except OSError:
            is_there = _DEVICES in self.path.parents and _SHARED_MEMORY not in self.path.parents
            return is_there or self._rules != DeviceRules()

    def _refuse_misfit(self) -> None:
        """Looks at what the path names, without opening a device. Raises ValueError."""
        if self._is_device and self._files_only:
            raise ValueError(f"{self.path} is a device; the disk of a virtual board is a file")
        if self._is_device and self.format is not DiskFormat.RAW:
            raise ValueError(f"format is {self.format}, and {self.path} is a device; its format is raw")
        if self.path is None:
            if self.format is not DiskFormat.RAW or self._rules != DeviceRules():
                raise ValueError(
                    "format and the settings of devices are for a disk that is named; name its file or device"
                )
            return
        try:
            status = self.path.stat()
        except OSError:
            return  # said when it is opened
        refuse_kind(self.path, status.st_mode)
        if self._is_device:
            with suppress(NoMedium):  # a card may come, as a device may
                refuse_device(self.path, status.st_rdev, self._rules)
        elif self._rules != DeviceRules():
            raise ValueError(f"{self.path} is a file; serial, max_size, allow_fixed and allow_loop are for devices")
        else:
            with suppress(PermissionError):  # said when it is opened
                self._refuse_other_format()

    def _refuse_other_format(self) -> None:
        refuse_other_format(self._named_path, self.format, self._qcow2_advice)

    @property
    def _named_path(self) -> Path:
        assert self.path is not None
        return self.path

    def _open_file(self) -> FileMedium:
        if self.path is None:
            with tempfile.TemporaryFile() as nameless:
                nameless.truncate(self.size_mib * _MIB)
                return FileMedium(os.dup(nameless.fileno()))
        self._refuse_other_format()
        file = open_file(self.path, self.size_mib * _MIB)
        self._mark()
        return file

    def _mark(self) -> None:
        if problem := mark_leased(self._named_path, self.format):
            self.log.warning("%s", problem)

    async def _prepare_qcow2(self) -> None:
        qcow2.program("qemu-nbd")
        if not self._named_path.exists() or not self._named_path.stat().st_size:
            await qcow2.create(self._named_path, self.size_mib * _MIB)
        self._refuse_other_format()
        self._mark()

    async def _try_device(self) -> None:
        """A device that leases must not have fails the driver. One that isn't there, or is empty, may still come."""
        try:
            async with self._opened():
                pass
        except (FileNotFoundError, NoMedium) as error:
            self.log.warning("%s", error)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Medium]:
        """The disk, open. A device is opened and judged anew each time: it may have been switched, or changed."""
        if self._file is not None:
            yield self._file
            return
        if self._is_busy:
            raise ValueError("the disk is being read or written; try again when that has ended")
        self._is_busy = True
        try:
            if not self._is_device:
                async with open_qcow2(self._named_path) as content:
                    yield content
                return
            device = await asyncio.to_thread(self._open_device)
            try:
                yield device
            finally:
                await asyncio.to_thread(device.close)
        finally:
            self._is_busy = False
            if self._latest is not None:
                self._latest.release()

    def _open_device(self) -> FileMedium:
        try:
            return open_device(self._named_path, self._rules)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"there is no {self.path}: is it plugged in, and switched to the exporter's host?"
            ) from error

    def _refuse_while_in_use(self) -> None:
        if reason := self._why_in_use():
            raise ValueError(reason)
