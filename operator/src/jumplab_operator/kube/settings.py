"""What the operator is told when it starts, and how it tells the time."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from jumplab_operator.leasing.model.times import DEFAULT_DURATION

QUARANTINE_AFTER = 3
PREEMPTION_NOTICE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class KubeAccess:
    """Where the Kubernetes API is and how to be let in: base URL, CA as PEM (None: the system's), bearer token."""

    url: str
    ca_pem: str | None
    first_token: str
    token_file: Path | None = None
    """Holds the token in force now, where it is replaced while the operator runs: a pod's is, within the hour."""

    @property
    def token(self) -> str:
        """The bearer token for the next request."""
        if self.token_file is None:
            return self.first_token
        try:
            return self.token_file.read_text().strip() or self.first_token
        except OSError:  # it is being replaced; the one before is good for minutes yet
            return self.first_token


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


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime: ...

    async def sleep(self, length: timedelta) -> None: ...

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        """Returns once the event is set, or when so much time has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, length: timedelta) -> None:
        await asyncio.sleep(length.total_seconds())

    async def wait(self, event: asyncio.Event, at_most: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await event.wait()


class TokenIssuer(Protocol):
    """Makes the bearer tokens of exporters and clients. `kind` is Exporter or Client."""

    def issue(self, kind: str, namespace: str, name: str, uid: str) -> tuple[str, datetime | None]:
        """A new token, and when it expires (None: never)."""
        ...

    def is_current(self, token: str, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether the token is good for that very object and not due to be replaced."""
        ...
