"""When and why a lease is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jumplab.protocol.moments import at_moment

EARLY_END = timedelta(seconds=5)
"""An exporter's own deadline is never late, so a little early: an exporter that cleans up this short before the end has
met it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a lease ends: the Ready condition's reason and its sentence."""

    reason: str
    message: str


def due_ending(*, released: bool, end: datetime | None, now: datetime) -> Ending | None:
    """The ending that its holder's word or the time has brought; None while neither has."""
    if released:
        return Ending("Released", "released by its holder")
    if end is not None and end <= now:
        return Ending("Expired", f"expired {at_moment(end, now)}")
    return None


def client_deleted(client: str) -> Ending:
    """Its holder was deleted; one that was made anew under the same name is another."""
    return Ending("Released", f'released because its client "{client}" was deleted')


def client_disabled(client: str) -> Ending:
    """An administrator has disabled its holder."""
    return Ending("Released", f'released because its client "{client}" was disabled')


def credential_removed(client: str) -> Ending:
    """The Secret with its holder's token was deleted."""
    return Ending("Released", f'released because the credential of client "{client}" was removed')


def exporter_deleted(exporter: str) -> Ending:
    """The exporter was deleted under the lease."""
    return Ending("ExporterDeleted", f'exporter "{exporter}" was deleted; lease another exporter')


def exporter_credential_removed(exporter: str) -> Ending:
    """The Secret with the exporter's token was deleted under the lease."""
    return Ending("ExporterDeleted", f'the credential of exporter "{exporter}" was removed; lease another exporter')


def exporter_failed(exporter: str, why: str) -> Ending:
    """The exporter asked for the lease to be ended."""
    detail = f": {why}" if why else ""
    return Ending("ExporterFailed", f'exporter "{exporter}" ended the lease{detail}')


def given_up_by_exporter(exporter: str, end: datetime | None, now: datetime) -> Ending:
    """The exporter has cleaned up though the lease was not ended: its own deadline came, or it failed."""
    if end is not None and end - now <= EARLY_END:
        return Ending("Expired", f"expired {at_moment(end, now)}")
    return exporter_failed(exporter, "it has cleaned up already")
