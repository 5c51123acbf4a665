"""The controller's audit log: who asked for what, by which credential, from where.

Refusals of strangers have a bound, since anybody can cause them: else they would push everything else out of the files.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote

from jumplab.audit_log import AuditLog

STRANGERS_A_MINUTE = 60
_LONGEST_REASON = 300
_ID_CHARACTERS = 16


class Record(Protocol):
    """Adds a record. Never waits, never raises."""

    def __call__(self, event: str, /, **fields: object) -> None: ...


class OperatorAudit:
    """What the rooms of the operator add their records to.  log: None where no log is kept.  clock: seconds."""

    def __init__(self, log: AuditLog | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._minute = clock()
        self._strangers = 0

    @property
    def is_kept(self) -> bool:
        """Whether there is a log at all."""
        return self._log is not None

    def add(self, event: str, /, **fields: object) -> None:
        """Adds a record, if a log is kept."""
        if self._log is not None:
            self._log.add(event, **fields)

    def refused(self, reason: str, **fields: object) -> None:
        """Adds a refusal of a caller who is known."""
        self.add("refused", reason=brief(reason), **fields)

    def refused_stranger(self, reason: str, **fields: object) -> None:
        """Adds a refusal of somebody unknown. Those beyond the bound are counted."""
        if self._clock() - self._minute >= 60:
            if self._strangers > STRANGERS_A_MINUTE:
                self.add("refusals-left-out", refusals=self._strangers - STRANGERS_A_MINUTE)
            self._minute, self._strangers = self._clock(), 0
        self._strangers += 1
        if self._strangers <= STRANGERS_A_MINUTE:
            self.refused(reason, **fields)


SILENT = OperatorAudit(None)
"""Keeps no log."""


def credential_id(token: str) -> str:
    """Names a token without giving it away: the first characters of its SHA-256. Empty for no token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()[:_ID_CHARACTERS] if token else ""


def address_of(peer: str) -> str:
    """A peer of gRPC as `ADDRESS:PORT`."""
    return unquote(peer.removeprefix("ipv4:").removeprefix("ipv6:"))


def brief(text: str) -> str:
    """A text that may quote its caller, shortened."""
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"
