"""A control plane at the wire: a ControllerService that a test plays, and a real router."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceServicer, add_ControllerServiceServicer_to_server
from jumplab.session.client import Session, attach
from jumplab.transport.endpoint import Endpoint, Tls
from jumplab.transport.local import LocalLink
from jumplab.transport.routed import RoutedLink
from jumplab_exporter.exporter import Exporter
from jumplab_exporter.reports import Status
from jumplab_operator.pki import issue_server_certificate, make_authority
from jumplab_operator.router.relay import Router
from jumplab_operator.router.tokens import LIFETIME, Role, StreamClaims, mint, read
from tests.exporter.waiting import until

TOKEN = "the-token-of-the-exporter"
Run = Callable[..., AbstractAsyncContextManager[Exporter]]
"""Runs an exporter in this process until the context is left; takes changes of its configuration."""


@dataclass(frozen=True)
class Said:
    """One status report of the exporter."""

    status: Status
    lease_uid: str
    message: str
    epoch: str
    release: bool
    health: pb.HealthReport


class ControlPlane(ControllerServiceServicer):
    """What a test says to an exporter, and what it has heard from it. It may go away and come back on its port."""

    def __init__(self) -> None:
        self.authority = make_authority(datetime.now(UTC))
        self._certificate = issue_server_certificate(self.authority, ["127.0.0.1"], datetime.now(UTC))
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._port = 0
        self._server: aio.Server | None = None
        self._router: Router | None = None
        self._state = pb.StatusResponse()
        self._ends_at: float | None = None
        self._changed = asyncio.Event()
        self.said: list[Said] = []
        self.registered: list[pb.RegisterRequest] = []
        self.goodbyes: list[str] = []
        self._said_goodbye = False
        self.watching = 0
        self.slow_to_tell_seconds = 0.0
        self.early_reports = 0
        self.attendance: list[tuple[bool, int]] = []
        self.in_use = False
        self._telling = 0
        self.refuse_reports = 0
        self.answered = 0
        self.place: pb.StatusRequest | None = None
        self.spares: list[str] = []
        self.only_offers = False
        self._spare: asyncio.Future[bytes] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"127.0.0.1:{self._port}", Tls(self.authority.certificate_pem))

    async def start(self) -> None:
        self._server = aio.server(options=[("grpc.so_reuseport", 0), ("grpc.http2.max_ping_strikes", 0)])
        self._router = Router(
            self._key.public_key(),
            prolonged=lambda _: None,
            now=lambda: datetime.now(UTC),
            meeting_bound=timedelta(seconds=20),
        )
        self._router.add_to(self._server)
        ahead = {"Await": grpc.stream_stream_rpc_method_handler(self._await)}  # messages stay bytes, as at the router
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("jumplab.v1.SessionService", ahead),)
        )
        add_ControllerServiceServicer_to_server(self, self._server)
        pair = (self._certificate.key_pem, self._certificate.certificate_pem)
        self._port = self._server.add_secure_port(f"127.0.0.1:{self._port}", grpc.ssl_server_credentials([pair]))
        await self._server.start()

    async def stop(self) -> None:
        """Goes away as a killed process does: without a word to anyone."""
        assert self._server is not None
        assert self._router is not None
        self._router.close()
        await self._server.stop(0)

    def lease(self, uid: str, *, name: str = "demo", remaining: float | None = None) -> None:
        """Leases the exporter; with `remaining` seconds left, if it has an end yet."""
        self._state = pb.StatusResponse(leased=True, lease_name=name, client_name="ci", lease_uid=uid)
        self.extend(remaining)

    def extend(self, remaining: float | None) -> None:
        """Moves the lease's end."""
        self._ends_at = None if remaining is None else time.monotonic() + remaining
        if remaining is not None:
            self._state.expected_end_time.CopyFrom(_timestamp(datetime.now(UTC) + timedelta(seconds=remaining)))
        self._tell()

    def transfer(self, client: str) -> None:
        """Hands the lease over; the router knows nothing of it."""
        self._state.client_name = client
        del self._state.offers[:]
        self._tell()

    def release(self) -> None:
        """Ends the lease."""
        if self._router is not None:
            self._router.cut(self._state.lease_uid)
        self._state = pb.StatusResponse()
        self._tell()

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Session]:
        """Attaches a client, as the lease's holder would."""
        async with attach(self.offer()) as attached:
            yield attached

    def offer(self) -> RoutedLink:
        """Tells the exporter of a client at the router: that client's link."""
        session = uuid.uuid4().hex
        offer = pb.RouterOffer(router_endpoint=self.endpoint.address, router_token=self._token(session, Role.EXPORTER))
        self._state.offers.append(offer)
        self._tell()
        return RoutedLink(self.endpoint, self._token(session, Role.CLIENT))

    def offer_logs(self, uid: str) -> RoutedLink:
        """Tells the exporter of a client that reads the logs of a lease: that client's link."""
        session = uuid.uuid4().hex
        token = self._token(session, Role.EXPORTER, uid, logs=True)
        router = pb.RouterOffer(router_endpoint=self.endpoint.address, router_token=token)
        self._state.log_offers.add(lease_uid=uid, router=router)
        self._tell()
        return RoutedLink(self.endpoint, self._token(session, Role.CLIENT, uid, logs=True))

    async def met(self, *, offered: bool = False) -> RoutedLink:
        """The link of a client that is joined to what the exporter has opened ahead.  offered: it is told, too."""
        await until(lambda: self._spare is not None and not self._spare.done())
        assert self._spare is not None
        session = uuid.uuid4().hex
        token = self._token(session, Role.EXPORTER)
        offer = pb.RouterOffer(router_endpoint=self.endpoint.address, router_token=token)
        self._spare.set_result(offer.SerializeToString())
        if offered:
            self._state.offers.append(offer)
        return RoutedLink(self.endpoint, self._token(session, Role.CLIENT))

    async def _await(self, _: object, context: Any) -> None:
        assert self._router is not None
        if self.only_offers:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        self.spares.append(dict(context.invocation_metadata())["x-jumplab-lease"])
        self._spare = asyncio.get_running_loop().create_future()
        offer = await self._spare
        claims = read(pb.RouterOffer.FromString(offer).router_token, self._key.public_key())
        await self._router.serve(claims, 0, context, metadata=(("x-jumplab-offer-bin", offer),))

    def invite(self, token: str = "a token") -> LocalLink:
        """Tells the exporter of a client on its machine: that client's link."""
        self._state.local_tokens.append(hashlib.sha256(token.encode()).digest())
        self._tell()
        return self.uninvited(token)

    def uninvited(self, token: str) -> LocalLink:
        """The link of a client that brings this token."""
        assert self.place is not None
        return LocalLink(Path(self.place.local_socket), token)

    def client_token(self) -> str:
        """A client's token for a new session, as the controller makes it."""
        return self._token(uuid.uuid4().hex, Role.CLIENT)

    def _token(self, session: str, role: Role, uid: str = "", *, logs: bool = False) -> str:
        now, lease = datetime.now(UTC), f"lab/{self._state.lease_name}"
        deadline = now + timedelta(hours=1)
        uid, holder = uid or self._state.lease_uid, self._state.client_name
        claims = StreamClaims(session, role, uid, lease, holder, "exporter-uid", deadline, now + LIFETIME, logs)
        return mint(claims, self._key)

    async def heard(self, status: Status, uid: str = "", *, times: int = 1) -> Said:
        """Waits until the exporter has reported this."""

        def found() -> list[Said]:
            return [said for said in self.said if (said.status, said.lease_uid) == (status, uid)]

        await until(lambda: len(found()) >= times)
        return found()[-1]

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Register(self, request: pb.RegisterRequest, context: Any) -> pb.RegisterResponse:  # noqa: N802
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") != f"Bearer {TOKEN}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not valid; ask the administrator")
        assert metadata["jumpstarter-kind"] == "Exporter"
        self.registered.append(request)
        self._said_goodbye = False
        return pb.RegisterResponse(uuid="exporter-uid")

    async def Unregister(self, request: pb.UnregisterRequest, context: Any) -> pb.UnregisterResponse:  # noqa: N802
        self.goodbyes.append(request.reason)
        self._said_goodbye = True
        self._tell()
        await until(lambda: not self.watching)
        await asyncio.sleep(0.1)  # the exporter has time to notice that its Status stream has ended
        return pb.UnregisterResponse()

    async def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:  # noqa: N802
        if self.refuse_reports:
            self.refuse_reports -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the Kubernetes API is away")
        self.early_reports += not self._telling
        status = Status(request.status)
        self.said.append(
            Said(status, request.lease_uid, request.message, request.epoch, request.release_lease, request.health)
        )
        if request.HasField("attached"):
            self.attendance.append((request.attached, request.attachments))
            self.in_use = request.in_use
        return pb.ReportStatusResponse()

    async def GetLease(self, request: pb.GetLeaseRequest, context: Any) -> pb.GetLeaseResponse:  # noqa: N802
        context.add_done_callback(lambda _: self._count_answer())
        response = pb.GetLeaseResponse(uid=self._state.lease_uid)
        if self._ends_at is not None:
            response.remaining.FromTimedelta(timedelta(seconds=max(0.0, self._ends_at - time.monotonic())))
        return response

    def _count_answer(self) -> None:
        self.answered += 1

    async def Status(self, request: pb.StatusRequest, context: Any) -> AsyncIterator[pb.StatusResponse]:  # noqa: N802
        self.watching += 1
        self.place = request
        try:
            await asyncio.sleep(self.slow_to_tell_seconds)
            self._telling += 1
            while not self._said_goodbye:
                changed = self._changed
                yield self._state
                await changed.wait()
        finally:
            self.watching -= 1
            self._telling = 0


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
