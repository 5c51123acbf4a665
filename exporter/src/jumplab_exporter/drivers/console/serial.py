"""A serial port on the lab host or at a console server, by its path or URL."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from jumplab.drivers.console import ConsoleState
from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console import modem_lines
from jumplab_exporter.drivers.console.absence import NotThereYet
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.line import Baudrate, Delay, FlowControl, Level, Line, Parity
from jumplab_exporter.drivers.console.opening import (
    device_of,
    is_at_a_server,
    is_known_missing,
    open_port,
    problem_of,
    scheme_of,
)
from jumplab_exporter.drivers.console.ports import Port, SerialLine

# A connection that lasted for less counts as one more failure: a server may accept each and end it at once.
_LASTING_SECONDS = 10.0
# A look at a path costs next to nothing, and a board's first words follow soon on its device.
_LOOK_SECONDS = 0.5


class SerialConsole(BufferedConsole):
    """The console on a serial port.

    url: a device (prefer /dev/serial/by-id/…), `socket://HOST:PORT`, `rfc2217://HOST:PORT`, or one of pyserial's URLs;
    baudrate: bits per second;  data_bits, parity, stop_bits: how a byte is sent;  flow_control: `hardware` is RTS/CTS,
    `software` is XON/XOFF;  dtr, rts: what these signals are from the opening on, `unchanged`: as the system leaves
    them;  hangup: whether closing lowers them;  char_delay: a pause after each character that is typed.
    required: a device that is not there when a lease begins fails the driver.

    What the device said before the lease is discarded, and what has not reached it when the port is closed, as far as
    the kind of port allows. What it does not allow is logged once, and the console works without.
    A device that is not there yet is opened when it comes, and one that is lost when it is back; until then what is
    typed is refused. One that can't be used as it is configured, or that is in use, fails the driver.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"url": "/dev/ttyUSB0", "baudrate": 115200}

    url: str
    baudrate: Baudrate = 115200
    data_bits: Literal[5, 6, 7, 8] = 8
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    flow_control: FlowControl = "none"
    dtr: Level = "on"
    rts: Level = "on"
    hangup: Level = "unchanged"
    char_delay: Delay = 0.0
    required: bool = False

    @property
    def has_check(self) -> bool:
        return self.required

    async def check(self) -> None:
        """A port that was opened works; one that is required and is not there did not start."""
        if self._absence:
            raise ConnectionError(self._absence)

    def exclusive_device(self) -> str:
        return device_of(self.url)

    def missing_device(self) -> str:
        return self.url if is_known_missing(self.url) else ""

    def device_problem(self) -> str:
        problem = problem_of(self.url)
        return f"{self.url} can't be opened: {problem}" if problem else ""

    async def __aenter__(self) -> Self:
        self._warned: set[str] = set()
        self._absence = ""
        # Output from before the lease: none is in what was not there when it began.
        self._discard = True
        self._told: set[str] = set()
        self._first = await self._open_first()
        try:
            entered = await super().__aenter__()
        except BaseException:
            if self._first is not None:
                await self._first.aclose()
            raise
        modem_lines.claim(self)
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        modem_lines.give_up(self)
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
                raise ConnectionError(f"{self.url} can't be opened: {error}") from error
            self._discard = not error.holds_nothing
            self._absence = f"{self.url} is not there yet: {error}"
            sentence = f"{self.url} can't be opened: {error}"
            self._told.add(sentence)
            self.log.warning("not there yet: %s; it is opened when it comes", sentence)
            return None
        except OSError as error:
            raise ConnectionError(f"{self.url} can't be opened: {error}") from error

    async def _read_until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff() if is_at_a_server(self.url) else Backoff(cap_seconds=_LOOK_SECONDS)
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
            self._absence = f"{self.url} is disconnected: {reason}"
            lasted = loop.time() - opened >= _LASTING_SECONDS
            if lasted:
                backoff.reset()
            if lasted or not is_at_a_server(self.url):  # a server may go on so, for as long as it has no device
                self._told.clear()
            self._tell(logging.ERROR, f"{self.url} was disconnected: {reason}; it is opened again when it is back")
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
                self._tell(logging.WARNING, f"{self.url} can't be opened: {error}")
            except OSError as error:
                self._tell(logging.WARNING, f"{self.url} can't be opened: {error}")
                await in_the_way.wait()
            else:
                self._tell(logging.INFO, f"{self.url} is there")
                return port

    def _tell(self, severity: int, sentence: str) -> None:
        """Says each sentence once, until the device was there for a while."""
        if sentence not in self._told:
            self._told.add(sentence)
            self.log.log(severity, "%s", sentence)

    async def _write(self, data: bytes) -> None:
        if not self.char_delay:
            self._require_port()
            await super()._write(data)
            return
        for index in range(len(data)):
            self._require_port()
            await super()._write(data[index : index + 1])
            await asyncio.sleep(self.char_delay)

    def _require_port(self, consequence: str = "the input did not reach the device") -> None:
        if self._port is None:
            raise ConnectionError(f"{self._absence or f'{self.url} is being opened'}; {consequence}")

    def _serial_line(self) -> SerialLine | None:
        self._require_port("nothing was done")
        if scheme_of(self.url) == "socket":
            raise NotImplementedError(
                f"{self.url}: plain TCP carries bytes alone, no break, DTR or RTS; a server that speaks RFC 2217 has "
                "them, by rfc2217://"
            )
        return super()._serial_line()

    async def _open(self) -> Port:
        line = Line(
            baudrate=self.baudrate,
            data_bits=self.data_bits,
            parity=self.parity,
            stop_bits=self.stop_bits,
            flow_control=self.flow_control,
            dtr=self.dtr,
            rts=self.rts,
            hangup=self.hangup,
        )
        try:
            return await open_port(self.url, line, self._warn_once, discard=self._discard)
        except ValueError as error:
            raise ConnectionError(str(error)) from error

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.log.warning("%s: %s", self.url, sentence)
