"""A link through the router: one gRPC stream for each numbered stream."""

import asyncio
from collections.abc import Sequence
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport import envelopes
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, bearer
from jumplab.transport.errors import Refused, TransportError, explained
from jumplab.transport.links import ConnectionLost, EnvelopeKind
from jumplab.transport.pace import SMALL_BYTES, Pace

STREAM_NUMBER = "x-jumplab-stream"

_Call = aio.StreamStreamCall[bytes, bytes]


def envelope_stream(
    channel: aio.Channel, service: str, method: str, metadata: Sequence[tuple[str, str | bytes]]
) -> _Call:
    """Opens an RPC of router.proto whose messages are envelopes, as bytes: `envelopes` writes and reads them."""
    opened: _Call = channel.stream_stream(f"/jumplab.v1.{service}/{method}")(metadata=metadata)
    return opened


class RoutedStream:
    """A numbered stream through the router: an EnvelopeStream.

    A gRPC server can't close half a stream, so envelopes mark the end of a direction, and the end of the RPC always
    means that the connection is gone.

    pace: the session's, where this end knows it; `bulk` streams keep to it, and the others make it.
    """

    def __init__(self, call: _Call, endpoint: Endpoint, pace: Pace | None = None, *, bulk: bool = False) -> None:
        self._call = call
        self._endpoint = endpoint
        self.pace = pace or Pace()
        self._bulk = bulk

    @property
    def piece_bytes(self) -> int:
        return self.pace.piece_bytes if self._bulk else SMALL_BYTES

    async def send(self, payload: bytes, kind: EnvelopeKind = EnvelopeKind.DATA) -> None:
        if not self._bulk:
            self.pace.note_sending()
        try:
            await self._call.write(envelopes.written(payload, kind))
        except (aio.AioRpcError, asyncio.InvalidStateError, aio.UsageError) as error:
            raise await self._lost() from error

    async def receive(self) -> tuple[EnvelopeKind, bytes]:
        try:
            while isinstance(envelope := await self._call.read(), bytes):  # else it is aio.EOF
                read = envelopes.read(envelope)
                if read is not None:  # others are of versions to come
                    return read
        except (aio.AioRpcError, asyncio.InvalidStateError, aio.UsageError) as error:
            raise await self._lost() from error
        raise await self._lost()

    async def aclose(self) -> None:
        self._call.cancel()

    async def _lost(self) -> TransportError:
        """The error with which the RPC has ended. Refusals of the router stay refusals."""
        code = await self._call.code()
        details = await self._call.details() or ""
        if code in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
            return ConnectionLost("the stream is closed")
        error = explained(aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details=details), self._endpoint)
        return error if isinstance(error, Refused) else ConnectionLost(str(error))


class RoutedLink:
    """A session's streams through the router: a Link.

    endpoint: the router.  token: opens this session's streams, in this peer's role.  over: a
    channel to the router that is there already, for all but bulk streams; it stays its owner's.  session: stream 0,
    where that is open already.

    Bulk streams have a connection of their own, made with the first of them; the others share one with what else this
    process says to the same server.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        token: str,
        *,
        over: aio.Channel | None = None,
        session: RoutedStream | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._over = over
        self._session = session
        self._pace = session.pace if session is not None else Pace()
        self._channels: dict[bool, aio.Channel] = {}
        self._calls: set[Any] = set()
        self._closed = False

    async def open(self, number: int, *, bulk: bool = False) -> RoutedStream:
        if self._closed:  # else a call, and the connection that is made for it, would stay for ever
            raise ConnectionLost("the link is closed")
        if number == 0 and self._session is not None:
            return self._session
        metadata = (*bearer(self._token), (STREAM_NUMBER, str(number)))
        call = envelope_stream(self._channel(bulk=bulk), "RouterService", "Stream", metadata)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return RoutedStream(call, self._endpoint, self._pace, bulk=bulk)

    def _channel(self, *, bulk: bool) -> aio.Channel:
        if self._over is not None and not bulk:
            return self._over
        if bulk not in self._channels:
            self._channels[bulk] = open_channel(self._endpoint, own_connection=bulk)
        return self._channels[bulk]

    async def aclose(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.aclose()
        for call in list(self._calls):
            call.cancel()
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()
