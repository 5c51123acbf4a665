"""What happens in the life of an exporter, as its state machine hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jumplab_exporter.config import OnFailure


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as the controller sends it. Fields that may change while it lasts do not count in comparisons."""

    uid: str
    name: str = field(default="", compare=False)
    client: str = field(default="", compare=False)
    context: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The controller has sent the lease of this exporter, or None. The same may come again."""

    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """The drivers of a lease are up and its beforeLease hook is done."""

    uid: str


@dataclass(frozen=True, slots=True)
class PreparingFailed:
    """The beforeLease hook failed, or the safe state was not reached, and `then` is not to go on all the same."""

    uid: str
    message: str
    then: OnFailure


@dataclass(frozen=True, slots=True)
class Attended:
    """The first client of a lease has connected, or the last one's connection has ended; or a client has begun to use
    the drivers, or has not for so long that the lease is idle."""

    uid: str
    attached: bool
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """A lease's time is over by the exporter's own clock."""

    uid: str


@dataclass(frozen=True, slots=True)
class DriversHang:
    """The tear-down has reached its bound, and these drivers are still running."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The afterLease hook is done and the drivers are down.

    failure: what went wrong with the hook;  then: what follows from that;  leave: the process ends with each lease.
    unsafe: why the board is not in its safe state, or "".
    """

    failure: str = ""
    then: OnFailure = OnFailure.WARN
    leave: bool = False
    unsafe: str = ""


@dataclass(frozen=True, slots=True)
class CheckDue:
    """It is time for a health check, if the exporter is free."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The health check is over, cancelled ones too, and its drivers are down."""


@dataclass(frozen=True, slots=True)
class ReloadDue:
    """The configuration is to be read again, if the exporter is free. No state changes by that."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The process was asked to end. A lease that lasts goes on without it.

    A clean-up is finished first, unless asked twice.
    """


@dataclass(frozen=True, slots=True)
class NotConnected:
    """The controller has been out of reach too often in a row. reason: why, as a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The controller refuses this exporter from the first, or can't be trusted. reason: why, as a sentence."""

    reason: str


Event = (
    Assigned
    | Prepared
    | Attended
    | PreparingFailed
    | DeadlinePassed
    | DriversHang
    | Cleaned
    | CheckDue
    | Checked
    | ReloadDue
    | StopRequested
    | NotConnected
    | Rejected
)
