"""The console of a board whose line is only there while it is powered."""

import asyncio
from types import TracebackType
from typing import Any

from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.ports import Port


class BoardConsole(BufferedConsole):
    """Keeps what each run of the board says, one after the other. What is typed to a board that is off is lost."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._plugged: asyncio.Queue[Port] = asyncio.Queue()

    def plug(self, port: Port) -> None:
        """The board has been switched on: listens to its line until that hangs up."""
        self._plugged.put_nowait(port)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        while not self._plugged.empty():  # where it ends before it has begun to listen
            await self._plugged.get_nowait().aclose()

    async def _read_until_closed(self) -> None:
        while True:
            port = await self._plugged.get()
            try:
                await self._listen(port)
            except OSError as error:
                self.log.debug("the board's line ended: %s", error)
