"""UDP sockets with asyncio. uvloop has no `sock_recvfrom` and no `sock_sendto`, and no loop sends empty datagrams."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

DATAGRAM_BYTES = 65507
"""The longest payload of UDP over IPv4 (RFC 768)."""
_RECEIVED_BYTES = 1 << 16
_BUFFER_BYTES = 4 << 20


def udp_socket(family: int) -> socket.socket:
    """A UDP socket whose kernel keeps what nobody has read yet, as far as it lets us; then it drops, as networks do."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return made


async def receive_datagram(at: socket.socket) -> tuple[bytes, Any]:
    """The next datagram, and its sender's address. Raises OSError, also for one that was sent and not taken."""
    loop = asyncio.get_running_loop()
    while True:
        await _ready(at, loop.add_reader, loop.remove_reader)  # first, so that a flood leaves turns to others
        with contextlib.suppress(BlockingIOError):
            return at.recvfrom(_RECEIVED_BYTES)


async def send_datagram(at: socket.socket, datagram: bytes, address: Any = None) -> None:
    """Sends a datagram; to the peer of a socket that is connected. Raises OSError, also for an earlier one."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            _ = at.send(datagram) if address is None else at.sendto(datagram, address)
        except BlockingIOError:
            await _ready(at, loop.add_writer, loop.remove_writer)
        else:
            return


async def _ready(
    at: socket.socket, watch: Callable[[int, Callable[[], None]], Any], leave: Callable[[int], Any]
) -> None:
    ready = asyncio.Event()
    watch(at.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        leave(at.fileno())
