"""Honest sentences about why a lease waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest
from typing import TypeAlias

from jumplab_operator.leasing.candidates import wanted
from jumplab_operator.leasing.facts import LeaseFacts

_Group: TypeAlias = tuple[int, str, str]

NAMED = 3
"""So many exporters are told of one by one; more are counted."""


def format_moment(moment: datetime) -> str:
    """`22 Nov 14:05 UTC`."""
    return moment.astimezone(UTC).strftime("%-d %b %H:%M UTC")


@dataclass(frozen=True, slots=True)
class InTheWay:
    """The exporters that a lease could have, if they were not as they are: how many, and the first few."""

    leased: int
    """Those that are leased and online."""
    holders: Sequence[LeaseFacts]
    """By whom, the first to end first; at least `NAMED` of them where there are so many."""
    unready: Sequence[str]
    """Names of those that are cleaned up or have still to report."""
    offline: Sequence[str]
    kept: int = 0
    """Those that are free, and kept for leases that begin before this one would end."""
    kept_from: datetime | None = None
    """When the first of those begins."""


def explain(lease: LeaseFacts, found: InTheWay) -> tuple[str, str]:
    """Reason and sentence for a lease that no exporter is free for.

    NotReady where one is being cleaned up or has still to report, else NotAvailable where one is leased or kept, else
    Offline.
    """
    groups = [
        (found.leased, "leased", f", {_by(found)}"),
        (found.kept, "kept for a reservation", _from(found.kept_from)),
        (len(found.unready), "not ready", _named(found.unready)),
        (len(found.offline), "offline", _named(found.offline)),
    ]
    reason = "NotReady" if found.unready else "NotAvailable" if found.leased or found.kept else "Offline"
    count = sum(number for number, _, _ in groups)
    return reason, _sentence(lease, count, [group for group in groups if group[0]])


def _sentence(lease: LeaseFacts, count: int, groups: Sequence[_Group]) -> str:
    what = wanted(lease.request)
    if lease.request.exporter is not None:
        return f"{what} is {groups[0][1]}" + (groups[0][2] if groups[0][1] not in ("not ready", "offline") else "")
    if len(groups) == 1:
        _, state, detail = groups[0]
        subject = {1: "the one exporter that matches", 2: "both exporters that match"}
        verb = "is" if count == 1 else "are"
        return f"{subject.get(count, f'all {count} exporters that match')} {what} {verb} {state}{detail}"
    parts = [f"{number} {'is' if number == 1 else 'are'} {state}{detail}" for number, state, detail in groups]
    return f"of {count} exporters that match {what}, {'; '.join(parts)}"


def _by(found: InTheWay) -> str:
    """`by ci until 22 Nov 14:05 UTC and by ann`: the first to end is told first."""
    first = nsmallest(
        NAMED, found.holders, key=lambda lease: (lease.end is None, lease.end or lease.created, lease.name)
    )
    told = [f"by {lease.request.client}{_until(lease)}" for lease in first]
    return _listed([*told, f"{found.leased - NAMED} more"] if found.leased > NAMED else told)


def _end_first(lease: LeaseFacts) -> tuple[bool, datetime, str]:
    return lease.end is None, lease.end or lease.created, lease.name


def _from(begin: datetime | None) -> str:
    return f" from {format_moment(begin)}" if begin is not None else ""


def _until(lease: LeaseFacts) -> str:
    return f" until {format_moment(lease.end)}" if lease.end is not None else ""


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(sorted(names))})" if len(names) <= NAMED else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)
