"""The operator's settings."""

from dataclasses import dataclass
from datetime import timedelta

from jumplab_operator.leasing.model.times import DEFAULT_DURATION

QUARANTINE_AFTER = 3
PREEMPTION_NOTICE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LabSettings:
    """The operator's settings."""

    endpoint: str
    """host:port of the controller, for the status of exporters and clients."""
    ca_pem: str = ""
    """The CA that signed the controller's certificate, kept beside the tokens; empty: one that everybody trusts."""
    namespaces: tuple[str, ...] = ()
    """The namespaces to serve; empty: all."""
    default_duration: timedelta = DEFAULT_DURATION
    tell_within: timedelta = timedelta(milliseconds=500)
    """How long a Lease may not say yet which exporters it has: those that confirm at once spare a write."""
    attach_first: timedelta = timedelta(milliseconds=500)
    """What follows of a lease's being Ready waits so long: its holder attaches now."""
    end_told_within: timedelta = timedelta(seconds=10)
    """How long an exporter may not know yet when the lease that it is ready for ends, where there is a lot to do."""
    confirm_within: timedelta = timedelta(seconds=30)
    """How long a claimed exporter may take to react before its lease is placed elsewhere."""
    avoid_for: timedelta = timedelta(seconds=60)
    """How long an exporter that did not confirm a lease isn't offered that lease again."""
    connection_grace: timedelta = timedelta(seconds=5)
    """How long a lost connection may take to come back before its exporter is Offline."""
    return_within: timedelta = timedelta(seconds=15)
    """How long, after the operator's start, exporters may take to come back."""
    keep_ended: timedelta = timedelta(days=7)
    """How long an ended lease is kept that doesn't say so itself."""
    quarantine_after: int = QUARANTINE_AFTER
    """So many failed health checks, or failed leases, in a row keep an exporter from being leased."""
    preemption_notice: timedelta = PREEMPTION_NOTICE
    """How long before its end the holder of a lease is told that a higher priority needs its exporter."""
    check_credentials_every: timedelta = timedelta(seconds=4)
    """How often it is looked whether the Secrets of clients that hold something are still there: whoever is revoked is
    out within ten seconds."""
    relist_every: timedelta = timedelta(minutes=2)
    """How often a list checks what the watches may have missed."""
