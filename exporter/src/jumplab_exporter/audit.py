"""The exporter's audit log: who called which method of which driver, when, with which outcome.

Never in it: arguments, results, what errors say, bytes of consoles and other byte streams. The session's id is that of
the controller's audit log, which has the client's credential and address.
"""

from enum import StrEnum

from jumplab.audit_log import AuditLog
from jumplab.session.host.observing import NOBODY, ConnectionObserver
from jumplab_exporter.lifecycle_events import Lease


class By(StrEnum):
    """On whose behalf a connection was made."""

    CLIENT = "client"
    HOOK = "hook"
    LOG_READER = "console logs"


class ExporterAudit:
    """Makes the observers of connections.  log: None where there is none.  exporter: its name, with its namespace."""

    def __init__(self, log: AuditLog | None, exporter: str) -> None:
        self._log = log
        self._exporter = exporter

    def observer(self, lease: Lease, session: str, by: By = By.CLIENT) -> ConnectionObserver:
        """For one connection during a lease.  session: the id that the controller gave it; a hook's has none."""
        if self._log is None:
            return NOBODY
        holder = self._full(lease.client) if by is By.CLIENT else ""
        lease_name = self._full(lease.name)
        fields = {"session": session, "by": by.value, "holder": holder, "lease": lease_name, "lease_uid": lease.uid}
        return _Recorder(self._log, {**fields, "exporter": self._exporter})

    def _full(self, name: str) -> str:
        return f"{self._exporter.partition('/')[0]}/{name}" if name else ""


class _Recorder:
    """A ConnectionObserver that adds records."""

    def __init__(self, log: AuditLog, fields: dict[str, str]) -> None:
        self._log = log
        self._fields = fields

    def attached(self, *, resumed: bool) -> None:
        self._log.add("session-opened", **self._fields, resumed=resumed)

    def detached(self, *, left: bool) -> None:
        self._log.add("session-closed", **self._fields, left=left)

    def called(self, driver: str, method: str, error: str, seconds: float) -> None:
        self._log.add(
            "call",
            **self._fields,
            driver=driver,
            method=method,
            result="error" if error else "ok",
            error=error,
            seconds=round(seconds, 6),
        )


SILENT = ExporterAudit(None, "")
"""Keeps no record."""
