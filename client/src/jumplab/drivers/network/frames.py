"""Messages with boundaries over a byte stream, which has none: two bytes of length, big-endian, before each."""

from jumplab.driver import ByteStream

_HEAD_BYTES = 2


class FramedStream:
    """A byte stream that begins with messages, or consists of them; a ByteStream itself for what follows them."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._kept = bytearray()

    async def send_frame(self, message: bytes) -> None:
        """Sends a message of 65,535 bytes at most."""
        await self._stream.send(len(message).to_bytes(_HEAD_BYTES) + message)

    async def receive_frame(self) -> bytes | None:
        """The next message; None once the peer has ended its direction. Raises ValueError where it ends within one."""
        while (message := self._whole_frame()) is None:
            if not (data := await self._stream.receive()):
                if self._kept:
                    raise ValueError(f"the stream ended within a message, after {len(self._kept)} bytes of it")
                return None
            self._kept += data
        return message

    async def receive(self) -> bytes:
        if self._kept:
            kept, self._kept = bytes(self._kept), bytearray()
            return kept
        return await self._stream.receive()

    async def send(self, data: bytes) -> None:
        await self._stream.send(data)

    async def send_end(self) -> None:
        await self._stream.send_end()

    def _whole_frame(self) -> bytes | None:
        end = _HEAD_BYTES + int.from_bytes(self._kept[:_HEAD_BYTES])
        if len(self._kept) < max(end, _HEAD_BYTES):
            return None
        message = bytes(self._kept[_HEAD_BYTES:end])
        del self._kept[:end]
        return message
