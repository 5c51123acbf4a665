"""What all consoles share: bytes are kept from the session's start, for any number of readers."""

import asyncio
from abc import abstractmethod
from types import TracebackType
from typing import Self

from jumplab.driver import ByteStream, Driver, errors
from jumplab.drivers.console import ConsoleInterface
from jumplab.session.host import ConsoleBuffer
from jumplab_exporter.drivers.console.ports import Port


class BufferedConsole(ConsoleInterface, Driver):
    """A console whose subclass says how its device is kept open.

    A subclass overrides `_keep_listening`, which calls `_listen` with each port that it opens.
    """

    _port: Port | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._buffer = ConsoleBuffer()
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
    async def _keep_listening(self) -> None:
        """Listens to the device until cancelled; a lost device is for this to handle."""

    async def _run(self) -> None:
        try:
            await self._keep_listening()
        except Exception:  # the other drivers and the session go on
            self.log.exception("the console is not listened to any more")

    async def _listen(self, port: Port) -> None:
        """Keeps what one port says until it hangs up; closes it. Raises OSError where the device is lost."""
        self._port = port
        try:
            while data := await port.read():
                self._buffer.append(data)
        finally:
            self._port = None
            await port.aclose()

    async def _write(self, data: bytes) -> None:
        """What clients type. Raises OSError where the device is lost. Nobody hears what is typed to a closed port."""
        port = self._port
        if port is not None:
            async with self._writing:
                await port.write(data)

    async def attach(self, stream: ByteStream, *, offset: int | None = None) -> None:
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            output = tasks.create_task(self._pass_output(stream, offset), name="a console's output")
            try:
                while data := await stream.receive():
                    await self._write(data)
            except (OSError, errors.DriverError) as error:
                failure = error
            output.cancel()
        if failure is not None:
            raise failure

    async def _pass_output(self, stream: ByteStream, offset: int | None) -> None:
        reader = self._buffer.reader(offset)
        told = 0
        try:
            while data := await reader.read():
                if reader.dropped_bytes > told:
                    self.log.warning("a reader was too slow: %d bytes were dropped", reader.dropped_bytes - told)
                    told = reader.dropped_bytes
                await stream.send(data)
            await stream.send_end()
        except errors.DriverError:
            return  # the client is gone, which the other direction notices too
