"""The driver: it runs on the lab host, beside the device."""

import asyncio

from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.ports import SocketPort


class AcmeTerminal(BufferedConsole):
    """A console at a TCP port.  host, port: where it is.

    BufferedConsole keeps what the device says, for any number of readers.
    """

    host: str
    port: int = 7001

    async def _read_until_closed(self) -> None:
        """Listens from the lease's begin to its end; a device that is away is tried again every second."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(self.host, self.port)
                await self._listen(SocketPort(reader, writer))
                self.log.warning("the device at %s:%d has hung up", self.host, self.port)
            except OSError as error:
                self.log.warning("the device at %s:%d can't be reached: %s", self.host, self.port, error)
            await asyncio.sleep(1)
