"""Whether an exporter can be trusted with leases: from what it says, and from how its leases ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from jumplab_operator.resources import Exporter
from jumplab_operator.resources.conditions import condition
from jumplab_operator.resources.exporter import Quarantine
from jumplab_operator.resources.metadata import Condition

RETURN = "jumplab.dev/healthy"
"""The annotation by which an administrator has an exporter come back from quarantine."""

CheckState: TypeAlias = Literal["None", "Due", "Passed", "Failed"]


@dataclass(frozen=True, slots=True)
class Found:
    """What an exporter has reported. failures: of checks and hooks, in a row, the last one at `failed_at`."""

    check: CheckState = "None"
    failures: int = 0
    failed_at: datetime | None = None
    message: str = ""
    broken_drivers: str = ""
    log: str = ""


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class FailedLease:
    """A lease that ended in the exporter's failure."""

    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the exporter's status shows. cleared: failures before that moment don't count."""

    condition: Condition
    quarantine: Quarantine | None
    cleared: datetime | None


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: str
    message: str
    times: int = 0


def judge(
    exporter: Exporter, found: Found, failed_leases: Sequence[FailedLease], now: datetime, quarantine_after: int
) -> Judgement:
    """Judges an exporter. failed_leases: those since the last lease that went well, the newest first.

    quarantine_after: how many failures of one kind in a row put it into quarantine.
    """
    quarantine, cleared = exporter.status.quarantine, exporter.status.cleared_time
    if RETURN in exporter.metadata.annotations or (quarantine is not None and found.check == "Passed"):
        quarantine, cleared = None, now
    faults = _faults(found, failed_leases, cleared)
    if quarantine is None:
        repeated = next((fault for fault in faults if fault.times >= quarantine_after), None)
        if repeated is not None:
            quarantine = Quarantine(
                since=now, reason=f"{repeated.message}; {repeated.times} consecutive failures", log=found.log
            )
    return Judgement(_condition(exporter.name, quarantine, faults, found), quarantine, cleared)


def _faults(found: Found, failed_leases: Sequence[FailedLease], cleared: datetime | None) -> list[_Fault]:
    faults = []
    if found.failures and (cleared is None or found.failed_at is None or found.failed_at > cleared):
        faults.append(_Fault("CheckFailed", found.message, found.failures))
    counted = [lease for lease in failed_leases if cleared is None or lease.at > cleared]
    if counted:
        faults.append(_Fault("LeaseFailed", counted[0].message, len(counted)))
    if found.broken_drivers:
        faults.append(_Fault("DriverFailed", found.broken_drivers))
    return faults


def _condition(name: str, quarantine: Quarantine | None, faults: Sequence[_Fault], found: Found) -> Condition:
    if quarantine is not None:
        passes = "" if found.check == "None" else "a health check that passes, or "
        end = f"{passes}`kubectl annotate exporter {name} {RETURN}=yes`"
        message = f"{quarantine.reason}; {end} ends the quarantine"
        return condition("Healthy", False, "Quarantined", message)
    if faults:
        return condition("Healthy", False, faults[0].reason, faults[0].message)
    if found.check == "None":
        return condition("Healthy", True, "NotChecked", "nothing has failed; no health check is configured")
    return condition("Healthy", True, "Healthy", "its last health check passed" if found.check == "Passed" else "")
