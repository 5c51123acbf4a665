"""CAs that are replaced while a channel is in use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport import errors
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab_operator.controller.server import SERVER_OPTIONS, Certificate
from jumplab_operator.controller.serving import Serving
from jumplab_operator.pki import Issued, issue_server_certificate, make_authority
from tests.kube.processes import free_ports

OLD, NEW = make_authority(datetime.now(UTC)), make_authority(datetime.now(UTC), "the next one")
BOTH = OLD.certificate_pem + NEW.certificate_pem


def signed_by(authority: Issued) -> Certificate:
    made = issue_server_certificate(authority, ["127.0.0.1"], datetime.now(UTC))
    return made.key_pem, made.certificate_pem


async def echo(_: object, context: aio.ServicerContext[Any, Any]) -> None:
    while (message := await context.read()) is not aio.EOF:
        await context.write(message)


def server() -> aio.Server:
    made = aio.server(options=SERVER_OPTIONS)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(echo)
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", {"Echo": handler}),))
    return made


@asynccontextmanager
async def rotating() -> AsyncIterator[tuple[Serving, str]]:
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    async with Serving(server, address) as serving:
        await serving.serve(signed_by(OLD))
        yield serving, address


async def echoed(call: Any, message: bytes) -> bytes:
    await call.write(message)
    answer: bytes = await call.read()
    return answer


async def test_calls_trust_the_cas_of_now_and_open_ones_go_on() -> None:
    trusted = OLD.certificate_pem
    async with rotating() as (serving, address):
        endpoint = Endpoint(address, Tls(trusted, ca_now=lambda: trusted))
        async with open_channel(endpoint, token="t") as channel:
            begun = channel.stream_stream("/echo/Echo")()
            assert await echoed(begun, b"old") == b"old"
            trusted = BOTH
            assert await echoed(channel.stream_stream("/echo/Echo")(), b"both") == b"both"
            await serving.serve(signed_by(NEW))
            assert await echoed(channel.stream_stream("/echo/Echo")(), b"switched") == b"switched"
            trusted = NEW.certificate_pem
            assert await echoed(channel.stream_stream("/echo/Echo")(), b"new") == b"new"
            assert await echoed(begun, b"still") == b"still"


async def test_a_peer_with_the_old_ca_alone_works_until_the_new_one_signs_and_is_told_then() -> None:
    async with rotating() as (serving, address):
        endpoint = Endpoint(address, Tls(OLD.certificate_pem))
        async with open_channel(endpoint) as channel:
            assert await echoed(channel.stream_stream("/echo/Echo")(), b"old") == b"old"
        await serving.serve(signed_by(NEW))
        async with open_channel(endpoint) as channel:
            call = channel.stream_stream("/echo/Echo")()
            with pytest.raises((aio.AioRpcError, asyncio.InvalidStateError)):
                await echoed(call, b"late")
            ended = aio.AioRpcError(await call.code(), aio.Metadata(), aio.Metadata(), details=await call.details())
        error = errors.explained(ended, endpoint)
        assert isinstance(error, errors.CertificateRejected)
        assert str(error) == f'the certificate of {address} is not signed by a trusted CA; check "tls.ca"'
