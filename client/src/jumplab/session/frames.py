"""Frames on a session's stream 0: written at once when idle, gathered when busy."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError

from jumplab.protocol.v1.session_pb2 import Frame, Frames
from jumplab.transport.links import ENVELOPE_BYTES, ConnectionLost, EnvelopeStream

MAGIC = b"JUMPLAB\x01"
FRAME_BYTES = 8 << 20
_WAITING_BYTES = 4 << 20


class ProtocolError(ConnectionLost):
    """The peer does not speak this protocol."""


class FrameWriter:
    """The sending half. `run` does the work and must be running for `send` to get through."""

    def __init__(self, stream: EnvelopeStream) -> None:
        self._stream = stream
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._prefix = MAGIC

    async def send(self, frame: Frame) -> None:
        """Queues a frame; waits while too much is queued. Cancelled, it has queued nothing."""
        while not self._room.is_set():
            await self._room.wait()
        self.post(frame)

    @property
    def crowded(self) -> bool:
        """Whether so much is queued that `send` would wait."""
        return not self._room.is_set()

    def post(self, frame: Frame) -> None:
        """Queues a frame without waiting: for what is small and rare."""
        self._waiting.append(frame)
        self._waiting_bytes += frame.ByteSize()
        self._changed.set()
        self._idle.clear()
        if self._waiting_bytes > _WAITING_BYTES:
            self._room.clear()

    async def run(self) -> None:
        """Sends what is queued, for ever. Raises ConnectionLost."""
        while True:
            await self._changed.wait()
            while self._waiting:
                payload = self._prefix + Frames(frames=self._gathered()).SerializeToString()
                self._prefix = b""
                await self._stream.send(payload)
            self._changed.clear()
            self._idle.set()

    async def flushed(self) -> None:
        """Waits until everything queued has been sent."""
        await self._idle.wait()

    def _gathered(self) -> list[Frame]:
        frames: list[Frame] = []
        gathered_bytes = 0
        while self._waiting and (not frames or gathered_bytes + self._waiting[0].ByteSize() <= ENVELOPE_BYTES):
            frames.append(self._waiting.popleft())
            gathered_bytes += frames[-1].ByteSize()
        self._waiting_bytes -= gathered_bytes
        if self._waiting_bytes <= _WAITING_BYTES:
            self._room.set()
        return frames


async def read_frames(stream: EnvelopeStream) -> AsyncIterator[Frame]:
    """The peer's frames; ends when the peer ends its direction. Raises ProtocolError, ConnectionLost, StreamReset."""
    payload = await stream.receive()
    if payload is None:
        return
    if not payload.startswith(MAGIC):
        raise ProtocolError(f"the peer does not speak Jumplab's session protocol: it began with {payload[:16]!r}")
    payload = payload[len(MAGIC) :]
    while payload is not None:
        for frame in _decoded(payload):
            yield frame
        payload = await stream.receive()


def _decoded(payload: bytes) -> list[Frame]:
    if len(payload) > FRAME_BYTES + ENVELOPE_BYTES:
        raise ProtocolError(f"the peer sent {len(payload)} bytes of frames at once; {FRAME_BYTES} is the most")
    try:
        return list(Frames.FromString(payload).frames)
    except DecodeError as error:
        raise ProtocolError("the peer sent frames that can't be read") from error
