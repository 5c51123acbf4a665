"""What the plan decides for a waiting lease."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Assign:
    """The lease gets this exporter."""

    exporter_uid: str
    exporter: str
    version: str
    """The exporter's resource version that this was decided on."""
    priority: int
    spot_access: bool
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Wait:
    """The lease waits (`condition` Pending), or can't be served as things are (Unsatisfiable)."""

    condition: str
    reason: str
    message: str
    kept: str | None = None
    """The name of the exporter that is kept for it from its begin."""


Decision: TypeAlias = Assign | Wait
