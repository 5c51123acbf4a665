"""What the scheduler decides for a lease that waits, or that others wait for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from jumplab_operator.leasing.model.ids import ExporterUid


@dataclass(frozen=True, slots=True)
class Chosen:
    """An exporter that a lease gets."""

    uid: ExporterUid
    name: str
    version: str
    """The exporter's resource version that this was decided on."""


@dataclass(frozen=True, slots=True)
class Assign:
    """The lease gets these exporters."""

    exporters: tuple[Chosen, ...]
    """One for each of its members, in their order."""
    priority: int
    spot_access: bool
    duration: timedelta
    latest: datetime | None = None
    """When the lease must have its exporters, or it would overlap with a reservation; None: whenever."""

    def includes(self, exporter_uid: str) -> bool:
        """Whether this exporter is among them."""
        return any(chosen.uid == exporter_uid for chosen in self.exporters)


@dataclass(frozen=True, slots=True)
class Wait:
    """The lease waits (`condition` Pending), or can't be served as things are (Unsatisfiable)."""

    condition: str
    reason: str
    message: str
    reserved: tuple[str, ...] = ()
    """The names of the exporters that are reserved for it from its begin, one for each of its members."""


@dataclass(frozen=True, slots=True)
class Preempt:
    """The lease, a spot lease, is to be ended after notice, for a waiting lease of higher priority."""


@dataclass(frozen=True, slots=True)
class Spare:
    """The lease was given notice, and stays: its end helps nobody any more."""


Decision: TypeAlias = Assign | Wait | Preempt | Spare
