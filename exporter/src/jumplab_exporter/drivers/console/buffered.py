"""What all consoles share: bytes are kept from the session's start, for any number of readers."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Annotated, Self

from pydantic import Field

from jumplab.driver import ByteStream, Driver, errors
from jumplab.drivers.console import ConsoleInterface, ConsoleState, Gap
from jumplab_exporter.drivers.console.buffer import ConsoleBuffer, ConsoleReader
from jumplab_exporter.drivers.console.ports import Port, SerialLine
from jumplab_exporter.drivers.console.writers import Writers
from jumplab_exporter.drivers.sizes import in_units_of

MEMORY_KIB = 1024
DISK_MIB = 256
_LONGEST_BREAK_SECONDS = 10.0
MemoryKib = Annotated[int, in_units_of(1 << 10), Field(ge=64)]
DiskMib = Annotated[int, in_units_of(1 << 20), Field(ge=0)]


class BufferedConsole(ConsoleInterface, Driver):
    """A console whose subclass says how its device is kept open.

    memory_kib: how much of what the device says is kept in memory;  disk_mib: how much of what is older is kept on
    disk, 0: none.

    A subclass overrides `_read_until_closed`, which calls `_listen` with each port that it opens.
    """

    memory_kib: MemoryKib = MEMORY_KIB
    disk_mib: DiskMib = DISK_MIB

    _port: Port | None = None
    _record: Callable[[bytes], None] | None = None

    def record_to(self, take: Callable[[bytes], None]) -> None:
        self._record = take

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._buffer = ConsoleBuffer(self.memory_kib << 10, self.disk_mib << 20, warn=self.log.warning)
        self._writers = Writers()
        self._writing = asyncio.Lock()
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._listening = self._tasks.create_task(self._run(), name=f"listening to {type(self).__name__}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.cancel()
        await self._tasks.__aexit__(None, None, None)
        self._buffer.close()
        await super().__aexit__(kind, error, traceback)

    @abstractmethod
    async def _read_until_closed(self) -> None:
        """Listens to the device until cancelled; a lost device is for this to handle."""

    async def _run(self) -> None:
        try:
            await self._read_until_closed()
        except OSError as error:
            self.log.error("the console is not read any more: %s", error)
        except Exception:  # the other drivers and the session go on
            self.log.exception("reading the console failed; it is not read any more")

    async def _listen(self, port: Port) -> None:
        """Keeps what one port says until it hangs up; closes it. Raises OSError where the device is lost."""
        self._port = port
        try:
            while data := await port.read():
                self._buffer.append(data)
                if self._record is not None:
                    self._record(data)
        finally:
            self._port = None
            await port.aclose()

    async def _write(self, data: bytes) -> None:
        """What clients type. Raises OSError where the device is lost. Nobody hears what is typed to a closed port."""
        port = self._port
        if port is not None:
            await port.write(data)

    async def attach(self, stream: ByteStream, *, offset: int | None = None, exclusive: bool = False) -> Gap | None:
        failure: Exception | None = None
        reader = self._buffer.reader(offset)
        with self._writers.joined(exclusive=exclusive) as check:
            async with asyncio.TaskGroup() as tasks:
                output = tasks.create_task(self._pass_output(stream, reader), name="a console's output")
                try:
                    while data := await stream.receive():
                        async with self._writing:
                            check()
                            await self._write(data)
                except (OSError, errors.DriverError) as error:
                    failure = error
                output.cancel()
        if failure is not None:
            raise failure
        return None if output.cancelled() else output.result()

    def end_offset(self) -> int:
        return self._buffer.end_offset

    async def state(self) -> ConsoleState:
        return self._buffer.state

    async def send_break(self, seconds: float = 0.25) -> None:
        if not 0 < seconds <= _LONGEST_BREAK_SECONDS:
            raise ValueError(
                f"a break takes more than 0 and at most {_LONGEST_BREAK_SECONDS:g} seconds, not {seconds:g}"
            )
        line = self._serial_line()
        if line is None:
            await super().send_break(seconds)
        else:
            with _explaining("the break could not be sent"):
                await line.send_break(seconds)

    async def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        if dtr is None and rts is None:
            raise ValueError("name dtr or rts, or both, each with true or false")
        line = self._serial_line()
        if line is None:
            await super().set_lines(dtr=dtr, rts=rts)
        else:
            with _explaining("DTR and RTS could not be set"):
                await line.set_lines(dtr=dtr, rts=rts)

    def _serial_line(self) -> SerialLine | None:
        """The line with its signals, None where this kind of port has none."""
        return self._port if isinstance(self._port, SerialLine) else None

    async def _pass_output(self, stream: ByteStream, reader: ConsoleReader) -> Gap | None:
        """Sends what the device says until the console ends or the client has missed something: the Gap."""
        try:
            while data := await reader.read():
                if isinstance(data, Gap):
                    self.log.warning("a reader was too slow: %d bytes were dropped before it", data.size_bytes)
                    break
                await stream.send(data)
            await stream.send_end()
        except errors.DriverError:
            return None  # the client is gone, which the other direction notices too
        return data if isinstance(data, Gap) else None


@contextmanager
def _explaining(failure: str) -> Iterator[None]:
    """What the kernel refuses is told as a sentence."""
    try:
        yield
    except OSError as error:
        raise type(error)(f"{failure}: {error.strerror or error}") from error
