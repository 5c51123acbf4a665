"""A driver's byte stream over a numbered stream of a link."""

from jumplab.driver import errors
from jumplab.transport.errors import TransportError
from jumplab.transport.links import ENVELOPE_BYTES, EnvelopeStream, StreamReset


class LinkedByteStream:
    """A jumplab.driver.ByteStream whose bytes travel in envelopes."""

    def __init__(self, stream: EnvelopeStream) -> None:
        self._stream = stream
        self._ended_by_peer = False

    async def receive(self) -> bytes:
        try:
            while not self._ended_by_peer:
                payload = await self._stream.receive()
                if payload:
                    return payload
                self._ended_by_peer = payload is None
        except TransportError as error:
            raise await self.meaning(error) from error
        return b""

    async def send(self, data: bytes) -> None:
        try:
            if len(data) <= ENVELOPE_BYTES:
                await self._stream.send(data)
                return
            view = memoryview(data)
            for start in range(0, len(data), ENVELOPE_BYTES):
                await self._stream.send(bytes(view[start : start + ENVELOPE_BYTES]))
        except TransportError as error:
            raise await self.meaning(error) from error

    async def send_end(self) -> None:
        try:
            await self._stream.send_end()
        except TransportError as error:
            raise await self.meaning(error) from error

    async def meaning(self, error: TransportError) -> errors.DriverError:
        """What a transport error means to whoever uses the stream."""
        if isinstance(error, StreamReset):
            return errors.StreamReset(str(error))
        return errors.SessionLost(f"the byte stream was cut: {error}")
