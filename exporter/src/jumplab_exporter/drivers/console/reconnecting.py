"""A console whose device may come late and go away: it is opened when it comes, and again when it is back."""

import asyncio
import logging
from abc import abstractmethod
from dataclasses import replace
from types import TracebackType
from typing import Self

from jumplab.drivers.console import ConsoleState
from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console.absence import NotThereYet
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.ports import Port, SerialLine

# A connection that lasted for less counts as one more failure: a server may accept each and end it at once.
_LASTING_SECONDS = 10.0
# A look at a path costs next to nothing, and a board's first words follow soon on its device.
_LOOK_SECONDS = 0.5


class ReconnectingConsole(BufferedConsole):
    """A console whose subclass says how its device is opened, with `_place` and `_open`.

    required: a device that is not there when a lease begins fails the driver.
    """

    required: bool = False

    @property
    @abstractmethod
    def _place(self) -> str:
        """The device, in sentences."""

    @abstractmethod
    async def _open(self) -> Port:
        """Opens the device. Raises NotThereYet where it may still come, another OSError where it can't be opened."""

    @property
    def _is_remote(self) -> bool:
        """Whether each look for the device costs somebody else something."""
        return True

    @property
    def has_check(self) -> bool:
        return self.required

    async def check(self) -> None:
        """A port that was opened works; one that is required and is not there did not start."""
        if self._absence:
            raise ConnectionError(self._absence)

    async def __aenter__(self) -> Self:
        self._absence = ""
        # Output from before the lease: none is in what was not there when it began.
        self._discard = True
        self._told: set[str] = set()
        self._first = await self._open_first()
        try:
            return await super().__aenter__()
        except BaseException:
            if self._first is not None:
                await self._first.aclose()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if self._first is not None:
            await self._first.aclose()  # where it ends before it has begun to listen

    async def state(self) -> ConsoleState:
        return replace(await super().state(), unavailable=self._absence)

    async def _open_first(self) -> Port | None:
        try:
            return await self._open()
        except NotThereYet as error:
            if self.required:
                raise ConnectionError(f"{self._place} can't be opened: {error}") from error
            self._discard = not error.holds_nothing
            self._absence = f"{self._place} is not there yet: {error}"
            sentence = f"{self._place} can't be opened: {error}"
            self._told.add(sentence)
            self.log.warning("not there yet: %s; it is opened when it comes", sentence)
            return None
        except OSError as error:
            raise ConnectionError(f"{self._place} can't be opened: {error}") from error

    async def _read_until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff() if self._is_remote else Backoff(cap_seconds=_LOOK_SECONDS)
        port = self._first or await self._come(backoff)
        while True:
            opened = loop.time()
            self._absence = ""
            self._discard = False
            reason = "it has hung up"
            try:
                await self._listen(port)
            except OSError as error:
                reason = str(error)
            self._absence = f"{self._place} is disconnected: {reason}"
            lasted = loop.time() - opened >= _LASTING_SECONDS
            if lasted:
                backoff.reset()
            if lasted or not self._is_remote:  # a server may go on so, for as long as it has no device
                self._told.clear()
            self._tell(logging.ERROR, f"{self._place} was disconnected: {reason}; it is opened again when it is back")
            port = await self._come(backoff)

    async def _come(self, backoff: Backoff) -> Port:
        """Waits until the device is there, without a bound, and says each reason why it can't be opened once.

        One that is there and can't be opened is tried less and less often: finding out who has it takes a while.
        """
        in_the_way = Backoff()
        while True:
            await backoff.wait()
            try:
                port = await self._open()
            except NotThereYet as error:
                self._discard = self._discard and not error.holds_nothing
                self._tell(logging.WARNING, f"{self._place} can't be opened: {error}")
            except OSError as error:
                self._tell(logging.WARNING, f"{self._place} can't be opened: {error}")
                await in_the_way.wait()
            else:
                self._tell(logging.INFO, f"{self._place} is there")
                return port

    def _tell(self, severity: int, sentence: str) -> None:
        """Says each sentence once, until the device was there for a while."""
        if sentence not in self._told:
            self._told.add(sentence)
            self.log.log(severity, "%s", sentence)

    async def _write(self, data: bytes) -> None:
        self._require_port()
        await super()._write(data)

    def _serial_line(self) -> SerialLine | None:
        self._require_port("nothing was done")
        return super()._serial_line()

    def _require_port(self, consequence: str = "the input did not reach the device") -> None:
        if self._port is None:
            raise ConnectionError(f"{self._absence or f'{self._place} is being opened'}; {consequence}")
