"""One connection of an exporter to its controller."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, repeat
from types import TracebackType
from typing import Self

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.attach_call import await_stream
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity
from jumplab.transport.errors import Unreachable, explained
from jumplab.transport.links import Link
from jumplab.transport.metadata_channel import MetadataChannel
from jumplab.transport.routed import RoutedLink
from jumplab_exporter.health import Health
from jumplab_exporter.lifecycle_events import Lease
from jumplab_exporter.local_socket import LocalSocket
from jumplab_exporter.reports import Report
from jumplab_exporter.stream_tokens import session_of

# Registering waits for writes to the Kubernetes API, which has its own bound at the controller.
_CALL_BOUND_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A session that a client has dialled. session: the same for every repetition of one offer."""

    router: str
    token: str = field(repr=False)
    session: str


@dataclass(frozen=True, slots=True)
class LogOffer:
    """A client that waits to read what the consoles have said in one lease, by its uid."""

    lease_uid: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class Assignment:
    """The state that the controller sends at one moment.

    expected_end: changes when the lease's length does.  local_tokens: the SHA-256 of tokens of clients at our socket,
    with the ids of the credentials by which they have dialled.  holder_credentials: the ids of those that the lease's
    client may have; empty: any.
    notice: that of the lease's preemption; empty: there is none.  log_offers: of any lease, the present one or not.
    """

    lease: Lease | None
    expected_end: datetime | None
    offers: tuple[Offer, ...] = ()
    local_tokens: tuple[tuple[bytes, str], ...] = ()
    holder_credentials: tuple[str, ...] = ()
    notice: str = ""
    log_offers: tuple[LogOffer, ...] = ()


class Controller:
    """One connection to the controller, on behalf of one Exporter. Each method raises TransportError.

    epoch: names this process.  short_path: where it takes clients of its own machine in.  clock: seconds, as
    jumplab.boottime gives.
    """

    def __init__(
        self, endpoint: Endpoint, identity: Identity, *, epoch: str, short_path: LocalSocket, clock: Callable[[], float]
    ) -> None:
        self._endpoint = endpoint
        self._epoch = epoch
        self._status_request = pb.StatusRequest(
            machine=short_path.machine,
            local_socket=str(short_path.socket) if short_path.socket else "",
            serves_logs=True,
        )
        self._clock = clock
        self._closed = False
        # A connection of its own: a lost one is then really made anew, when our back-off permits it.
        self._channel: aio.Channel = open_channel(endpoint, own_connection=True)
        self._identified = MetadataChannel(self._channel, identity.metadata)
        self._stub = ControllerServiceStub(self._identified)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        await self._channel.close()

    def link(self, offer: Offer) -> Link:
        """The way to a session's client: over this connection where it leads to the offer's router, which saves the
        time that another takes."""
        over = self._channel if offer.router == self._endpoint.address and self._connected else None
        return RoutedLink(Endpoint(offer.router, self._endpoint.tls), offer.token, over=over)

    async def next_session(self, lease_uid: str) -> tuple[Offer, Link]:
        """The session that the next client of the lease dials, and the way to it, which is open ahead.

        Waits for the client without a bound. Raises TransportError, with the code UNIMPLEMENTED where the controller
        makes offers only.
        """
        if self._closed:
            raise Unreachable("the connection to the controller is closed")
        router_offer, stream = await await_stream(self._identified, self._endpoint, lease_uid)
        offer = _offer(router_offer)
        endpoint = Endpoint(offer.router, self._endpoint.tls)
        over = self._channel if offer.router == self._endpoint.address else None
        return offer, RoutedLink(endpoint, offer.token, over=over, session=stream)

    @property
    def _connected(self) -> bool:
        return not self._closed and self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def register(self, reports: Sequence[DriverInstanceReport]) -> None:
        """Registers the drivers. May be called again when they change."""
        with self._explaining():
            await self._stub.Register(pb.RegisterRequest(reports=reports), timeout=_CALL_BOUND_SECONDS)

    async def unregister(self, reason: str, *, bound_seconds: float) -> None:
        """Leaves on purpose."""
        with self._explaining():
            await self._stub.Unregister(pb.UnregisterRequest(reason=reason), timeout=bound_seconds)

    async def report(self, report: Report) -> None:
        """Reports the exporter's state. May be repeated."""
        request = pb.ReportStatusRequest(
            status=report.status.value,  # type: ignore[arg-type] # our numbers are the wire's
            message=report.message,
            release_lease=report.release,
            lease_uid=report.lease_uid,
            epoch=self._epoch,
            health=_health(report.health) if report.health is not None else None,
        )
        if report.attendance is not None:
            request.attached, request.attachments = report.attendance.attached, report.attendance.times
            request.in_use = report.attendance.in_use
        with self._explaining():
            await self._stub.ReportStatus(request, timeout=_CALL_BOUND_SECONDS)

    async def deadline(self, lease: Lease) -> float | None:
        """When the lease ends, on the clock, rather early than late; None while it has no end."""
        asked = self._clock()
        with self._explaining():
            answer = await self._stub.GetLease(pb.GetLeaseRequest(name=lease.name), timeout=_CALL_BOUND_SECONDS)
        if answer.uid != lease.uid or not answer.HasField("remaining"):
            return None
        return asked + answer.remaining.ToTimedelta().total_seconds()

    async def assignments(self) -> AsyncIterator[Assignment]:
        """The assignments, now and after each change, until the controller ends the connection. It is presence too."""
        with self._explaining():
            async for status in self._stub.Status(self._status_request):
                yield _assignment(status)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except aio.AioRpcError as error:
            raise explained(error, self._endpoint) from error


def _health(health: Health) -> pb.HealthReport:
    report = pb.HealthReport(
        check=health.check.value,  # type: ignore[arg-type] # our numbers are the wire's
        failures=health.failures,
        message=health.message,
        broken_drivers=health.broken_drivers,
        log=health.log,
    )
    if health.failed_at is not None:
        report.failed_at.FromDatetime(health.failed_at)
    return report


def _assignment(status: pb.StatusResponse) -> Assignment:
    lease = (
        Lease(status.lease_uid, status.lease_name, status.client_name, dict(status.context)) if status.leased else None
    )
    credentials = chain(status.local_token_credentials, repeat(""))  # an earlier controller sends none
    expected_end = status.expected_end_time.ToDatetime(UTC) if status.HasField("expected_end_time") else None
    return Assignment(
        lease,
        expected_end,
        tuple(map(_offer, status.offers)),
        tuple(zip(status.local_tokens, credentials, strict=False)),
        tuple(status.holder_credentials),
        status.notice,
        tuple(LogOffer(each.lease_uid, _offer(each.router)) for each in status.log_offers),
    )


def _offer(offer: pb.RouterOffer) -> Offer:
    return Offer(offer.router_endpoint, offer.router_token, session_of(offer.router_token))
