"""What the scheduler looks at: small, comparable extracts of the custom resources and of the connections.

A fact is put again when something in it has changed; what isn't in a fact can change without a new plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.resources import ExporterAccessPolicy, LabelSelector


@dataclass(frozen=True, slots=True)
class ExporterFacts:
    """An exporter: its spec, its connection, its claim."""

    namespace: str
    uid: ExporterUid
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    online: bool = False
    available: bool = False
    """It has reported, on its present connection, that it is ready for a lease."""
    claim: LeaseUid | None = None
    """The lease that it serves, or that it hasn't been cleaned up after."""
    version: str = ""
    """The resource version that all this was read from."""
    quarantined: bool = False
    """It has failed too often to serve a lease."""
    vacated: datetime | None = None
    """When the lease ended that it is being cleaned up after, or that it checks its devices after."""
    busy: bool = False
    """It is connected and has not reported yet that it is clean of the last lease."""

    @property
    def usable(self) -> bool:
        """Whether it would serve the next lease, as far as the exporter itself is concerned."""
        return self.online and self.available and not self.quarantined


@dataclass(frozen=True, slots=True)
class Request:
    """What a lease asks for, by its accepted spec: one exporter, or one for each of its members."""

    client: ClientName
    selector: LabelSelector | None = None
    exporter: str | None = None
    allow_disabled: bool = False
    duration: timedelta | None = None
    """None: the default, or less where its rights permit less."""
    patient: bool = False
    """It waits for an exporter that does not exist yet, or that its client may not have yet."""
    name: str = ""
    """The name of this member; empty where the lease is no gang."""
    members: tuple["Request", ...] = ()
    """The members of a gang, each for one exporter; of the gang itself neither selector nor exporter is set then."""


class Share(NamedTuple):
    """The use of a client that transferred a lease: up to that moment, from its begin or from the share before."""

    client: ClientName
    until: datetime


@dataclass(frozen=True, slots=True)
class LeaseFacts:
    """A lease that has not ended and whose spec was accepted."""

    namespace: str
    uid: LeaseUid
    name: str
    created: datetime
    request: Request
    begin: datetime | None = None
    """Not to be assigned before."""
    began: datetime | None = None
    """When it became ready; None before that."""
    end: datetime | None = None
    """When it is over; None while that isn't known."""
    granted: timedelta | None = None
    """How long it lasts from when it is ready, once it has exporters; None: as it asks."""
    moves: bool = False
    """Its end moves on for as long as it is used."""
    latest_end: datetime | None = None
    """The end beyond which use does not move it; None: there is none, or it isn't known yet."""
    max_duration: timedelta | None = None
    """How long use may make it, from when it is ready; None: there is no limit of its own."""
    exporters: tuple[str, ...] = ()
    """The names of the exporters that it is assigned to, one for each of its members; none while it waits."""
    avoid: frozenset[ExporterUid] = frozenset()
    """The exporters that it isn't offered now, since they failed to confirm it."""
    reserved: tuple[str, ...] = ()
    """The names of the exporters that are reserved for it from its begin, one for each of its members."""
    priority: int = 0
    """The priority of the right by which it has its exporters."""
    spot: bool = False
    """A lease of higher priority may preempt it."""
    noticed: bool = False
    """It was given notice of its preemption."""
    preempted_at: datetime | None = None
    """When its notice is over; None where it has none, or where that isn't known."""
    earlier: tuple[Share, ...] = ()
    """The use of the clients that held it before."""

    @property
    def members(self) -> tuple[Request, ...]:
        """What it asks for, exporter by exporter; of a lease that is no gang, its request."""
        return self.request.members or (self.request,)

    @property
    def waits_since(self) -> datetime:
        """When its age in the queue began."""
        return max(self.created, self.begin) if self.begin is not None else self.created


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """A lease that has ended: the exporter time that its client has used. It has the lease's uid."""

    namespace: str
    uid: LeaseUid
    client: ClientName
    began: datetime
    ended: datetime
    exporters: int = 1
    """How many it had."""
    earlier: tuple[Share, ...] = ()
    """The use of the clients that held it before its last holder."""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A client; access policies select it by its labels."""

    namespace: str
    uid: str
    name: ClientName
    labels: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """An access policy; `policy` is None where the object can't be read."""

    namespace: str
    uid: str
    policy: ExporterAccessPolicy | None


Fact: TypeAlias = ExporterFacts | LeaseFacts | UsageFacts | ClientFacts | PolicyFacts
