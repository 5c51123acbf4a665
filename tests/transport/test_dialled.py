"""Dialling and the first stream in one call."""

from typing import Any

import grpc
import pytest
from grpc import aio

from jumplab.protocol.v1.controller_pb2 import DialRequest
from jumplab.transport.attach_call import dial_stream
from jumplab.transport.endpoint import Endpoint
from jumplab.transport.errors import Unreachable


async def test_a_call_that_ends_well_before_its_answer_is_there_may_be_tried_again() -> None:
    async def attach(_: object, context: Any) -> None:
        await context.send_initial_metadata(())

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(attach)
    server = aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("jumplab.v1.SessionService", {"Attach": handler}),)
    )
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        async with aio.insecure_channel(address) as channel:
            with pytest.raises(Unreachable, match="before its answer was here"):
                await dial_stream(channel, Endpoint(address), DialRequest(lease_name="demo"), 30)
    finally:
        await server.stop(0)
