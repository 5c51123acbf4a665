"""The contract between the gRPC services and the cluster.

The services depend on this contract alone; `jumplab_operator.reconcile` implements it over its object store and the
Kubernetes API, and tests of the services implement it in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from jumplab_operator.leasing.explain.explain import Considered
from jumplab_operator.leasing.explain.queue_position import QueuePosition
from jumplab_operator.leasing.model.exporter_health import NOTHING, Found
from jumplab_operator.names import Name
from jumplab_operator.resources import Client, Exporter, LabelSelector, Lease, Resource


@dataclass(frozen=True, slots=True)
class Assignment:
    """The lease of an exporter. Equal assignments need no message."""

    lease: Name
    lease_uid: str
    client: str
    context: Mapping[str, str]
    expected_end: datetime | None
    notice: str = ""
    """The notice of its preemption, for its holder; empty: none."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A report of an exporter; `status` is a value of Exporter.status.exporterStatus."""

    status: str
    message: str
    lease_uid: str
    epoch: str
    release_lease: bool
    health: Found = NOTHING
    """The result of its last health check."""
    attached: bool | None = None
    """Whether a client is connected to the lease's session; None: it does not report that."""
    attachments: int = 0
    """How many times one has been."""
    in_use: bool = False
    """Whether an attached client uses the drivers."""


@dataclass(frozen=True, slots=True)
class CredentialChange:
    """The tokens of a client or exporter were replaced, or the time of earlier ones is over.

    ended: the ids of credentials by which nothing may go on any more.  exporters: the uids of those where the client
    has leases.
    """

    uid: str
    ended: frozenset[str]
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HolderChange:
    """The new holder of a lease; client None: it has ended. The streams of all other clients are to be cut."""

    lease_uid: str
    client: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A lease's queue position, None where it is in no queue, and each exporter that was considered for it."""

    position: QueuePosition | None
    considered: Sequence[Considered]


@dataclass(frozen=True, slots=True)
class QueuedLease:
    """A waiting lease and its queue position."""

    lease: Lease
    position: QueuePosition


class Lab(Protocol):
    """The cluster's custom resources, read without I/O and changed through the Kubernetes API."""

    def exporter(self, name: Name) -> Exporter | None: ...

    def client(self, name: Name) -> Client | None: ...

    def lease(self, name: Name) -> Lease | None: ...

    def problem(self, kind: type[Resource], name: Name) -> str:
        """Why a resource that is there can't be read as it is; empty where it can, or isn't there."""
        ...

    def exporters(self, namespace: str) -> Sequence[Exporter]: ...

    def leases(self, namespace: str) -> Sequence[Lease]: ...

    def active_leases(self, namespace: str) -> Sequence[Lease]:
        """Those that have not ended: thousands may have."""
        ...

    def leases_held(self, client: Name) -> int:
        """How many leases of a client have not ended, in force or waiting."""
        ...

    def remaining(self, lease: Lease) -> timedelta | None:
        """How long the lease still lasts; None while it has no end; never negative."""
        ...

    def presence(self, exporter: Name, uid: str) -> AbstractAsyncContextManager[AsyncIterator[Assignment | None]]:
        """An exporter's connection, while the context lasts.

        Entering marks the exporter as connected; leaving, that its connection was lost (it may be back within
        the grace time). The iterator gives the assignment now and after each change, and ends when the exporter was
        deleted or another connection of the same exporter replaced this one.
        """
        ...

    async def say_goodbye(self, exporter: Name, reason: str) -> None:
        """The exporter leaves on purpose: it is Offline at once."""
        ...

    async def register(self, exporter: Name, labels: Mapping[str, str], devices: Sequence[Mapping[str, Any]]) -> None:
        """Takes over the exporter's drivers, and its labels under jumpstarter.dev/. Raises ApiError.

        It is written with the exporter's next report, or a second later.
        """
        ...

    async def report(self, exporter: Name, report: StatusReport) -> None:
        """Takes over where the exporter is in its life; returns when it is written. Raises ApiError."""
        ...

    def watch_lease(self, lease: Name) -> AsyncIterator[Lease]:
        """The lease now and after each change; ends when it was deleted."""
        ...

    def explain(self, lease: Lease) -> Explanation:
        """A lease's queue position, and the exporters that were considered for it."""
        ...

    async def queue(self, namespace: str, selector: LabelSelector, most: int) -> Sequence[QueuedLease]:
        """The leases that wait for exporters which the selector matches, in queue order; at most `most`."""
        ...

    async def create_lease(self, namespace: str, name: str | None, spec: Mapping[str, Any]) -> Lease:
        """Creates a Lease (name None: one is generated) with the spec of the custom resource.

        An ended lease of the same client and name is replaced. Raises NameTaken, ApiError.
        """
        ...

    async def edit_lease(self, lease: Name, spec: Mapping[str, Any]) -> Lease:
        """Merges into the Lease's spec, in force when this returns. Raises EditRefused, and then nothing has changed;
        ApiError."""
        ...

    async def release_lease(self, lease: Name) -> None:
        """Ends the lease; the object stays. One that has ended already stays as it is. Raises ApiError."""
        ...

    async def rotate_client_token(self, client: Name, token: str) -> tuple[str, datetime | None]:
        """Replaces the token of the client; returns the new one and its expiry. The old one dies.

        Raises TokenReplaced where another is in force already, or none; ApiError.
        """
        ...

    def calling(self, uid: str, token: str) -> AbstractContextManager["asyncio.Future[str]"]:
        """A call of the client or exporter is open while the context lasts: its credential is looked at meanwhile.

        Done, with the reason, once the caller is deleted or disabled, its credential removed, or its token replaced.
        """
        ...

    def credentials_of(self, client: Name) -> Sequence[str]:
        """The ids of the credentials by which what the client has open may go on; empty where they aren't known."""
        ...

    def holders(self) -> AsyncIterator[HolderChange]:
        """Each lease at the moment it ends, for whatever reason, deletion included, or goes to another client."""
        ...
