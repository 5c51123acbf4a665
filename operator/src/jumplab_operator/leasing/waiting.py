"""Honest sentences about why a lease waits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from jumplab_operator.leasing.candidates import Candidate, wanted
from jumplab_operator.leasing.facts import ExporterFacts, LeaseFacts

_NAMED = 3
"""So many exporters are told of one by one; more are counted."""


def format_moment(moment: datetime) -> str:
    """`22 Nov 14:05 UTC`."""
    return moment.astimezone(UTC).strftime("%-d %b %H:%M UTC")


def explain(lease: LeaseFacts, candidates: Sequence[Candidate], holders: Mapping[str, LeaseFacts]) -> tuple[str, str]:
    """Reason and sentence for a lease that no candidate is free for. `holders`: leases that have one, by exporter uid.

    NotReady where one is being cleaned up or has still to report, else NotAvailable where one is leased, else Offline.
    """
    exporters = [candidate.exporter for candidate in candidates]
    others = {uid: holder for uid, holder in holders.items() if holder.uid != lease.uid}
    leased = [exporter for exporter in exporters if exporter.online and exporter.uid in others]
    offline = [exporter for exporter in exporters if not exporter.online]
    unready = [exporter for exporter in exporters if exporter.online and exporter.uid not in others]
    reason = "NotReady" if unready else "NotAvailable" if leased else "Offline"
    parts = [
        _part(leased, len(exporters), "leased", _by([others[exporter.uid] for exporter in leased])),
        _part(unready, len(exporters), "not ready", _names(unready, lease)),
        _part(offline, len(exporters), "offline", _names(offline, lease)),
    ]
    return reason, f"{_subject(lease, len(exporters))} {_joined([part for part in parts if part])}"


def _subject(lease: LeaseFacts, count: int) -> str:
    what = wanted(lease.request)
    if lease.request.exporter is not None:
        return what
    if count == 1:
        return f"the one exporter that matches {what}"
    return f"both exporters that match {what}" if count == 2 else f"all {count} exporters that match {what}"


def _part(group: Sequence[ExporterFacts], total: int, state: str, detail: str) -> str:
    if not group:
        return ""
    verb = "is" if total == 1 else "are"
    count = "" if len(group) == total else f"{len(group)} "
    separator = ", " if detail else ""
    return f"{verb} {state}{separator}{detail}" if not count else f"{count}{state}{separator}{detail}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else "are taken: " + "; ".join(parts)


def _by(holders: Sequence[LeaseFacts]) -> str:
    ordered = sorted(holders, key=lambda lease: (lease.end is None, lease.end or lease.created, lease.name))
    told = [f"by {lease.request.client}{_until(lease)}" for lease in ordered[:_NAMED]]
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return _listed(told) + more


def _until(lease: LeaseFacts) -> str:
    return f" until {format_moment(lease.end)}" if lease.end is not None else ""


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _names(exporters: Sequence[ExporterFacts], lease: LeaseFacts) -> str:
    if lease.request.exporter is not None or len(exporters) > _NAMED:
        return ""
    return _listed(sorted(exporter.name for exporter in exporters)) if exporters else ""
