"""A serial port on the lab host or at a console server, by its path or URL."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from jumplab_exporter.drivers.console import modem_lines
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
from jumplab_exporter.drivers.console.reconnecting import ReconnectingConsole


class SerialConsole(ReconnectingConsole):
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

    @property
    def _place(self) -> str:
        return self.url

    @property
    def _is_remote(self) -> bool:
        return is_at_a_server(self.url)

    def exclusive_device(self) -> str:
        return device_of(self.url)

    def missing_device(self) -> str:
        return self.url if is_known_missing(self.url) else ""

    def device_problem(self) -> str:
        problem = problem_of(self.url)
        return f"{self.url} can't be opened: {problem}" if problem else ""

    async def _write(self, data: bytes) -> None:
        if not self.char_delay:
            await super()._write(data)
            return
        for index in range(len(data)):
            await super()._write(data[index : index + 1])
            await asyncio.sleep(self.char_delay)

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

    async def __aenter__(self) -> Self:
        self._warned: set[str] = set()
        entered = await super().__aenter__()
        modem_lines.claim(self)
        return entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        modem_lines.give_up(self)
        await super().__aexit__(kind, error, traceback)

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.log.warning("%s: %s", self.url, sentence)
