"""The gRPC port: another certificate takes over while calls are open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab_operator.controller.server import SERVER_OPTIONS, Certificate
from jumplab_operator.controller.serving import Serving
from jumplab_operator.pki import issue_server_certificate, make_authority
from tests.kube.processes import free_ports

AUTHORITY = make_authority(datetime.now(UTC))


def issued() -> Certificate:
    made = issue_server_certificate(AUTHORITY, ["localhost"], datetime.now(UTC))
    return made.key_pem, made.certificate_pem


async def echo(_: object, context: aio.ServicerContext[Any, Any]) -> None:
    while (message := await context.read()) is not aio.EOF:
        await context.write(message)


def server() -> aio.Server:
    made = aio.server(options=SERVER_OPTIONS)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(echo)
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo", {"Echo": handler}),))
    return made


async def served(port: int) -> int:
    """The serial number of the certificate that a new connection is shown."""
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def serial(certificate: Certificate) -> int:
    return x509.load_pem_x509_certificate(certificate[1]).serial_number


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[aio.Channel]:
    credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate_pem)
    async with aio.secure_channel(f"localhost:{port}", credentials) as channel:
        yield channel


async def answered(call: Any, message: bytes) -> bytes:
    await call.write(message)
    answer: bytes = await call.read()
    return answer


async def test_open_calls_go_on_and_new_connections_get_the_new_certificate() -> None:
    (port,) = free_ports(1)
    first, second, third = issued(), issued(), issued()
    async with Serving(server, f"127.0.0.1:{port}") as serving, connected(port) as channel:
        await serving.serve(first)
        before = channel.stream_stream("/echo/Echo")()
        assert await answered(before, b"before") == b"before"
        assert await served(port) == serial(first)

        await serving.serve(second)
        assert await served(port) == serial(second)
        assert await answered(before, b"still") == b"still"
        after = channel.stream_stream("/echo/Echo")()
        assert await answered(after, b"after") == b"after"

        await serving.serve(third)
        assert await served(port) == serial(third)
        assert [await answered(call, b"all") for call in (before, after)] == [b"all", b"all"]


async def test_a_former_server_is_gone_with_its_last_call() -> None:
    (port,) = free_ports(1)
    async with Serving(server, f"127.0.0.1:{port}") as serving, connected(port) as channel:
        await serving.serve(issued())
        call = channel.stream_stream("/echo/Echo")()
        await answered(call, b"before")
        await serving.serve(issued())
        assert serving.former == 1
        await call.done_writing()
        assert await call.read() is aio.EOF
        while serving.former:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0)
