"""A serial port on the lab host or at a console server, by its path or URL."""

import asyncio
from typing import Annotated, Literal, Self

from pydantic import Field

from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.line import FlowControl, Line, Parity
from jumplab_exporter.drivers.console.opening import open_port
from jumplab_exporter.drivers.console.ports import Port

# The four bytes that RFC 2217 and the kernel have for it; 0 hangs up.
Baudrate = Annotated[int, Field(ge=1, le=2**32 - 1)]
# A connection that lasted for less counts as one more failure: a server may accept each and end it at once.
_LASTING_SECONDS = 10.0


class SerialConsole(BufferedConsole):
    """The console on a serial port.

    url: a device (prefer /dev/serial/by-id/…), `socket://HOST:PORT`, `rfc2217://HOST:PORT`, or one of pyserial's URLs;
    baudrate: bits per second;  data_bits, parity, stop_bits: how a byte is sent;  flow_control: `hardware` is RTS/CTS,
    `software` is XON/XOFF.

    What the device said before the port was opened is discarded, and what has not reached it when the port is closed,
    as far as the kind of port allows. What it does not allow is logged once, and the console works without.
    A port that can't be opened at the start fails the driver. One that is lost later is opened again as soon as it is
    back; what is typed meanwhile is refused.
    """

    url: str
    baudrate: Baudrate = 115200
    data_bits: Literal[5, 6, 7, 8] = 8
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    flow_control: FlowControl = "none"

    async def __aenter__(self) -> Self:
        self._warned: set[str] = set()
        self._first = await self._open()
        try:
            return await super().__aenter__()
        except BaseException:
            await self._first.aclose()
            raise

    async def _read_until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff()
        port = self._first
        while True:
            opened = loop.time()
            reason = "it has hung up"
            try:
                await self._listen(port)
            except OSError as error:
                reason = str(error)
            self.log.error("%s was disconnected: %s; it is opened again when it is back", self.url, reason)
            if loop.time() - opened >= _LASTING_SECONDS:
                backoff.reset()
            port = await self._reopen(backoff)

    async def _reopen(self, backoff: Backoff) -> Port:
        before = ""
        while True:
            await backoff.wait()
            try:
                port = await self._open()
            except OSError as error:
                if str(error) != before:
                    self.log.warning("%s", error)
                before = str(error)
                continue
            self.log.info("%s is back", self.url)
            return port

    async def _write(self, data: bytes) -> None:
        if self._port is None:
            raise ConnectionError(f"{self.url} is disconnected; the input did not reach the device")
        await super()._write(data)

    async def _open(self) -> Port:
        line = Line(self.baudrate, self.data_bits, self.parity, self.stop_bits, self.flow_control)
        try:
            return await open_port(self.url, line, self._warn_once)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"{self.url} can't be opened: {error}") from error

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.log.warning("%s: %s", self.url, sentence)
