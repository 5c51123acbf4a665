"""DTR and RTS of a serial port as lines."""

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, Literal

from jumplab.driver import errors
from jumplab_exporter.drivers.console import modem_lines
from jumplab_exporter.drivers.console.line import Level
from jumplab_exporter.drivers.console.line import Line as LineSettings
from jumplab_exporter.drivers.console.opening import (
    is_at_a_server,
    is_known_missing,
    open_port,
    problem_of,
    scheme_of,
)
from jumplab_exporter.drivers.console.ports import Port, SerialLine
from jumplab_exporter.drivers.lines.uses import Line

Signal = Literal["dtr", "rts"]


class SerialPortLine(Line):
    """DTR or RTS of a serial port.  See the drivers for the settings."""

    example_configuration: ClassVar[Mapping[str, Any]] = {"url": "/dev/ttyUSB0", "signal": "dtr"}

    url: str
    signal: Signal
    active_low: bool = False
    _active = False
    _own: "OwnPort | None" = None

    def __init__(self, **configuration: Any) -> None:
        super().__init__(**configuration)
        if scheme_of(self.url) == "socket":
            raise errors.ConfigurationInvalid(
                f"url: {self.url} is plain TCP, which has no DTR and RTS; a server that speaks RFC 2217 has them, "
                "by rfc2217://"
            )

    def exclusive_device(self) -> str:
        """None: the port is shared with a console, and with other lines of it."""
        return ""

    def missing_device(self) -> str:
        return self.url if is_known_missing(self.url) else ""

    def device_problem(self) -> str:
        problem = problem_of(self.url)
        return f"{self.url} can't be opened: {problem}" if problem else ""

    @property
    def has_check(self) -> bool:
        return not is_at_a_server(self.url)

    async def check(self) -> None:
        """Looks whether the device is there, and does not open it: that would raise both signals."""
        if is_known_missing(self.url):
            raise ConnectionError(f"{self.url} can't be opened: there is no such device")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            if self._own is not None:
                await self._own.leave()
                self._own = None

    async def _switch(self, *, active: bool) -> None:
        raised = active != self.active_low
        lines = self._lines()
        if self.signal == "dtr":
            await lines.set_lines(dtr=raised, rts=None)
        else:
            await lines.set_lines(dtr=None, rts=raised)
        self._active = active

    async def _is_active(self) -> bool:
        return self._active

    def _lines(self) -> modem_lines.ModemLines:
        """The console's that has the port, else the port that was opened for lines alone."""
        if self._own is not None:
            return self._own
        found = modem_lines.claimed(self.url)
        if found is not None and not isinstance(found, OwnPort):
            return found
        self._own = found or OwnPort(self.url, self.log)
        self._own.join()
        return self._own


class OwnPort:
    """A port that is opened for its signals alone, at their first use, and again where it was lost.

    What it says is dropped.
    """

    def __init__(self, url: str, log: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> None:
        self.url = url
        self._log = log
        self._users = 0
        self._opening = asyncio.Lock()
        self._dtr: Level = "unchanged"
        self._rts: Level = "unchanged"
        self._port: Port | None = None
        self._reading: asyncio.Task[None] | None = None

    def join(self) -> None:
        """One more line uses it; the first one claims the port."""
        if not self._users:
            modem_lines.claim(self)
        self._users += 1

    async def leave(self) -> None:
        """One line less uses it; after the last one it is closed, and the signals stay where the system lets them."""
        self._users -= 1
        if self._users:
            return
        modem_lines.give_up(self)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        """Raises OSError with a sentence, and NotImplementedError where the port has no such signals."""
        async with self._opening:
            if dtr is not None:
                self._dtr = _level(dtr)
            if rts is not None:
                self._rts = _level(rts)
            port = self._port or await self._open()
            if not isinstance(port, SerialLine):
                raise NotImplementedError(f"{self.url} has no DTR and RTS")
            try:
                await port.set_lines(dtr=dtr, rts=rts)
            except OSError as error:
                raise OSError(f"{self.url}: DTR and RTS could not be set: {error.strerror or error}") from error

    async def _open(self) -> Port:
        # A server decides itself over its line at the end; a terminal's signals are to stay.
        hangup: Level = "unchanged" if is_at_a_server(self.url) else "off"
        line = LineSettings(dtr=self._dtr, rts=self._rts, hangup=hangup)
        try:
            port = await open_port(self.url, line, lambda sentence: self._log.info("%s: %s", self.url, sentence))
        except (OSError, ValueError) as error:
            raise ConnectionError(f"{self.url} can't be opened: {error}") from error
        self._port = port
        self._reading = asyncio.create_task(self._drop_input(port), name=f"reading {self.url}")
        return port

    async def _drop_input(self, port: Port) -> None:
        """Reads, so that answers of a server are seen, and that the port is lost."""
        reason = "it has hung up"
        try:
            while await port.read():
                pass
        except OSError as error:
            reason = str(error)
        finally:
            async with self._opening:
                await port.aclose()
                self._port = None
        self._log.warning("%s was disconnected: %s; it is opened again at the next use", self.url, reason)


def _level(raised: bool) -> Level:
    return "on" if raised else "off"
