"""A device's console, for plain code. Generated from aio.py by `make generate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.console.aio import AsyncConsoleClient
from jumplab.drivers.console.interface import ConsoleState
from jumplab.drivers.console.stream import PlainConsoleStream


class ConsoleClient(DriverClient):
    """A device's console.

    `send`, `expect` and `run` share one attachment, made at first use and reading from the session's
    start: what the device said before is there to be expected. `connect` makes further ones.
    """

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncConsoleClient
    _twin: AsyncConsoleClient

    def state(self) -> ConsoleState:
        """Which bytes are kept now, and whether the device is there."""
        return self._portal.run(self._twin.state())

    def send_break(self, seconds: float = 0.25) -> None:
        """Holds the line in the break condition for a number of seconds, 10 at most.

        Refuses (NotImplementedError) where there is no serial line that could.
        """
        self._portal.run(self._twin.send_break(seconds))

    def set_lines(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Raises (true) or lowers (false) DTR and RTS, both at once; one that is not given stays as it is.

        Refuses (NotImplementedError) where there is no serial line that has them.
        """
        self._portal.run(self._twin.set_lines(dtr=dtr, rts=rts))

    @contextmanager
    def connect(
        self, offset: int | None = None, *, exclusive: bool = False, mark_gaps: bool = False
    ) -> Iterator[PlainConsoleStream]:
        """The console's bytes both ways, at an `offset` that the stream knows.

        offset, exclusive: as for ConsoleInterface.attach.  mark_gaps: where bytes were dropped before they were read,
        or the exporter's process was replaced, `receive` gives a line that says so, instead of raising ConsoleGap or
        ConsoleRestarted. Raises ConsoleInUse, here or at the first use, where another client has the exclusive right to
        write.
        """
        with self._portal.entered(self._twin.connect(offset, exclusive=exclusive, mark_gaps=mark_gaps)) as stream:
            yield PlainConsoleStream(stream, self._portal)

    def send(self, text: str) -> None:
        """Types `text`; add "\\n" to press Enter.

        Where another client has the exclusive right to write, the next `send` or `expect` raises ConsoleInUse.
        """
        self._portal.run(self._twin.send(text))

    def expect(self, pattern: str, timeout: float = 30.0) -> str:
        """Waits until the device has said something that the regular expression finds.

        Returns everything it said since the last `expect` up to the end of the match. What follows is left for the next
        one. Where bytes were dropped before they were read, a line in the text says how many; where the exporter's
        process was replaced, one says that.

        Raises ConsoleTimeout with what it said instead, after `timeout` seconds; ConsoleClosed where the console ended.
        """
        return self._portal.run(self._twin.expect(pattern, timeout))

    def run(self, command: str, prompt: str, timeout: float = 30.0) -> str:
        """Types a command and waits for the prompt, a regular expression: what was said between the two.

        The command's echo is left out. Raises as `expect` does.
        """
        return self._portal.run(self._twin.run(command, prompt, timeout))
