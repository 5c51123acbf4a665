"""Why a waiting lease has no exporter, in full: each exporter of the namespace, and what keeps it from the lease.

Of other leases it shows what their conditions show, too: the client's name and the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from jumplab.protocol.moments import format_moment
from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, right_to
from jumplab_operator.leasing.explain.candidates import wanted
from jumplab_operator.leasing.explain.pending_reasons import until
from jumplab_operator.leasing.model import selectors
from jumplab_operator.leasing.model.cycle_result import CycleResult
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.resources import Exporter

_Why: TypeAlias = tuple[str, str]
"""A reason for programs, and a sentence for people."""
Resources: TypeAlias = Callable[[str], Exporter | None]
"""Finds an exporter's resource by its name."""


@dataclass(frozen=True, slots=True)
class Considered:
    """An exporter that was considered for a lease, or for a member of it, and why the lease hasn't got it."""

    asked_for: str
    """What the lease, or the member, asks for, in words."""
    exporter: str
    matches: bool
    """Whether the exporter is what is asked for, whatever else keeps it from the lease."""
    reason: str
    message: str


def explain(index: NamespaceIndex, result: CycleResult, lease: LeaseFacts, resource: Resources) -> list[Considered]:
    """The exporters that were considered for the lease, member by member; what matches first, then by name."""
    explanation = _Explanation(index, result, lease, resource)
    found = [
        explanation.consider(request, situation.exporter)
        for request in {wanted(request): request for request in lease.members}.values()
        for situation in index.pools.situations.values()
        if request.exporter is None or request.exporter == situation.exporter.name
    ]
    return sorted(found, key=lambda each: (each.asked_for, not each.matches, each.exporter))


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Of one lease."""

    index: NamespaceIndex
    result: CycleResult
    lease: LeaseFacts
    resource: Resources

    def consider(self, request: Request, exporter: ExporterFacts) -> Considered:
        mismatch = selectors.mismatch(request.selector, exporter.labels) if request.selector is not None else None
        if mismatch is not None:
            reason, message = "SelectorMismatch", mismatch
        else:
            reason, message = self._lasting(request, exporter) or self._passing(exporter)
        return Considered(wanted(request), exporter.name, mismatch is None, reason, message)

    def _lasting(self, request: Request, exporter: ExporterFacts) -> _Why | None:
        """What waiting alone does not change."""
        if not (exporter.enabled or request.allow_disabled):
            return "Disabled", "it is disabled"
        right = self._right(request, exporter)
        if isinstance(right, AccessRefusal):
            return right.reason, right.message
        known = self.resource(exporter.name)
        quarantine = known.status.quarantine if known is not None else None
        if quarantine is not None:
            since = f" since {format_moment(quarantine.since, self.result.now)}" if quarantine.since is not None else ""
            return "Quarantined", f"it is quarantined{since}: {quarantine.reason}"
        if not exporter.online:
            seen = known.status.last_seen if known is not None else None
            since = f" since {format_moment(seen, self.result.now)}" if seen is not None else ""
            return "Offline", f"it is offline{since}"
        return None

    def _right(self, request: Request, exporter: ExporterFacts) -> Grant | AccessRefusal:
        access = self.index.access
        client = access.clients.get(request.client)
        labels = client.labels if client is not None else None
        named = exporter.name, exporter.labels
        return right_to(access.policies, request.client, labels, named, request.duration)

    def _passing(self, exporter: ExporterFacts) -> _Why:
        """What keeps the lease from an exporter that it may have and that is there."""
        lease, holder = self.lease, self.index.pools.situations[exporter.uid].holder
        if holder is not None and holder is not lease:
            end = until(holder, self.result.now)
            return "Leased", f"it is leased by {holder.request.client}{end}{self._preemption(holder)}"
        if exporter.uid in lease.avoid:
            return "NotConfirmed", "it did not confirm the lease; the scheduler leaves it out for some time"
        if exporter.claim is not None:
            return "CleaningUp", "it cleans up after its last lease"
        if not exporter.available:
            return "NotReady", "it is connected, and has not reported yet that it is ready"
        taker = self.result.taken.get(exporter.uid)
        if taker == lease.uid:
            return "Assigned", "it is free, and is being assigned to this lease"
        if taker is not None:
            return "Leased", f"it is being assigned to a lease of {self.index.leases[taker].request.client}"
        why = self._reservation(exporter) or self._quota(exporter)
        if why[0] == "Free" and len(lease.members) > 1:
            return "Free", "it is free; the lease is a gang and waits for its other exporters"
        return why

    def _preemption(self, holder: LeaseFacts) -> str:
        """Whether the holder's lease is to be preempted, and for which."""
        waiting = self.result.victims.get(holder.uid)
        if waiting is None or waiting not in self.index.leases:
            return ""
        whom = "this lease" if waiting == self.lease.uid else f"a lease of {self.index.leases[waiting].request.client}"
        return f"; that lease will be preempted by {whom}, which has a higher priority"

    def _reservation(self, exporter: ExporterFacts) -> _Why | None:
        both = (self.result.reservations, "lease"), (self.result.gang_reservations, "gang")
        for reservations, what in both:
            found = reservations.next(exporter.uid, self.lease.uid)
            if found is not None:
                client = self.index.leases[found.lease].request.client
                begin = format_moment(found.begin, self.result.now)
                return "Reserved", f"it is reserved for a {what} of {client} from {begin}"
        return None

    def _quota(self, exporter: ExporterFacts) -> _Why:
        right = self._right(self.lease.request, exporter)
        quota = right.quota if isinstance(right, Grant) else None
        excess = QuotaUsage(self.index).excess(self.lease.request.client, quota) if quota is not None else None
        return ("OverQuota", excess) if excess is not None else ("Free", "it is free")
