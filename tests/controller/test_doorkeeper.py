"""The door: every method behind it asks who calls, once, and before it reads the message."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc import StatusCode, aio

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import controller_pb2
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import bearer
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.credentials import CredentialIssuer, Subject
from jumplab_operator.controller.interceptor import AuthenticationInterceptor, caller
from jumplab_operator.controller.refusals import NotPossibleNow
from jumplab_operator.names import Name
from tests.controller.lab import NAMESPACE, MemoryLab
from tests.controller.world import Controller, refused

SERVICES = (
    controller_pb2.DESCRIPTOR.services_by_name["ControllerService"],
    client_pb2.DESCRIPTOR.services_by_name["ClientService"],
)
METHODS = [
    *((f"/{service.full_name}/{method.name}", method) for service in SERVICES for method in service.methods),
    ("/jumplab.v1.SessionService/Attach", None),
    ("/jumplab.v1.SessionService/Await", None),
]


@pytest.mark.parametrize(("path", "method"), METHODS, ids=[path for path, _ in METHODS])
async def test_every_method_refuses_strangers(controller: Controller, path: str, method: Any) -> None:
    async with (
        open_channel(controller.endpoint, token="nonsense") as channel,
        refused(StatusCode.UNAUTHENTICATED, "this controller did not issue the token", "Secret"),
    ):
        if method is None:
            await channel.stream_stream(path)(timeout=20).read()
        elif method.server_streaming:
            await channel.unary_stream(path)(b"", timeout=20).read()
        else:
            await channel.unary_unary(path)(b"", timeout=20)


class CountingAuthenticator(Authenticator):
    """Counts how often a caller is authenticated."""

    times = 0

    async def authenticate(self, metadata: Mapping[str, str]) -> Subject:
        self.times += 1
        return await super().authenticate(metadata)


class Message(bytes):
    """A message without a type."""

    def ByteSize(self) -> int:  # noqa: N802 - as protobuf has it
        return len(self)


class Greeter:
    """Methods of all shapes that answer with the caller's name, and how many messages have been read."""

    def __init__(self) -> None:
        self.read = 0

    def deserialized(self, message: bytes) -> bytes:
        self.read += 1
        return Message(message)

    async def one(self, request: bytes, _: object) -> bytes:
        if request == b"no":
            raise NotPossibleNow("not now")
        return str(caller()).encode()

    async def several(self, request: bytes, context: object) -> AsyncIterator[bytes]:
        yield await self.one(request, context)
        yield b"end"

    async def written(self, request: bytes, context: aio.ServicerContext[Any, Any]) -> None:
        await context.write(await self.one(request, context))

    async def both(self, requests: AsyncIterator[bytes], context: aio.ServicerContext[Any, Any]) -> None:
        async for request in requests:
            await context.write(await self.one(request, context))

    def handlers(self) -> dict[str, Any]:
        made: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
            "One": (grpc.unary_unary_rpc_method_handler, self.one),
            "Several": (grpc.unary_stream_rpc_method_handler, self.several),
            "Written": (grpc.unary_stream_rpc_method_handler, self.written),
            "Both": (grpc.stream_stream_rpc_method_handler, self.both),
        }
        return {name: shape(method, request_deserializer=self.deserialized) for name, (shape, method) in made.items()}


class Door:
    """A server with such methods behind a doorkeeper, and a channel to it."""

    def __init__(
        self, lab: MemoryLab, authenticator: CountingAuthenticator, greeter: Greeter, channel: aio.Channel, token: str
    ) -> None:
        self.lab = lab
        self.authenticator = authenticator
        self.greeter = greeter
        self.channel = channel
        self.token = token

    async def said(self, method: str, token: str, request: bytes = b"x") -> bytes:
        path, metadata = f"/test.Greeter/{method}", bearer(token)
        if method == "One":
            answer: bytes = await self.channel.unary_unary(path)(request, metadata=metadata, timeout=20)
            return answer
        if method == "Both":
            call = self.channel.stream_stream(path)(metadata=metadata, timeout=20)
            await call.write(request)
            await call.done_writing()
        else:
            call = self.channel.unary_stream(path)(request, metadata=metadata, timeout=20)
        return bytes(await call.read())


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with _door() as door:
        yield door


@asynccontextmanager
async def _door() -> AsyncIterator[Door]:
    def now() -> datetime:
        return datetime.now(UTC)

    issuer = CredentialIssuer(ec.generate_private_key(ec.SECP256R1()), now=now)
    lab, greeter = MemoryLab(issuer), Greeter()
    authenticator = CountingAuthenticator(lab, issuer, lab.current_tokens, now)
    server = aio.server(interceptors=(AuthenticationInterceptor(authenticator, frozenset({"test.Greeter"})),))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Greeter", greeter.handlers()),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Door(lab, authenticator, greeter, channel, lab.add_client("ci"))
    await server.stop(0)


METHODS_OF_ALL_SHAPES = ["One", "Several", "Written", "Both"]


@pytest.mark.parametrize("method", METHODS_OF_ALL_SHAPES)
async def test_a_strangers_message_is_not_read(door: Door, method: str) -> None:
    async with refused(StatusCode.UNAUTHENTICATED, "this controller did not issue the token"):
        await door.said(method, "nonsense")
    assert door.greeter.read == 0


@pytest.mark.parametrize("method", METHODS_OF_ALL_SHAPES)
async def test_a_caller_is_authenticated_once_and_known_to_the_method(door: Door, method: str) -> None:
    subject = Subject("Client", Name(NAMESPACE, "ci"), door.lab.clients[Name(NAMESPACE, "ci")].uid)
    assert await door.said(method, door.token) == str(subject).encode()
    assert (door.authenticator.times, door.greeter.read) == (1, 1)


@pytest.mark.parametrize("method", METHODS_OF_ALL_SHAPES)
async def test_what_a_method_refuses_has_its_code(door: Door, method: str) -> None:
    async with refused(StatusCode.FAILED_PRECONDITION, "not now"):
        await door.said(method, door.token, b"no")


@pytest.mark.parametrize("name", ["x" * 100_000, "ü" * 50_000])
async def test_a_sentence_that_quotes_a_long_text_still_arrives(controller: Controller, name: str) -> None:
    token = controller.lab.add_client("ci")
    async with (
        controller.calling("Client", "ci", token) as (service, _),
        refused(StatusCode.NOT_FOUND, 'there is no lease "', "…"),
    ):
        await service.Dial(controller_pb2.DialRequest(lease_name=name), timeout=20)
