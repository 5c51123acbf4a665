"""Lets a client's debugger through to a stub or a probe, less what would reach the lab host.

GDB's `monitor` goes to QEMU's own monitor or to OpenOCD's Tcl interpreter, and both run programs and write files on the
lab host. So the stub gets whole packets that are written here anew, and never the client's bytes: both ends read the
same packets.
"""

import asyncio

from jumplab.driver import ByteStream
from jumplab_exporter.drivers.debug.packets import ACKNOWLEDGED, REPEAT, PacketReader, encode

_MONITOR = b"qRcmd"
_DETACH = b"D"
_REFUSAL = b"monitor commands are not carried out here: they would act on the lab host\n"


class Gate:
    """One debugger's direction to the stub. Pure.  detached: whether the last that it has said was to detach."""

    def __init__(self) -> None:
        self.detached = False
        self._reader = PacketReader()
        self._own_answers = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What the stub gets of this, and what the debugger is answered. Raises ValueError for an endless packet."""
        to_stub, answers = b"", b""
        for kind, body in self._reader.feed(data):
            if kind == b"#":
                answers += REPEAT
            elif kind == ACKNOWLEDGED and self._own_answers:
                self._own_answers -= 1  # of an answer that the stub knows nothing of
            elif kind != b"$":
                to_stub += kind
            elif body.startswith(_MONITOR):
                self._own_answers += 1
                answers += ACKNOWLEDGED + encode(_REFUSAL.hex().encode())
            else:
                self.detached = body.startswith(_DETACH)
                to_stub += encode(body)
        return to_stub, answers


class GatedStream:
    """A client's byte stream of which a Gate is passed."""

    def __init__(self, stream: ByteStream) -> None:
        self.gate = Gate()
        self._stream = stream
        self._sending = asyncio.Lock()

    async def receive(self) -> bytes:
        while data := await self._stream.receive():
            to_stub, answers = self.gate.feed(data)
            if answers:
                await self.send(answers)
            if to_stub:
                return to_stub
        return b""

    async def send(self, data: bytes) -> None:
        async with self._sending:
            await self._stream.send(data)

    async def send_end(self) -> None:
        async with self._sending:
            await self._stream.send_end()
