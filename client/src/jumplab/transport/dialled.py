"""Dialling and opening a session's stream 0 in one call, where controller and router are one server."""

import asyncio
from typing import Any

import grpc
from grpc import aio

from jumplab.protocol.v1 import controller_pb2
from jumplab.protocol.v1.router_pb2_grpc import SessionServiceStub
from jumplab.transport.endpoint import Endpoint
from jumplab.transport.errors import Unreachable, explained
from jumplab.transport.routed import RoutedStream

_REQUEST = "x-jumplab-dial-bin"
_ANSWER = "x-jumplab-dialled-bin"


async def dial_stream(
    channel: aio.Channel, endpoint: Endpoint, request: controller_pb2.DialRequest, bound_seconds: float
) -> tuple[controller_pb2.DialResponse, RoutedStream]:
    """The controller's answer, and the client's stream 0; where the answer names a socket, that stream is over already.

    channel: to `endpoint`, with the client's identity.
    Raises TransportError: Unreachable after `bound_seconds`, and Refused with the code UNIMPLEMENTED where the
    controller does not know this call.
    """
    call: Any = SessionServiceStub(channel).Attach(metadata=((_REQUEST, request.SerializeToString()),))
    try:
        async with asyncio.timeout(bound_seconds):
            told = dict(await call.initial_metadata())
        if _ANSWER not in told:
            if (code := await call.code()) is grpc.StatusCode.OK:
                raise Unreachable(f"{endpoint.address} has ended the call before its answer was here")
            ended = aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details=await call.details())
            raise explained(ended, endpoint) from ended
    except TimeoutError as error:
        call.cancel()
        raise Unreachable(f"{endpoint.address} did not answer within {bound_seconds:g} s") from error
    except BaseException:
        call.cancel()
        raise
    return controller_pb2.DialResponse.FromString(told[_ANSWER]), RoutedStream(call, endpoint)
