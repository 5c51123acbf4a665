"""The operator's settings."""

from dataclasses import dataclass
from datetime import timedelta

QUARANTINE_AFTER = 3
PREEMPTION_NOTICE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LabSettings:
    """The operator's settings."""

    endpoint: str
    """host:port of the controller, for the status of exporters and clients."""
    ca_pem: str = ""
    """The CA that signed the controller's certificate, stored with the tokens; empty: a public one."""
    namespaces: tuple[str, ...] = ()
    """The namespaces to serve; empty: all."""
    assigned_write_delay: timedelta = timedelta(milliseconds=500)
    """How long the write of Assigned may be delayed: exporters that confirm in this time save it."""
    attach_first: timedelta = timedelta(milliseconds=500)
    """How long further writes wait after a lease is Ready, so that its holder can attach first."""
    end_send_delay: timedelta = timedelta(seconds=10)
    """How long the end of a ready lease may be withheld from its exporter while the operator is busy."""
    confirm_within: timedelta = timedelta(seconds=30)
    """How long a claimed exporter may take to react before its lease is placed elsewhere."""
    avoid_for: timedelta = timedelta(seconds=60)
    """How long an exporter that did not confirm a lease isn't offered that lease again."""
    connection_grace: timedelta = timedelta(seconds=5)
    """How long a lost connection may take to come back before its exporter is Offline."""
    return_within: timedelta = timedelta(seconds=15)
    """How long, after the operator's start, exporters may take to come back."""
    retention: timedelta = timedelta(days=7)
    """How long an ended lease exists whose spec does not set it."""
    ended_of_client: int = 200
    """How many ended leases of one client exist at most; the oldest are deleted first, whatever their retention."""
    ended_of_namespace: int = 5_000
    """The same for all clients of a namespace."""
    quarantine_after: int = QUARANTINE_AFTER
    """Quarantine an exporter after this many consecutive failures: health checks or leases."""
    preemption_notice: timedelta = PREEMPTION_NOTICE
    """The time between the notice of a preemption and the end of the lease."""
    check_credentials_every: timedelta = timedelta(seconds=4)
    """How often the Secrets of clients with leases or open calls are checked: a revoked client is out within ten
    seconds."""
    relist_every: timedelta = timedelta(minutes=2)
    """How often a list checks what the watches may have missed."""
