"""The pending reason of a gang: which of its members has nothing, and from when its exporters are reserved for it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from jumplab.protocol.moments import format_moment
from jumplab_operator.leasing.cache.client_queue import ClientQueue, QueueKey
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.explain.blockers import BlockerFinder
from jumplab_operator.leasing.explain.candidates import Candidate, Unsatisfiable
from jumplab_operator.leasing.explain.pending_reasons import explain, exporters_named
from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.leasing.model.facts import LeaseFacts, Request
from jumplab_operator.leasing.model.ids import ExporterUid
from jumplab_operator.leasing.model.matching import match


def why_waiting(blockers: BlockerFinder, lease: LeaseFacts, queue: ClientQueue) -> Wait:
    """For a gang that could be served if everything were free."""
    over_quota = _over_quota(blockers, lease, queue.pools)
    if over_quota is not None:
        return over_quota
    missing = []
    for member, pool in zip(lease.members, queue.pools, strict=True):
        if not _has_something(blockers, lease, pool):
            alone = replace(lease, request=member)
            reason, sentence = explain(alone, blockers.find(lease, pool), blockers.result.now)
            missing.append((reason, f'"{member.name}": {sentence}'))
    count = len(lease.members)
    message = (
        "; ".join(sentence for _, sentence in missing) or f"fewer than {count} different exporters are free for it"
    )
    reasons = [reason for reason, _ in missing]
    reason = next((each for each in ("Offline", "Quarantined", "NotReady") if each in reasons), "NotAvailable")
    return Wait(
        "Pending", reason, f"a gang gets its {count} exporters all at once; {message}{_reserved(blockers, lease)}"
    )


def unsatisfiable(tried: Sequence[tuple[Request, list[Candidate] | Unsatisfiable]]) -> Unsatisfiable:
    """Why a lease can't be served, as things are: `tried` are its members, and what each could have."""
    names: set[str] = set()
    for member, found in tried:
        if isinstance(found, Unsatisfiable):
            return replace(found, message=f'"{member.name}": {found.message}') if member.name else found
        names.update(candidate.exporter.name for candidate in found)
    assert len(tried) > 1, "a pool without exporters has no candidates"
    if len(names) < len(tried):
        verb = "matches" if len(names) == 1 else "match"
        there = f"only {exporters_named(sorted(names))} {verb}"
    else:
        there = "the exporters that match are too few for all members"
    return Unsatisfiable("ExporterNotFound", f"it asks for {len(tried)} different exporters; {there}")


def _has_something(blockers: BlockerFinder, lease: LeaseFacts, pool: Pool) -> bool:
    """Whether an exporter of the pool is free, and reserved for nobody else."""
    result = blockers.result
    return any(
        uid not in result.taken
        and uid not in lease.avoid
        and result.reservations.next(uid, lease.uid) is None
        and result.gang_reservations.next(uid, lease.uid) is None
        for *_, uid in pool.free
    )


def _reserved(blockers: BlockerFinder, lease: LeaseFacts) -> str:
    reservations = blockers.result.gang_reservations
    uids = reservations.exporters.get(lease.uid)
    if uids is None:
        return ""
    names = exporters_named([blockers.index.pools.situations[uid].exporter.name for uid in uids])
    begin = format_moment(reservations.begins[lease.uid], blockers.result.now)
    return f"; {names} are reserved for it from {begin}"


def _over_quota(blockers: BlockerFinder, lease: LeaseFacts, pools: QueueKey) -> Wait | None:
    """Why its client may not have that many, whatever is free; None where it may."""
    if all(grant.quota is None for pool in pools for grant in pool.kinds):
        return None
    client = lease.request.client
    usage = QuotaUsage(blockers.index, blockers.result.taken)
    wishes = [_some(pool, len(pools)) for pool in pools]
    if usage.match(client, pools, wishes) is not None:
        return None
    chosen = match(wishes)
    assert chosen is not None, "it could be served if everything were free"
    asked = [(uid, pool.grants[uid]) for uid, pool in zip(chosen, pools, strict=True)]
    excess = usage.excess_of(client, asked)
    if excess is None:
        return None
    if usage.is_too_much_alone(asked):
        return Wait("Unsatisfiable", "OverQuota", f"{excess}; ask for fewer")
    return Wait("Pending", "OverQuota", f"{excess}; it waits until enough are released")


def _some(pool: Pool, count: int) -> Sequence[ExporterUid]:
    """That many exporters of a pool by each right."""
    by_right = [[uid for uid, grant in pool.grants.items() if grant == kind] for kind in pool.kinds]
    return [uid for uids in by_right for uid in islice(uids, count)]
