"""The requests of a client to its controller, typed.

Every method raises `jumplab.transport.errors.TransportError`, split by what the caller can do. Unary calls are bounded
by `CALL_TIMEOUT`; nothing is retried here.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from jumplab.client.config import ClientConfig
from jumplab.client.views import (
    DriverView,
    ExporterView,
    LeaseView,
    PastLeaseView,
    driver_view,
    exporter_view,
    lease_view,
    past_lease_view,
)
from jumplab.client.waiting import Explanation, QueuedLease, explanation, queued_lease
from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.client_v1.client_pb2_grpc import ClientServiceStub
from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.protocol.v1 import controller_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport import errors
from jumplab.transport.attach_call import dial_stream
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity
from jumplab.transport.links import Link
from jumplab.transport.metadata_channel import Metadata, MetadataChannel
from jumplab.transport.routed import RoutedLink

CALL_TIMEOUT = timedelta(seconds=10)
_PAGE_SIZE = 500
_NO_HISTORY = (
    "the controller keeps no history of exporters: it is of an earlier version; ask its administrator to upgrade it"
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An exporter that is asked for: by a selector, as kubectl's -l, or by its name, or both."""

    selector: str = ""
    exporter: str = ""


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """The request for a lease: a selector, as kubectl's -l, or one exporter by its name, or both.

    members: for a gang, each member by its name within the lease; excludes selector and exporter.
    begin: when it is to begin; None: as soon as possible.  tags: notes that become labels.
    release_after_detached: the lease ends once no session has been attached for this long; None: it does not.
    max_duration: how long activity may make the lease; None: it does not extend it.
    name_is_ours: the name was made for this request, so a lease of that name can only be the one that it created.
    """

    name: str
    duration: timedelta
    selector: str = ""
    exporter: str = ""
    members: Mapping[str, Wanted] = field(default_factory=dict)
    begin: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    release_after_detached: timedelta | None = None
    max_duration: timedelta | None = None
    name_is_ours: bool = False


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """Changes of a lease: its length from its begin, or else its end, and its holder."""

    duration: timedelta | None = None
    end: datetime | None = None
    client: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a leased exporter: a router, and the token that opens it for a minute.

    socket: the exporter's own on this machine, which the token opens then, and no router.
    link: the way through the router, where it has been opened already.
    """

    endpoint: Endpoint
    token: str
    exporter: str
    socket: Path | None = None
    link: Link | None = None


class Controller:
    """The controller as one client sees it, called `client_name`; `Controller.connected` makes one.

    dial_within: how long the client tries to dial an exporter, where its configuration says it.
    """

    def __init__(self, config: ClientConfig, channel: aio.Channel, endpoint: Endpoint) -> None:
        self.client_name = config.metadata.name
        self.dial_within = config.patience.dial_within
        self._parent = f"namespaces/{config.metadata.namespace}"
        self._endpoint = endpoint
        self._channel = channel
        self._config = config
        self._identified = MetadataChannel(channel, partial(_metadata, config))
        self._client = ClientServiceStub(self._identified)
        self._controller = ControllerServiceStub(self._identified)
        self._attaches = True

    @classmethod
    @asynccontextmanager
    async def connected(cls, config: ClientConfig) -> AsyncIterator["Controller"]:
        """A controller with the endpoint and the credentials of `config`; the first call connects."""
        endpoint = Endpoint(config.endpoint, config.trust())
        channel = open_channel(endpoint)
        try:
            yield cls(config, channel, endpoint)
        finally:
            await channel.close()

    async def exporters(self, selector: str = "") -> list[ExporterView]:
        """The exporters that a label selector matches, all of them for an empty one."""
        found: list[ExporterView] = []
        request = client_pb2.ListExportersRequest(parent=self._parent, filter=selector, page_size=_PAGE_SIZE)
        while True:
            page = await self._answer(self._client.ListExporters(request, timeout=_seconds()))
            found += map(exporter_view, page.exporters)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def exporter(self, name: str) -> ExporterView:
        request = client_pb2.GetExporterRequest(name=self._exporter_name(name))
        return exporter_view(await self._answer(self._client.GetExporter(request, timeout=_seconds())))

    async def drivers(self, exporter: str) -> DriverView | None:
        """The root of the drivers that an exporter registered; None where it has registered none yet."""
        request = client_pb2.GetExporterRequest(name=self._exporter_name(exporter))
        return driver_view((await self._answer(self._client.GetExporter(request, timeout=_seconds()))).drivers)

    async def history(self, exporter: str) -> list[PastLeaseView]:
        """The last leases that an exporter served, the newest first."""
        request = client_pb2.GetExporterRequest(name=self._exporter_name(exporter))
        try:
            answer = await self._answer(self._client.GetHistory(request, timeout=_seconds()))
        except errors.Refused as error:
            if error.code != "UNIMPLEMENTED":
                raise
            raise errors.Refused(_NO_HISTORY, code=error.code) from error
        return [past_lease_view(each) for each in answer.leases]

    async def leases(self, selector: str = "", *, only_active: bool = True) -> list[LeaseView]:
        """The caller's namespace's leases that a label selector matches; only_active leaves out the ended ones."""
        found: list[LeaseView] = []
        request = client_pb2.ListLeasesRequest(
            parent=self._parent, filter=selector, page_size=_PAGE_SIZE, only_active=only_active
        )
        while True:
            page = await self._answer(self._client.ListLeases(request, timeout=_seconds()))
            found += map(lease_view, page.leases)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def lease(self, name: str) -> LeaseView:
        request = client_pb2.GetLeaseRequest(name=self._lease_name(name))
        return lease_view(await self._answer(self._client.GetLease(request, timeout=_seconds())))

    async def explain_lease(self, name: str) -> Explanation:
        """The queue position of a lease, and why it has no exporter."""
        request = client_pb2.GetLeaseRequest(name=self._lease_name(name))
        return explanation(await self._answer(self._client.ExplainLease(request, timeout=_seconds())))

    async def queue(self, selector: str = "") -> tuple[list[QueuedLease], bool]:
        """The leases that wait for exporters which a label selector matches, in queue order; and whether there are
        more."""
        request = client_pb2.ListQueueRequest(parent=self._parent, filter=selector)
        answer = await self._answer(self._client.ListQueue(request, timeout=_seconds()))
        return [queued_lease(each) for each in answer.leases], answer.more

    async def create_lease(self, request: LeaseRequest) -> LeaseView:
        """Asks for a lease; it is placed later. An ended lease of one's own with this name is replaced.

        Raises Refused with code ALREADY_EXISTS where the name is taken.
        """
        duration = Duration()
        duration.FromTimedelta(request.duration)
        lease = client_pb2.Lease(selector=request.selector, duration=duration, tags=request.tags)
        if request.begin is not None:
            lease.begin_time.FromDatetime(request.begin)
        if request.release_after_detached is not None:
            lease.release_after_detached.FromTimedelta(request.release_after_detached)
        if request.max_duration is not None:
            lease.max_duration.FromTimedelta(request.max_duration)
        if request.exporter:
            lease.exporter_name = request.exporter
        for name, wanted in request.members.items():
            lease.members.add(name=name, selector=wanted.selector, exporter_name=wanted.exporter)
        wire = client_pb2.CreateLeaseRequest(parent=self._parent, lease_id=request.name, lease=lease)
        return lease_view(await self._answer(self._client.CreateLease(wire, timeout=_seconds())))

    async def update_lease(self, name: str, change: LeaseChange) -> LeaseView:
        """Changes a lease, at once: the answer shows what is in force. Raises Refused where it stays as it was."""
        lease = client_pb2.Lease(name=self._lease_name(name))
        paths: list[str] = []
        if change.duration is not None or change.end is not None:
            paths += ["duration", "end_time"]  # one of them: with both, the begin would follow from them
        if change.duration is not None:
            lease.duration.FromTimedelta(change.duration)
        if change.end is not None:
            lease.end_time.FromDatetime(change.end)
        if change.client:
            paths.append("client")
            lease.client = f"{self._parent}/clients/{change.client}"
        request = client_pb2.UpdateLeaseRequest(lease=lease, update_mask=FieldMask(paths=paths))
        return lease_view(await self._answer(self._client.UpdateLease(request, timeout=_seconds())))

    async def delete_lease(self, name: str, uid: str = "") -> None:
        """Releases a lease, which stays as an ended one; of an ended lease nothing changes.

        uid: only the lease that has it; raises NotFound where another one has the name by now.
        """
        request = client_pb2.DeleteLeaseRequest(name=self._lease_name(name), uid=uid)
        await self._answer(self._client.DeleteLease(request, timeout=_seconds()))

    async def watch_lease(self, name: str) -> AsyncGenerator[LeaseView, None]:
        """The lease now and after each change, while the caller iterates; raises NotFound once it is deleted."""
        call = self._client.WatchLease(client_pb2.GetLeaseRequest(name=self._lease_name(name)))
        try:
            with self._explained():
                async for lease in call:
                    yield lease_view(lease)
        finally:
            call.cancel()

    async def dial(self, lease: str, *, uid: str = "", member: str = "", machine: str = "") -> Route:
        """Asks for a way to the exporter of a ready lease; each answer is good for one session.

        uid: as for `delete_lease`.
        member: of a lease of several exporters, which; empty: the first.
        machine: this one's name, where the exporter's socket may be used if it is here too.
        """
        request = controller_pb2.DialRequest(lease_name=lease, lease_uid=uid, member=member, machine=machine)
        return self._route(await self._answer(self._controller.Dial(request, timeout=_seconds())))

    async def attach(self, lease: str, *, uid: str = "", member: str = "", machine: str = "") -> Route:
        """Dials, and opens the way through the router in the same breath, where the controller is one that can.

        The arguments are those of `dial`. The route's link, where it has one, is the caller's to close.
        """
        request = controller_pb2.DialRequest(lease_name=lease, lease_uid=uid, member=member, machine=machine)
        if self._attaches:
            try:
                return await self._attached(request)
            except errors.Refused as error:
                if error.code != "UNIMPLEMENTED":
                    raise
                self._attaches = False
        return await self.dial(lease, uid=uid, member=member, machine=machine)

    async def _attached(self, request: controller_pb2.DialRequest) -> Route:
        answer, session = await dial_stream(self._identified, self._endpoint, request, _seconds())
        route = self._route(answer)
        if route.socket is not None:
            return route
        # The controller's server is a router as well: further streams go over the connection that is there.
        return replace(route, link=RoutedLink(route.endpoint, route.token, over=self._channel, session=session))

    async def dial_logs(self, lease: str, *, member: str = "") -> Route:
        """Asks for a way to what the consoles have said in a lease, which may have ended; each answer is good for one
        session.

        member: as for `dial`. Raises Refused with the code UNIMPLEMENTED where the controller does not know this.
        """
        request = controller_pb2.DialLogsRequest(lease_name=lease, member=member)
        return self._route(await self._answer(self._controller.DialLogs(request, timeout=_seconds())))

    def _route(self, answer: controller_pb2.DialResponse) -> Route:
        # The router's certificate is signed by the authority that signed the controller's.
        endpoint = Endpoint(answer.router_endpoint, self._endpoint.tls)
        socket = Path(answer.local_socket) if answer.local_socket else None
        return Route(endpoint, answer.router_token, answer.exporter_name, socket)

    def _exporter_name(self, name: str) -> str:
        return self._resource_name("exporter", name)

    def _lease_name(self, name: str) -> str:
        return self._resource_name("lease", name)

    def _resource_name(self, kind: str, name: str) -> str:
        """Raises NotFound for what no resource is called."""
        if not name or "/" in name:
            namespace = self._parent.partition("/")[2]
            raise errors.NotFound(f'there is no {kind} "{name}" in namespace "{namespace}"')
        return f"{self._parent}/{kind}s/{name}"

    async def _answer(self, call: Awaitable[Answer]) -> Answer:
        with self._explained():
            return await call

    @contextmanager
    def _explained(self) -> Iterator[None]:
        token = self._config.token_now()
        try:
            yield
        except aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED and self._config.token_now() != token:
                raise errors.Unreachable(
                    f"the token was replaced in {self._config.source}; try again", code="UNAUTHENTICATED"
                ) from error
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise errors.Unreachable(
                    f"{self._endpoint.address} did not answer within {_seconds():.0f} s; check that it runs, and "
                    '"endpoint"',
                    code="DEADLINE_EXCEEDED",
                ) from error
            raise errors.explained(error, self._endpoint) from error


def _seconds() -> float:
    return CALL_TIMEOUT.total_seconds()


def _metadata(config: ClientConfig) -> Metadata:
    """Of each call. Not a method: a controller that its own channel refers to would keep that until the garbage
    collector comes, and gRPC keeps each event loop of a thread, 250 KiB, as long as there is any channel.
    """
    named = config.metadata
    return Identity(named.namespace, "Client", named.name, config.token_now()).metadata()
