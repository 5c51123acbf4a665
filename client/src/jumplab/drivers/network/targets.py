"""Services by their address, as people write it."""

import asyncio
import re
from dataclasses import dataclass

from jumplab.drivers.network.unix_sockets import require_socket_path

CONNECTING_SECONDS = 10.0
_PORTS = 65535
_PLACE = re.compile(r"(?P<host>[^:\[\]\s/]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Target:
    """A service of the client's side: host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Raises ValueError for what is neither HOST:PORT nor a path."""
        if text.startswith("/"):
            require_socket_path(text)
            return cls(path=text)
        place = _PLACE.fullmatch(text)
        if place is None or not 0 < int(place["port"]) <= _PORTS:
            raise ValueError(f'"{text}" is no target; write HOST:PORT, as 127.0.0.1:8080, or a path of a Unix socket')
        return cls(place["host"].strip("[]"), int(place["port"]))

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection to it. Raises OSError."""
        async with asyncio.timeout(CONNECTING_SECONDS):
            if self.path:
                return await asyncio.open_unix_connection(self.path)
            return await asyncio.open_connection(self.host, self.port)


def port_of_device(to: int | str) -> Target:
    """A TCP service as the device reaches it.  to: a port of its own, or HOST:PORT. Raises ValueError."""
    text = str(to)
    target = Target.parse(text if ":" in text else f"127.0.0.1:{text}")
    if target.path:
        raise ValueError(f'"{text}" is no port of the device; write PORT or HOST:PORT')
    return target
