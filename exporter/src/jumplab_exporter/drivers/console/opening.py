"""What opens which URL of a console."""

import asyncio
from collections.abc import Callable

from jumplab_exporter.drivers.console.blocking import BlockingPort, open_device
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.network import Rfc2217Port, open_socket
from jumplab_exporter.drivers.console.ports import Port, TerminalPort

_OF_PYSERIAL = ("loop", "hwgrep", "spy", "alt")
_KNOWN = (
    "a device's path, socket://HOST:PORT, rfc2217://HOST:PORT, loop://, hwgrep://PATTERN, spy://PATH and alt://PATH"
)


async def open_port(url: str, line: Line, warn: Callable[[str], None]) -> Port:
    """Opens the port that an URL, or a device's path, names.

    warn: called with a sentence for each thing that this kind of port can't do; the console works without it.
    Raises OSError where the port can't be opened, ValueError where the URL is wrong.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "socket":
        return await open_socket(url, warn)
    if scheme == "rfc2217":
        return await Rfc2217Port.open(url, line, warn)
    try:
        device = await asyncio.to_thread(open_device, url, line, warn)
    except ValueError as error:
        if scheme in ("", *_OF_PYSERIAL):
            raise
        raise ValueError(f"{error}; what works is {_KNOWN}") from error
    if scheme not in ("", "hwgrep"):  # those two are plain terminals
        return BlockingPort(device, warn)
    try:
        return TerminalPort(device.fileno())
    finally:
        device.close()
