"""What the plan decides for a lease that waits, or that is in the way of one."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Chosen:
    """An exporter that a lease gets."""

    uid: str
    name: str
    version: str
    """The exporter's resource version that this was decided on."""


@dataclass(frozen=True, slots=True)
class Assign:
    """The lease gets these exporters."""

    exporters: tuple[Chosen, ...]
    """One for each of its parts, in their order."""
    priority: int
    spot_access: bool
    duration: timedelta

    def includes(self, exporter_uid: str) -> bool:
        """Whether this exporter is among them."""
        return any(chosen.uid == exporter_uid for chosen in self.exporters)


@dataclass(frozen=True, slots=True)
class Wait:
    """The lease waits (`condition` Pending), or can't be served as things are (Unsatisfiable)."""

    condition: str
    reason: str
    message: str
    kept: tuple[str, ...] = ()
    """The names of the exporters that are kept for it from its begin, one for each of its parts."""


@dataclass(frozen=True, slots=True)
class Preempt:
    """The lease, which a policy lets go, is to be ended after notice."""

    waiting_uid: str
    """The lease that is going to have its exporter."""


@dataclass(frozen=True, slots=True)
class Spare:
    """The lease was told that it is to be ended, and stays: nobody is helped by its end any more."""


Decision: TypeAlias = Assign | Wait | Preempt | Spare
