"""The sentences of pending reasons and of queue positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import TypeAlias

from jumplab.protocol.moments import at_moment, format_moment
from jumplab_operator.leasing.explain.candidates import wanted
from jumplab_operator.leasing.model.facts import LeaseFacts, Request
from jumplab_operator.leasing.model.times import whole_minute

_Group: TypeAlias = tuple[int, str, str]

_BARE = ("not ready", "offline", "quarantined")
"""What is said of a pinned exporter without its name once more."""
_PREEMPTED = "being freed by preemption"
NAMED = 3
"""Up to this number exporters are named one by one; more are counted."""


@dataclass(frozen=True, slots=True)
class Blockers:
    """The exporters that a lease could have, by what keeps them from it: how many, and the first few."""

    leased: int
    """Those that are leased and online."""
    holders: Sequence[LeaseFacts]
    """Their leases, the first to end first; at least `NAMED` of them where there are as many."""
    unready: Sequence[str]
    """Names of those that are being cleaned up or have still to report."""
    offline: Sequence[str]
    quarantined: Sequence[str] = ()
    """Names of those that have failed too often."""
    preempted: int = 0
    """Those whose leases are preempted for leases of higher priority; they count as leased no more."""
    freed_at: datetime | None = None
    """When the first of these leases is over."""
    reserved: int = 0
    """Those that are free, and reserved for leases that begin before this one would end."""
    reserved_from: datetime | None = None
    """When the first of these reservations begins."""
    for_gangs: int = 0
    """Those that are free, and reserved for gangs that are to get them before this one would end."""
    for_gangs_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpectedBegin:
    """When a waiting lease is expected to begin, to the minute.

    earliest: as the ends of leases are now; None: unknown.  is_range: leases before it may be extended while they are
    used.  latest: where each of them is extended as far as it may be; None: there is no such limit.
    """

    earliest: datetime | None
    is_range: bool = False
    latest: datetime | None = None


def explain(lease: LeaseFacts, found: Blockers, now: datetime) -> tuple[str, str]:
    """The reason and the sentence for a lease that no exporter is free for.

    NotReady where one is being cleaned up, checked, or has still to report, else NotAvailable where one is leased or
    reserved, else Offline where one is, else Quarantined.
    """
    groups = [
        (found.leased, "leased", f", {_by(found, now)}"),
        (found.preempted, _PREEMPTED, _freed(found, now)),
        (found.reserved, "reserved for a later lease", _from(found.reserved_from, now)),
        (found.for_gangs, "reserved for a gang", _from(found.for_gangs_from, now)),
        (len(found.unready), "not ready", _named(found.unready)),
        (len(found.offline), "offline", _named(found.offline)),
        (len(found.quarantined), "quarantined", _named(found.quarantined)),
    ]
    there = found.leased or found.preempted or found.reserved or found.for_gangs
    idle = "Offline" if found.offline or not found.quarantined else "Quarantined"
    reason = "NotReady" if found.unready else "NotAvailable" if there else idle
    count = sum(number for number, _, _ in groups)
    return reason, _sentence(lease, count, [group for group in groups if group[0]])


def queue_sentence(
    lease: LeaseFacts, blockers: Sequence[Blockers], position: int, expected: ExpectedBegin, now: datetime
) -> str:
    """A lease's position, what it waits for, and what blocks each of its members: `3rd in the queue for 2 exporters
    matching board=imx8; both leased, the first until 14:05 UTC by ci`."""
    members = [(_things(each, found), _states(found, now)) for each, found in zip(lease.members, blockers, strict=True)]
    if len(members) == 1:
        awaited = "; ".join(members[0])
    else:
        awaited = f"a gang of {len(members)}: {'; '.join(f'one of {things} ({states})' for things, states in members)}"
    return f"{_ordinal(position)} in the queue for {awaited}{_expectation(expected, now)}"


def _expectation(expected: ExpectedBegin, now: datetime) -> str:
    """What the expected begin is worth, where that isn't known exactly."""
    if expected.earliest is None:
        return "; its expected begin is unknown"
    if not expected.is_range:
        return ""
    earliest = format_moment(expected.earliest, now)
    if expected.latest is None:
        return f"; expected to begin at {earliest} or later, since leases before it are extended while they are used"
    latest = format_moment(expected.latest, now)
    return f"; expected to begin between {earliest} and {latest}, since leases before it may be extended"


def _things(request: Request, found: Blockers) -> str:
    if request.exporter is not None:
        return wanted(request)
    count = found.leased + found.preempted + found.reserved + found.for_gangs
    count += len(found.unready) + len(found.offline) + len(found.quarantined)
    return f"{'the one exporter' if count == 1 else f'{count} exporters'} matching {wanted(request)}"


def _states(found: Blockers, now: datetime) -> str:
    groups = [
        (found.leased, "leased", _until_by(found, now)),
        (found.preempted, _PREEMPTED, _freed(found, now)),
        (found.reserved, "reserved for a later lease", _from(found.reserved_from, now)),
        (found.for_gangs, "reserved for a gang", _from(found.for_gangs_from, now)),
        (len(found.unready), "not ready", ""),
        (len(found.offline), "offline", ""),
        (len(found.quarantined), "quarantined", _named(found.quarantined)),
    ]
    count = sum(number for number, _, _ in groups)
    return "; ".join(f"{_share(number, count)}{state}{detail}" for number, state, detail in groups if number)


def _until_by(found: Blockers, now: datetime) -> str:
    holder = min(found.holders, key=_end_first, default=None)
    if holder is None:
        return ""
    first = ", the first" if found.leased > 1 else ""
    return f"{first}{until(holder, now)} by {holder.request.client}"


def _freed(found: Blockers, now: datetime) -> str:
    """To the same minute as the expected begin of the lease that gets it."""
    first = "the first of them expected" if found.preempted > 1 else "expected"
    return f", {first} {at_moment(whole_minute(found.freed_at), now)}" if found.freed_at is not None else ""


def _share(number: int, count: int) -> str:
    if number < count:
        return f"{number} "
    return {1: "", 2: "both "}.get(count, f"all {count} ")


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number // 10 % 10 == 1 else endings.get(number % 10, 'th')}"


def _sentence(lease: LeaseFacts, count: int, groups: Sequence[_Group]) -> str:
    what = wanted(lease.request)
    if lease.request.exporter is not None:
        return f"{what} is {groups[0][1]}" + (groups[0][2] if groups[0][1] not in _BARE else "")
    if len(groups) == 1:
        _, state, detail = groups[0]
        subject = {1: "the one exporter that matches", 2: "both exporters that match"}
        verb = "is" if count == 1 else "are"
        return f"{subject.get(count, f'all {count} exporters that match')} {what} {verb} {state}{detail}"
    parts = [f"{number} {'is' if number == 1 else 'are'} {state}{detail}" for number, state, detail in groups]
    return f"of {count} exporters that match {what}, {'; '.join(parts)}"


def _by(found: Blockers, now: datetime) -> str:
    """`by ci until 14:05 UTC and by ann`: the first to end comes first."""
    first = nsmallest(NAMED, found.holders, key=_end_first)
    named = [f"by {lease.request.client}{until(lease, now)}" for lease in first]
    return _listed([*named, f"{found.leased - NAMED} more"] if found.leased > NAMED else named)


def _end_first(lease: LeaseFacts) -> tuple[bool, datetime, str]:
    return lease.end is None, lease.end or lease.created, lease.name


def _from(begin: datetime | None, now: datetime) -> str:
    return f" from {format_moment(begin, now)}" if begin is not None else ""


def until(lease: LeaseFacts, now: datetime) -> str:
    """` until 14:05 UTC`, and whether it may be later; empty where the lease has no end yet."""
    if lease.end is None:
        return ""
    end = f" until {format_moment(lease.end, now)}"
    if not lease.moves:
        return end
    latest = f", {format_moment(lease.latest_end, now)} at the latest" if lease.latest_end is not None else ""
    return f"{end} (extended while it is used{latest})"


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(sorted(names))})" if len(names) <= NAMED else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def exporters_named(names: Sequence[str]) -> str:
    """`exporter "a"`, or `exporters "a", "b" and "c"`."""
    quoted = _listed([f'"{name}"' for name in names])
    return f"exporters {quoted}" if len(names) > 1 else f"exporter {quoted}"
