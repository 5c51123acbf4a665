"""Honest sentences about why a lease waits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from jumplab_operator.leasing.candidates import Candidate, wanted
from jumplab_operator.leasing.facts import ExporterFacts, LeaseFacts

_Group: TypeAlias = tuple[Sequence[ExporterFacts], str, str]

_NAMED = 3
"""So many exporters are told of one by one; more are counted."""


def format_moment(moment: datetime) -> str:
    """`22 Nov 14:05 UTC`."""
    return moment.astimezone(UTC).strftime("%-d %b %H:%M UTC")


def explain(lease: LeaseFacts, candidates: Sequence[Candidate], holders: Mapping[str, LeaseFacts]) -> tuple[str, str]:
    """Reason and sentence for a lease that no candidate is free for. `holders`: leases that have one, by exporter uid.

    NotReady where one is being cleaned up or has still to report, else NotAvailable where one is leased, else Offline.
    """
    others = {uid: holder for uid, holder in holders.items() if holder.uid != lease.uid}
    exporters = [candidate.exporter for candidate in candidates]
    leased = [exporter for exporter in exporters if exporter.online and exporter.uid in others]
    unready = [exporter for exporter in exporters if exporter.online and exporter.uid not in others]
    offline = [exporter for exporter in exporters if not exporter.online]
    groups = [
        (leased, "leased", f", {_by([others[exporter.uid] for exporter in leased])}"),
        (unready, "not ready", _named(unready)),
        (offline, "offline", _named(offline)),
    ]
    reason = "NotReady" if unready else "NotAvailable" if leased else "Offline"
    return reason, _sentence(lease, len(exporters), [group for group in groups if group[0]])


def _sentence(lease: LeaseFacts, count: int, groups: Sequence[_Group]) -> str:
    what = wanted(lease.request)
    if lease.request.exporter is not None:
        return f"{what} is {groups[0][1]}" + (groups[0][2] if groups[0][1] == "leased" else "")
    if len(groups) == 1:
        _, state, detail = groups[0]
        subject = {1: "the one exporter that matches", 2: "both exporters that match"}
        verb = "is" if count == 1 else "are"
        return f"{subject.get(count, f'all {count} exporters that match')} {what} {verb} {state}{detail}"
    parts = [f"{len(group)} {'is' if len(group) == 1 else 'are'} {state}{detail}" for group, state, detail in groups]
    return f"of {count} exporters that match {what}, {'; '.join(parts)}"


def _by(holders: Sequence[LeaseFacts]) -> str:
    """`by ci until 22 Nov 14:05 UTC and by ann`: the first to end is told first."""
    ordered = sorted(holders, key=lambda lease: (lease.end is None, lease.end or lease.created, lease.name))
    told = [f"by {lease.request.client}{_until(lease)}" for lease in ordered[:_NAMED]]
    return _listed([*told, f"{len(ordered) - _NAMED} more"] if len(ordered) > _NAMED else told)


def _until(lease: LeaseFacts) -> str:
    return f" until {format_moment(lease.end)}" if lease.end is not None else ""


def _named(exporters: Sequence[ExporterFacts]) -> str:
    names = sorted(exporter.name for exporter in exporters)
    return f" ({', '.join(names)})" if len(names) <= _NAMED else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)
