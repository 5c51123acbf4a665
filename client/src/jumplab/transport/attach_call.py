"""A session's stream 0 in the call that identifies it, where controller and router are one server."""

import asyncio
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1 import controller_pb2
from jumplab.transport.endpoint import Endpoint
from jumplab.transport.errors import Unreachable, explained
from jumplab.transport.routed import RoutedStream, envelope_stream

_REQUEST = "x-jumplab-dial-bin"
_ANSWER = "x-jumplab-dialled-bin"
_LEASE = "x-jumplab-lease"
_OFFER = "x-jumplab-offer-bin"


async def dial_stream(
    channel: aio.Channel, endpoint: Endpoint, request: controller_pb2.DialRequest, bound_seconds: float
) -> tuple[controller_pb2.DialResponse, RoutedStream]:
    """The controller's answer, and the client's stream 0; where the answer names a socket, that stream is over already.

    channel: to `endpoint`, with the client's identity.
    Raises TransportError: Unreachable after `bound_seconds`, and Refused with the code UNIMPLEMENTED where the
    controller does not know this call.
    """
    call = envelope_stream(channel, "SessionService", "Attach", ((_REQUEST, request.SerializeToString()),))
    try:
        async with asyncio.timeout(bound_seconds):
            answer = await _initial_value(call, _ANSWER, endpoint)
    except TimeoutError as error:
        raise Unreachable(f"{endpoint.address} did not answer within {bound_seconds:g} s") from error
    return controller_pb2.DialResponse.FromString(answer), RoutedStream(call, endpoint)


async def await_stream(
    channel: aio.Channel, endpoint: Endpoint, lease_uid: str
) -> tuple[controller_pb2.RouterOffer, RoutedStream]:
    """The session of the next client of a lease, and the exporter's stream 0 of it.

    Waits for the client without a bound: the lease's end ends it, as does the loss of the connection.
    channel: to `endpoint`, with the exporter's identity.
    Raises TransportError, as `dial_stream` does.
    """
    call = envelope_stream(channel, "SessionService", "Await", ((_LEASE, lease_uid),))
    offer = await _initial_value(call, _OFFER, endpoint)
    return controller_pb2.RouterOffer.FromString(offer), RoutedStream(call, endpoint)


async def _initial_value(call: Any, key: str, endpoint: Endpoint) -> bytes:
    """The server's first metadata; the call is over where they never come, or this is cancelled."""
    try:
        metadata = dict(await call.initial_metadata())
        if key not in metadata:
            if (code := await call.code()) is grpc.StatusCode.OK:
                raise Unreachable(f"{endpoint.address} has ended the call before its answer was here")
            ended = aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details=await call.details())
            raise explained(ended, endpoint) from ended
    except BaseException:
        call.cancel()
        raise
    answer: bytes = metadata[key]
    return answer
