"""Channels over real sockets: whom they trust, what they carry, and what their errors say."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from grpc import aio

from jumplab.transport import errors
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity, Tls
from jumplab_operator.pki import Issued, issue_server_certificate, make_authority

IDENTITY = Identity("lab", "Client", "ci", "secret")
AUTHORITY = make_authority(datetime.now(UTC))


class Greeter:
    """A service that answers with the metadata it got, and refuses with the code it is sent."""

    async def metadata(self, _: bytes, context: Any) -> bytes:
        given = sorted((key, value) for key, value in context.invocation_metadata() if key != "user-agent")
        return repr(given).encode()

    async def refuse(self, code: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode[code.decode()], f"no: {code.decode()}")
        return b""

    async def count(self, _: bytes, context: Any) -> AsyncIterator[bytes]:
        yield (await self.metadata(b"", context))

    async def echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield (await self.metadata(b"", context))
        async for request in requests:
            yield request


@asynccontextmanager
async def greeter(*names: str, authority: Issued = AUTHORITY, issued: datetime | None = None) -> AsyncIterator[str]:
    """Serves a Greeter whose certificate is for `names`; its address."""
    service, server = Greeter(), aio.server()
    methods: dict[str, Any] = {
        "Metadata": grpc.unary_unary_rpc_method_handler(service.metadata),
        "Refuse": grpc.unary_unary_rpc_method_handler(service.refuse),
        "Count": grpc.unary_stream_rpc_method_handler(service.count),
        "Echo": grpc.stream_stream_rpc_method_handler(service.echo),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Greeter", methods),))
    certificate = issue_server_certificate(authority, names, issued or datetime.now(UTC))
    credentials = grpc.ssl_server_credentials([(certificate.key_pem, certificate.certificate_pem)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def trusted(address: str) -> Endpoint:
    return Endpoint(address, Tls(AUTHORITY.certificate_pem))


async def told(endpoint: Endpoint, **options: Any) -> str:
    async with open_channel(endpoint, **options) as channel:
        return (await channel.unary_unary("/test.Greeter/Metadata")(b"", timeout=240)).decode()


async def failure(endpoint: Endpoint, method: str = "Metadata", payload: bytes = b"") -> errors.TransportError:
    async with open_channel(endpoint) as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            await channel.unary_unary(f"/test.Greeter/{method}")(payload, timeout=240)
    return errors.explained(caught.value, endpoint)


async def test_a_call_carries_who_makes_it() -> None:
    async with greeter("127.0.0.1") as address:
        metadata = await told(trusted(address), identity=IDENTITY)
    assert metadata == repr(sorted(IDENTITY.metadata()))
    assert "Bearer secret" in metadata


async def test_a_call_carries_a_token_alone_or_nothing() -> None:
    async with greeter("127.0.0.1") as address:
        assert await told(trusted(address), token="t") == "[('authorization', 'Bearer t')]"
        assert await told(trusted(address)) == "[]"


async def test_streaming_calls_carry_it_too_beside_their_own_metadata() -> None:
    async with greeter("127.0.0.1") as address, open_channel(trusted(address), token="t") as channel:
        own = (("x-number", "7"),)
        expected = b"[('authorization', 'Bearer t'), ('x-number', '7')]"
        assert await channel.unary_stream("/test.Greeter/Count")(b"", metadata=own, timeout=240).read() == expected
        call = channel.stream_stream("/test.Greeter/Echo")(metadata=own, timeout=240)
        assert await call.read() == expected
        blob = bytes(1 << 20)
        await call.write(blob)
        assert await call.read() == blob
        await call.done_writing()
        assert await call.read() is aio.EOF


async def test_an_authority_that_is_not_trusted_is_named_as_such() -> None:
    async with greeter("127.0.0.1", authority=make_authority(datetime.now(UTC))) as address:
        error = await failure(trusted(address))
    assert isinstance(error, errors.CertificateRejected)
    assert "tls.ca" in str(error)


async def test_a_certificate_for_another_name_is_named_as_such() -> None:
    async with greeter("elsewhere.example") as address:
        error = await failure(trusted(address))
    assert isinstance(error, errors.CertificateRejected)
    assert "another name" in str(error)


async def test_an_expired_certificate_is_rejected() -> None:
    async with greeter("127.0.0.1", issued=datetime.now(UTC) - timedelta(days=500)) as address:
        error = await failure(trusted(address))
    assert isinstance(error, errors.CertificateRejected)
    assert f"the certificate of {address} has expired; renew it, or check the clock of this machine" in str(error)


async def test_a_certificate_of_later_names_the_clock() -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    async with greeter("127.0.0.1", issued=later) as address:
        error = await failure(trusted(address))
        with pytest.raises(errors.CertificateRejected, match=r"is not valid yet; check the clock of this machine"):
            open_channel(Endpoint(address, Tls(insecure=True)))
    assert isinstance(error, errors.CertificateRejected)
    assert f"the certificate of {address} is not valid yet; check the clock of this machine, which says" in str(error)


async def test_insecure_takes_the_certificate_that_is_shown_whatever_its_name() -> None:
    async with greeter("elsewhere.example", authority=make_authority(datetime.now(UTC))) as address:
        assert await told(Endpoint(address, Tls(insecure=True)), token="t") == "[('authorization', 'Bearer t')]"


async def test_insecure_says_when_there_is_nobody() -> None:
    with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1 shows no certificate"):
        open_channel(Endpoint("127.0.0.1:1", Tls(insecure=True)))


async def test_an_address_where_nothing_listens_is_unreachable() -> None:
    error = await failure(Endpoint("127.0.0.1:1"))
    assert type(error) is errors.Unreachable
    assert "nothing answers at 127.0.0.1:1" in str(error)


async def test_a_server_without_tls_is_named_as_such() -> None:
    async def hang_up_with_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up_with_http, "127.0.0.1", 0) as server:
        error = await failure(Endpoint(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert isinstance(error, errors.CertificateRejected)
    assert "does not speak TLS" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAUTHENTICATED", errors.NotAuthenticated),
        ("PERMISSION_DENIED", errors.NotAllowed),
        ("NOT_FOUND", errors.NotFound),
        ("FAILED_PRECONDITION", errors.NotPossibleNow),
        ("INVALID_ARGUMENT", errors.BadRequest),
        ("ALREADY_EXISTS", errors.Refused),
        ("UNAVAILABLE", errors.Unreachable),
    ],
)
async def test_a_refusal_keeps_its_sentence_and_gets_a_kind(code: str, kind: type[errors.TransportError]) -> None:
    async with greeter("127.0.0.1") as address:
        error = await failure(trusted(address), "Refuse", code.encode())
    assert type(error) is kind
    assert (str(error), error.code) == (f"no: {code}", code)


def test_what_has_a_token_does_not_show_it() -> None:
    assert "secret" not in repr(IDENTITY)


def test_importing_the_package_does_not_load_grpc() -> None:
    light = "import jumplab.transport.endpoint, jumplab.transport.errors, jumplab.transport.backoff, sys"
    program = f"{light}; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
