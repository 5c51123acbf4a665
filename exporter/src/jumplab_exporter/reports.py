"""What an exporter tells the controller of its life: where it is, whose lease that is about, who is attached."""

from dataclasses import dataclass
from enum import IntEnum

from jumplab_exporter.health import Health


class Status(IntEnum):
    """Where an exporter says it is; the numbers are those of the wire's ExporterStatus."""

    AVAILABLE = 2
    BEFORE_LEASE_HOOK = 3
    LEASE_READY = 4
    AFTER_LEASE_HOOK = 5
    BEFORE_LEASE_HOOK_FAILED = 6
    AFTER_LEASE_HOOK_FAILED = 7


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a client of the lease is connected, how many times that has become true, and whether one uses it."""

    attached: bool = False
    times: int = 0
    in_use: bool = False

    def after(self, attached: bool, in_use: bool) -> "Attendance":
        return Attendance(attached, self.times + (attached and not self.attached), in_use)


@dataclass(frozen=True, slots=True)
class Report:
    """What the controller is to know. release: the exporter asks for the lease's end."""

    status: Status
    message: str = ""
    lease_uid: str = ""
    release: bool = False
    health: Health | None = None
    attendance: Attendance | None = None
