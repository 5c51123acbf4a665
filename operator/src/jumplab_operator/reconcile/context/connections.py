"""The connections of exporters, and each exporter's last reports. Nothing here is written to the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jumplab_operator.controller.lab import StatusReport
from jumplab_operator.leasing.lease.activity import Attendance
from jumplab_operator.leasing.model.exporter_health import Found
from jumplab_operator.resources import Device

RETURN_GRACE = timedelta(seconds=15)
"""For how long a client tries to come back, at most, once its exporter is."""


@dataclass(slots=True)
class Connection:
    """The state of one exporter, by its uid, across its connections."""

    number: int = 0
    """Counts connections; the last one is the one that counts."""
    connected: bool = False
    changed_at: datetime | None = None
    """When the connection came or went; None before the first one."""
    said_goodbye: bool = False
    devices: Sequence[Device] | None = None
    """The drivers that it registered last, on any connection; None: none yet."""
    epoch: str = ""
    phase: str | None = None
    """Its last reported phase on this connection; None before its first report."""
    phase_since: datetime | None = None
    """When it reported that first; None before its first report on this connection."""
    message: str = ""
    health: Found | None = None
    """The result of its last health check, reported on any connection; None: none yet."""
    sent: set[str] = field(default_factory=set)
    """The uids of the leases that were sent to this process of the exporter."""
    sent_now: set[str] = field(default_factory=set)
    """The same, on this connection alone: its process isn't known before its first report."""
    claimed_for: str = ""
    """The uid of the lease that it is being claimed for, until that lease is sent to it."""
    cleaned: set[str] = field(default_factory=set)
    """The uids of the leases that it reported to have cleaned up after."""
    failed: dict[str, str] = field(default_factory=dict)
    """Uids of leases that it asked to be ended, and why."""
    attendance: tuple[str, Attendance] | None = None
    """The uid of the lease that it serves, and whether a client is attached, as reported on this connection."""
    tells_attendance: bool = False
    """Whether its last report LeaseReady, on any connection, included attendance."""
    attached_for: str = ""
    """The uid of the last lease that a client was attached to, as reported on any connection."""

    @property
    def available(self) -> bool:
        """It is connected, and has reported on this connection that it serves no lease."""
        return self.connected and self.phase == "Available"

    @property
    def to_be_checked(self) -> bool:
        """It wants to check its devices before the next lease."""
        return self.health is not None and self.health.check == "Due"

    def open(self, now: datetime) -> int:
        """A new connection replaces the one before; returns its number."""
        self.number += 1
        self.connected, self.said_goodbye, self.changed_at = True, False, now
        self.phase, self.phase_since, self.sent_now, self.attendance = None, None, set(), None
        return self.number

    def close(self, number: int, now: datetime) -> bool:
        """The connection was lost; False where another has replaced it."""
        if number != self.number or not self.connected:
            return False
        self.connected, self.changed_at = False, now
        return True

    def say_goodbye(self, now: datetime) -> None:
        self.number += 1
        self.connected, self.said_goodbye, self.changed_at = False, True, now

    def claim(self, lease_uid: str) -> None:
        """The exporter is about to be claimed: its reports on an earlier try at the same lease are out of date.

        So are the reports on that lease that arrive before the lease is sent to it.
        """
        self.claimed_for = lease_uid
        self.cleaned.discard(lease_uid)
        self.failed.pop(lease_uid, None)

    def note_sent(self, lease_uid: str) -> None:
        """The lease is about to be sent to the exporter."""
        self.claimed_for = ""
        self.sent.add(lease_uid)
        self.sent_now.add(lease_uid)

    def note(self, report: StatusReport, now: datetime) -> None:
        """Takes a report over. A new epoch is a new process: it knows only the leases sent on this connection."""
        if report.epoch != self.epoch or not report.epoch:
            self.epoch, self.sent, self.cleaned = report.epoch, set(self.sent_now), set()
        if report.status != self.phase:
            self.phase_since = now
        self.phase, self.message, self.health = report.status, report.message, report.health
        self._note_attendance(report, now)
        if report.release_lease and report.lease_uid:
            self.failed[report.lease_uid] = report.message
        if report.status == "Available" and report.lease_uid not in ("", self.claimed_for):
            self.cleaned, self.failed = {report.lease_uid}, {}
            self.sent.discard(report.lease_uid)
            self.sent_now.discard(report.lease_uid)

    def _note_attendance(self, report: StatusReport, now: datetime) -> None:
        if report.status == "LeaseReady":
            self.tells_attendance = report.attached is not None
        if report.attachments:
            self.attached_for = report.lease_uid
        if report.attached is None:
            self.attendance = None
            return
        before = self.attendance[1] if self.attendance is not None and self.attendance[0] == report.lease_uid else None
        if before is None:
            # Its client was cut off as the exporter was, and needs a moment to come back.
            since = now + RETURN_GRACE if report.attachments and not report.attached else now
        else:
            is_new = (before.attached, before.times) != (report.attached, report.attachments)
            since = now if is_new else before.since
        self.attendance = report.lease_uid, Attendance(report.attached, report.attachments, since, report.in_use)

    def is_clean_of(self, lease_uid: str) -> bool:
        """Whether the exporter has finished with the lease, by its own report.

        It has reported its clean-up; or it is available, and that lease was never sent to its process.
        """
        return lease_uid in self.cleaned or (self.available and lease_uid not in self.sent)


class Connections:
    """The connections of all exporters, and which of them count as online."""

    def __init__(self, started: datetime, grace: timedelta, return_within: timedelta) -> None:
        self._connections: dict[str, Connection] = {}
        self._grace = grace
        self._all_back = started + return_within

    def of(self, exporter_uid: str) -> Connection:
        return self._connections.setdefault(exporter_uid, Connection())

    def forget(self, exporter_uid: str) -> None:
        self._connections.pop(exporter_uid, None)

    def offline_from(self, exporter_uid: str, was_online: bool) -> datetime | None:
        """From when on it counts as offline as things are; None while it is connected.

        A connection that was lost may come back within the grace time; after the operator's start, exporters that
        were online before have some time to come back.
        """
        connection = self.of(exporter_uid)
        if connection.connected:
            return None
        if connection.changed_at is None:
            return self._all_back if was_online else datetime.min.replace(tzinfo=self._all_back.tzinfo)
        return connection.changed_at if connection.said_goodbye else connection.changed_at + self._grace
