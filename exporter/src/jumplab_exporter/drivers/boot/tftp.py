"""A TFTP server (RFC 1350) for what a board loads: it gives files, and takes none."""

import asyncio
import logging
import os
import socket
import time
from typing import Any

from jumplab_exporter.drivers.boot import tftp_packets as packets
from jumplab_exporter.drivers.boot.served_files import ServedFiles
from jumplab_exporter.drivers.boot.sockets import bound
from jumplab_exporter.drivers.boot.tftp_transfer import Transfer

_AT_ONCE = 64
_TIMEOUT_SECONDS = 1.0

Peer = tuple[Any, ...]
"""An address as sockets have it, with the port."""


class TftpServer(asyncio.DatagramProtocol):
    """Listens once `start` is called, until `close`."""

    def __init__(self, files: ServedFiles, log: "logging.Logger | logging.LoggerAdapter[logging.Logger]") -> None:
        self._files = files
        self._log = log
        self._transfers: dict[Peer, asyncio.Task[None]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._host = ""

    async def start(self, host: str, port: int) -> int:
        """Its port. Raises OSError."""
        self._host = host
        loop = asyncio.get_running_loop()
        listening = bound(host, port, socket.SOCK_DGRAM)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=listening)
        return int(self._transport.get_extra_info("sockname")[1])

    async def close(self) -> None:
        """What is on its way is broken off."""
        if self._transport is not None:
            self._transport.close()
        left = list(self._transfers.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        if addr in self._transfers:
            return  # it asks again, since the first packet was lost: that one goes out again by itself
        try:
            request = packets.read_request(data)
            if self._files.find(request.name) is None:
                self._log.warning('%s asks for "%s" by TFTP, which is not served', addr[0], _short(request.name))
                raise packets.Malformed("there is no such file", packets.Code.NOT_FOUND)
            if len(self._transfers) >= _AT_ONCE:
                raise packets.Malformed("too many files are loaded at once; try again", packets.Code.OTHER)
        except packets.Malformed as error:
            if self._transport is not None:
                self._transport.sendto(packets.error(error.code, str(error)), addr)
            return
        task = asyncio.create_task(self._send(request, addr), name=f"TFTP to {addr[0]}")
        self._transfers[addr] = task
        task.add_done_callback(lambda _: self._transfers.pop(addr, None))

    async def _send(self, request: packets.Request, peer: Peer) -> None:
        name, begun = _short(request.name), time.monotonic()
        try:
            with self._files.opened(request.name) as (descriptor, about):
                transfer = Transfer(request, lambda offset, size: os.pread(descriptor, size, offset), about.size_bytes)
                self._log.info("%s loads %s by TFTP", peer[0], name)
                await _carry(transfer, request.timeout_seconds or _TIMEOUT_SECONDS, self._host, peer)
            if transfer.is_over:
                seconds = time.monotonic() - begun
                self._log.info("%s has loaded %s: %d bytes in %.1f s", peer[0], name, about.size_bytes, seconds)
            else:
                message = "%s answers no longer: it has at most %d of the %d bytes of %s"
                self._log.warning(message, peer[0], transfer.received_bytes, about.size_bytes, name)
        except (OSError, packets.Malformed) as error:
            self._log.warning("%s did not get %s: %s", peer[0], name, error)


class _Conversation(asyncio.DatagramProtocol):
    """The packets of one peer."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Peer) -> None:  # noqa: ARG002 - asyncio's signature
        self.arrived.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.arrived.put_nowait(exc if isinstance(exc, OSError) else OSError(str(exc)))


async def _carry(transfer: Transfer, timeout_seconds: float, host: str, peer: Peer) -> None:
    """Until the transfer is over or given up. Raises OSError and Malformed."""
    loop = asyncio.get_running_loop()
    transport, conversation = await loop.create_datagram_endpoint(
        _Conversation, local_addr=(host, 0), remote_addr=peer[:2]
    )
    try:
        outgoing, deadline = list(transfer.begin()), loop.time() + timeout_seconds
        while True:
            for packet in outgoing:
                transport.sendto(packet)
            if outgoing:
                deadline = loop.time() + timeout_seconds
            if transfer.is_over or transfer.is_given_up:
                return
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await conversation.arrived.get()
            except TimeoutError:
                outgoing = list(transfer.silence())
                deadline = loop.time() + timeout_seconds
                continue
            if isinstance(answer, OSError):
                raise answer
            outgoing = list(transfer.answered(packets.read_answer(answer)))
    finally:
        transport.close()


def _short(name: str) -> str:
    """For a line of the log: a board's, or a stranger's."""
    return "".join(character if character.isprintable() else "?" for character in name[:100])
