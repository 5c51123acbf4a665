"""What the scheduler looks at: small, comparable extracts of the custom resources and of who is connected.

A fact is put again when something in it has changed; what isn't in a fact can change without a new plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from jumplab_operator.resources import ExporterAccessPolicy, LabelSelector


@dataclass(frozen=True, slots=True)
class ExporterFacts:
    """An exporter: its administrator's word, its connection, its claim."""

    namespace: str
    uid: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    online: bool = False
    available: bool = False
    """It has said, on the connection that it has now, that it is ready for a lease."""
    claim: str | None = None
    """The uid of the lease that holds it, or that it hasn't been cleaned up after."""
    version: str = ""
    """The resource version that all this was read from."""
    quarantined: bool = False
    """It has failed too often to be given to anybody."""
    vacated: datetime | None = None
    """When the lease ended that it is being cleaned up after."""
    busy: bool = False
    """It is connected and has not said yet that it holds nothing of a lease."""

    @property
    def usable(self) -> bool:
        """Whether it would serve the next lease, as far as the exporter itself is concerned."""
        return self.online and self.available and not self.quarantined


@dataclass(frozen=True, slots=True)
class Request:
    """What a lease asks for, by its accepted spec: one exporter, or one for each of its members."""

    client: str
    selector: LabelSelector | None = None
    exporter: str | None = None
    allow_disabled: bool = False
    duration: timedelta | None = None
    """None: it takes the default, bounded by policy."""
    patient: bool = False
    """It waits for an exporter that does not exist yet, or that its client may not have yet."""
    name: str = ""
    """What the lease calls this part; empty where it is the only one."""
    members: tuple["Request", ...] = ()
    """The parts of a gang, each for one exporter; of the gang itself neither selector nor exporter is set then."""


@dataclass(frozen=True, slots=True)
class LeaseFacts:
    """A lease that has not ended and whose spec was accepted."""

    namespace: str
    uid: str
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
    exporters: tuple[str, ...] = ()
    """The names of the exporters that it is assigned to, one for each of its parts; none while it waits."""
    avoid: frozenset[str] = frozenset()
    """The uids of exporters that it isn't offered now, since they failed to confirm it."""
    kept: tuple[str, ...] = ()
    """The names of the exporters that are kept for it from its begin, one for each of its parts."""
    priority: int = 0
    """By what it has its exporters."""
    spot: bool = False
    """A higher priority may have it ended."""
    noticed: bool = False
    """Its holder was told that it is to be ended."""

    @property
    def parts(self) -> tuple[Request, ...]:
        """What it asks for, exporter by exporter."""
        return self.request.members or (self.request,)

    @property
    def waits_since(self) -> datetime:
        """From when on its age counts."""
        return max(self.created, self.begin) if self.begin is not None else self.created


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """A lease that has ended: the exporter time that its client has used. It has the lease's uid."""

    namespace: str
    uid: str
    client: str
    began: datetime
    ended: datetime
    exporters: int = 1
    """How many it had."""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A client, whom access policies select by labels."""

    namespace: str
    uid: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """An access policy; `policy` is None where the object can't be read."""

    namespace: str
    uid: str
    policy: ExporterAccessPolicy | None


Fact: TypeAlias = ExporterFacts | LeaseFacts | UsageFacts | ClientFacts | PolicyFacts
