"""A device's console, for asyncio."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab.driver import AsyncDriverClient, ResultStream
from jumplab.driver.errors import DriverError
from jumplab.drivers.console.errors import ConsoleClosed, ConsoleTimeout
from jumplab.drivers.console.interface import ConsoleInterface

_KEPT_BYTES = 1 << 20
_TOLD_BYTES = 2000


class AsyncConsoleClient(AsyncDriverClient, ConsoleInterface):
    """A device's console.

    `send`, `expect` and `run` share one attachment, made at first use and reading from the session's
    start: what the device said before is there to be expected. `connect` makes further ones.
    """

    _conversation: "_Conversation | None" = None

    @asynccontextmanager
    async def connect(self, offset: int | None = None) -> AsyncIterator[ResultStream]:
        """The console's bytes both ways.  offset: as for ConsoleInterface.attach."""
        async with self.open("attach", offset=offset) as stream:
            yield stream

    async def send(self, text: str) -> None:
        """Types `text`; add "\\n" to press Enter."""
        conversation = await self._conversing()
        await conversation.stream.send(text.encode())

    async def expect(self, pattern: str, timeout: float = 30.0) -> str:
        """Waits until the device has said something that the regular expression finds.

        Returns everything it said since the last `expect` up to the end of the match. What follows is left for the next
        one. Raises ConsoleTimeout with what it said instead, after `timeout` seconds; ConsoleClosed where the console
        ended.
        """
        conversation = await self._conversing()
        return await conversation.expect(pattern, timeout)

    async def run(self, command: str, prompt: str, timeout: float = 30.0) -> str:
        """Types a command and waits for the prompt, a regular expression: what was said between the two.

        The command's echo is left out. Raises as `expect` does.
        """
        await self.send(f"{command}\n")
        said = await self.expect(prompt, timeout)
        output = re.sub(rf"(?:{prompt})$", "", said.replace("\r", ""))
        return output.removeprefix(f"{command}\n").strip("\n")

    async def _conversing(self) -> "_Conversation":
        if self._conversation is None:
            self._conversation = _Conversation(self)
        await self._conversation.attached()
        return self._conversation


class _Conversation:
    """The shared attachment of one client: a task holds it open until the session ends."""

    stream: ResultStream

    def __init__(self, console: AsyncConsoleClient) -> None:
        self._console = console
        self._said = bytearray()
        self._ended = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holding = asyncio.create_task(self._hold(), name=f"console {console.path}")

    async def attached(self) -> None:
        """Waits until the console is attached. Raises what refused it."""
        await asyncio.shield(self._ready)

    async def expect(self, pattern: str, timeout: float) -> str:
        try:
            async with asyncio.timeout(timeout):
                return await self._found(re.compile(pattern.encode()))
        except TimeoutError as error:
            message = (
                f'"{pattern}" did not come from {self._console.path} within {timeout:g} s; it said: {self._tail()}'
            )
            raise ConsoleTimeout(message) from error

    async def _found(self, pattern: re.Pattern[bytes]) -> str:
        while not (match := pattern.search(self._said)):
            data = await self.stream.receive()
            if not data:
                raise ConsoleClosed(f"{self._console.path} has ended; before that it said: {self._tail()}")
            self._said += data
            del self._said[:-_KEPT_BYTES]
        said = bytes(self._said[: match.end()])
        del self._said[: match.end()]
        return said.decode(errors="replace")

    def _tail(self) -> str:
        return repr(self._said[-_TOLD_BYTES:].decode(errors="replace"))

    async def _hold(self) -> None:
        try:
            async with self._console.connect(offset=0) as stream:
                self.stream = stream
                self._ready.set_result(None)
                await stream.result()
        except DriverError as error:
            if not self._ready.done():
                self._ready.set_exception(error)
