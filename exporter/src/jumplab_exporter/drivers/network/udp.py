"""A UDP service that the lab host reaches."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.network import UdpInterface
from jumplab.drivers.network.frames import FramedStream
from jumplab.drivers.network.udp_sockets import DATAGRAM_BYTES, receive_datagram, send_datagram, udp_socket
from jumplab_exporter.drivers.refusals import reason_of


class UdpService(UdpInterface, Driver):
    """A UDP service.  host, port: where it is."""

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "192.168.7.2", "port": 161}

    host: str
    port: int = Field(ge=1, le=65535)
    _said = ""

    async def connect(self, stream: ByteStream) -> None:
        frames = FramedStream(stream)
        with await self._socket() as there:
            answers = asyncio.create_task(self._receive(there, frames), name="datagrams from the service")
            try:
                while (datagram := await frames.receive_frame()) is not None:
                    await self._send(there, datagram)
            finally:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
        await stream.send_end()

    async def address(self) -> str:
        return self._named

    async def _socket(self) -> socket.socket:
        """A socket that hears the service alone."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
            family, _, _, _, address = found[0]
            there = udp_socket(family)
            try:
                there.connect(address)  # which sends nothing
            except BaseException:
                there.close()
                raise
        except OSError as error:
            raise ConnectionError(f"{self._named} can't be reached: {reason_of(error)}") from error
        return there

    async def _send(self, there: socket.socket, datagram: bytes) -> None:
        if len(datagram) > DATAGRAM_BYTES:
            raise ValueError(f"a datagram has {DATAGRAM_BYTES} bytes at most, not {len(datagram)}")
        try:
            await send_datagram(there, datagram)
        except OSError as error:
            self._note(error)

    async def _receive(self, there: socket.socket, frames: FramedStream) -> None:
        while True:
            try:
                datagram, _ = await receive_datagram(there)
            except OSError as error:
                self._note(error)
            else:
                await frames.send_frame(datagram)

    def _note(self, error: OSError) -> None:
        """Tells once of datagrams that did not arrive: the service may be there for the next one."""
        said = f"{self._named} did not take a datagram: {reason_of(error)}"
        if said != self._said:
            self._said = said
            self.log.warning("%s", said)

    @property
    def _named(self) -> str:
        return f"{self.host}:{self.port}"
