"""A UDP port of this machine whose datagrams lead to a device's service: each sender has a stream of its own."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jumplab.driver.errors import DriverError
from jumplab.drivers.network.forwarding import Forwarding, Notify, Service
from jumplab.drivers.network.frames import FramedStream
from jumplab.drivers.network.udp_sockets import receive_datagram, send_datagram, udp_socket

IDLE_SECONDS = 60.0
_FLOWS = 128
_WAITING = 64

_log = logging.getLogger(__name__)


@asynccontextmanager
async def forwarded_datagrams(
    service: Service,
    port: int = 0,
    host: str = "127.0.0.1",
    notify: Notify = _log.warning,
    idle_seconds: float = IDLE_SECONDS,
) -> AsyncIterator[Forwarding]:
    """Forwards a UDP port of this machine. The arguments are those of AsyncUdpClient.forward."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, _, _, _, address = found[0]
    with udp_socket(family) as here:
        here.bind(address)
        flows = _Flows(service, here, notify, idle_seconds)
        task = asyncio.create_task(flows.serve(), name=f"datagrams to {service.name}")
        try:
            bound = here.getsockname()
            yield Forwarding(bound[0], bound[1])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await flows.close()


class _Flows:
    """The flows of a port: one for each sender, so that each gets the answers to what it has asked."""

    def __init__(self, service: Service, here: socket.socket, notify: Notify, idle_seconds: float) -> None:
        self._service = service
        self._here = here
        self._notify = notify
        self._idle_seconds = idle_seconds
        self._waiting: dict[Any, asyncio.Queue[bytes]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._told = ""
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Gives each datagram to its sender's flow; one that has too many waiting loses it, as on a network."""
        while True:
            datagram, sender = await receive_datagram(self._here)
            waiting = self._waiting.get(sender) or self._begin(sender)
            if waiting is not None:
                with contextlib.suppress(asyncio.QueueFull):
                    waiting.put_nowait(datagram)

    async def close(self) -> None:
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, sender: Any) -> asyncio.Queue[bytes] | None:
        if len(self._waiting) >= _FLOWS:
            self._tell(f"more than {_FLOWS} senders at once to {self._service.name}: the newest are not heard")
            return None
        waiting = self._waiting[sender] = asyncio.Queue(_WAITING)
        task = asyncio.create_task(self._flow(sender, waiting), name=f"a flow to {self._service.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return waiting

    async def _flow(self, sender: Any, waiting: asyncio.Queue[bytes]) -> None:
        """From its first datagram until none has come either way for a while."""
        limit = asyncio.timeout(self._idle_seconds)
        try:
            async with self._service.open() as stream:
                with contextlib.suppress(TimeoutError):
                    async with limit:
                        await self._carry(FramedStream(stream), sender, waiting, limit)
                        await stream.result()
                self._forget(sender, waiting)  # before it is left, which takes a while: the next datagram begins anew
        except (DriverError, ValueError) as error:  # ValueError: messages that are none
            self._tell(f"datagrams to {self._service.name} were lost: {error}")
        finally:
            self._forget(sender, waiting)

    def _forget(self, sender: Any, waiting: asyncio.Queue[bytes]) -> None:
        if self._waiting.get(sender) is waiting:
            del self._waiting[sender]

    async def _carry(
        self, stream: FramedStream, sender: Any, waiting: asyncio.Queue[bytes], limit: asyncio.Timeout
    ) -> None:
        """Until the driver has ended its direction."""

        async def send() -> None:
            while True:
                await stream.send_frame(await waiting.get())
                self._postpone(limit)

        sending = asyncio.create_task(send(), name="datagrams to the service")
        try:
            while (datagram := await stream.receive_frame()) is not None:
                self._postpone(limit)
                async with self._sending:
                    with contextlib.suppress(OSError):  # the network may lose datagrams, and so may we
                        await send_datagram(self._here, datagram, sender)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _postpone(self, limit: asyncio.Timeout) -> None:
        if not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time() + self._idle_seconds)

    def _tell(self, sentence: str) -> None:
        """Once, not for each datagram."""
        if sentence != self._told:
            self._told = sentence
            self._notify(sentence)
