"""Why a waiting lease has no exporter, in full: each exporter of the namespace, and what keeps it from the lease.

It tells of others what their leases' conditions tell, too: the client's name and until when.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, right_to
from jumplab_operator.leasing.explain.candidates import wanted
from jumplab_operator.leasing.explain.pending_reasons import format_moment, until
from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.facts import ExporterFacts, LeaseFacts, Request
from jumplab_operator.resources import Exporter

_Why: TypeAlias = tuple[str, str]
"""A word for programs, and a sentence for people."""
Resources: TypeAlias = Callable[[str], Exporter | None]
"""Finds an exporter's resource by its name."""


@dataclass(frozen=True, slots=True)
class Considered:
    """An exporter that was considered for a lease, or for one part of it, and why the lease hasn't got it."""

    asked_for: str
    """What the lease, or the part of it, asks for, in words."""
    exporter: str
    matches: bool
    """Whether the exporter is what is asked for, whatever else keeps it from the lease."""
    reason: str
    message: str


def explain(space: Space, lease: LeaseFacts, resource: Resources) -> list[Considered]:
    """What was considered for the lease, part by part; what matches first, then by name."""
    found = [
        _considered(space, lease, request, exporter, resource)
        for request in {wanted(request): request for request in lease.parts}.values()
        for exporter in space.exporters
        if request.exporter is None or request.exporter == exporter.name
    ]
    return sorted(found, key=lambda each: (each.asked_for, not each.matches, each.exporter))


def _considered(
    space: Space, lease: LeaseFacts, request: Request, exporter: ExporterFacts, resource: Resources
) -> Considered:
    other = selectors.mismatch(request.selector, exporter.labels) if request.selector is not None else None
    if other is not None:
        reason, message = "SelectorMismatch", other
    else:
        reason, message = _standing_reason(space, request, exporter, resource) or _passing_reason(
            space, lease, exporter
        )
    return Considered(wanted(request), exporter.name, other is None, reason, message)


def _standing_reason(space: Space, request: Request, exporter: ExporterFacts, resource: Resources) -> _Why | None:
    """What waiting alone does not change."""
    if not (exporter.enabled or request.allow_disabled):
        return "Disabled", "it is disabled"
    client = space.clients.get(request.client)
    labels = client.labels if client is not None else None
    named = exporter.name, exporter.labels
    right = right_to(space.policies, request.client, labels, named, request.duration)
    if isinstance(right, AccessRefusal):
        return right.reason, right.message
    known = resource(exporter.name)
    quarantine = known.status.quarantine if known is not None else None
    if quarantine is not None:
        since = f" since {format_moment(quarantine.since)}" if quarantine.since is not None else ""
        return "Quarantined", f"it is quarantined{since}: {quarantine.reason}"
    if not exporter.online:
        seen = known.status.last_seen if known is not None else None
        return "Offline", "it is offline" + (f" since {format_moment(seen)}" if seen is not None else "")
    return None


def _passing_reason(space: Space, lease: LeaseFacts, exporter: ExporterFacts) -> _Why:
    """What keeps an exporter from it that it may have and that is there."""
    situation = space.situations[exporter.uid]
    holder = situation.holder
    if holder is not None and holder is not lease:
        return "Leased", f"it is leased by {holder.request.client}{until(holder)}{_giving_way(space, lease, holder)}"
    if exporter.uid in lease.avoid:
        return "NotConfirmed", "it did not confirm the lease and isn't offered it for a while"
    if exporter.claim is not None:
        return "CleaningUp", "it is cleaned up after the lease before"
    if not exporter.available:
        return "NotReady", "it is connected and has not yet said that it is ready"
    taker = space.taken.get(exporter.uid)
    if taker == lease.uid:
        return "Assigned", "it is free, and the lease is getting it"
    if taker is not None:
        return "Leased", f"it goes to {space.leases[taker].request.client}, whose turn came first"
    why = _slot_reason(space, lease, exporter) or _quota_reason(space, lease, exporter)
    if why[0] == "Free" and len(lease.parts) > 1:
        return "Free", "it is free; the lease gets all its exporters at one time, and waits for others"
    return why


def _giving_way(space: Space, lease: LeaseFacts, holder: LeaseFacts) -> str:
    """Whether the holder's lease is to be ended, and for whom."""
    waiting = space.leases.get(space.victims.get(holder.uid, ""))
    if waiting is None:
        return ""
    whom = "this lease" if waiting is lease else f"a lease of {waiting.request.client}"
    return f", and is to be ended for {whom}, which has a higher priority"


def _slot_reason(space: Space, lease: LeaseFacts, exporter: ExporterFacts) -> _Why | None:
    for slots, what in ((space.slots, "reservation"), (space.kept, "lease of several")):
        slot = slots.next_slot(exporter.uid, lease.uid)
        if slot is not None:
            begin, uid = slot
            client = space.leases[uid].request.client
            return "Kept", f"it is kept for a {what} of {client} from {format_moment(begin)}"
    return None


def _quota_reason(space: Space, lease: LeaseFacts, exporter: ExporterFacts) -> _Why:
    client = lease.request.client
    rights = policy_rules.best_grant(
        space.policies, exporter.labels, space.clients[client].labels, lease.request.duration
    )
    quota = rights.quota if isinstance(rights, policy_rules.Grant) else None
    excess = Holdings(space).excess(client, quota) if quota is not None else None
    return ("OverQuota", excess) if excess is not None else ("Free", "it is free")
