"""What a gang that waits is told: which of its parts has nothing, and from when on what is kept for it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from jumplab_operator.leasing.cache.namespace_cache import Queue, Space
from jumplab_operator.leasing.cache.pools import Pool
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.explain.blockers import in_the_way
from jumplab_operator.leasing.explain.candidates import Candidate, Unsatisfiable
from jumplab_operator.leasing.explain.pending_reasons import explain, exporters_named, format_moment
from jumplab_operator.leasing.model.decisions import Wait
from jumplab_operator.leasing.model.facts import LeaseFacts, Request
from jumplab_operator.leasing.model.matching import match


def why_waiting(space: Space, lease: LeaseFacts, queue: Queue) -> Wait:
    """For a gang that could be served if everything were free."""
    over_quota = _over_quota(space, lease, queue.pools)
    if over_quota is not None:
        return over_quota
    missing = []
    for part, pool in zip(lease.parts, queue.pools, strict=True):
        if not _has_something(space, lease, pool):
            reason, told = explain(replace(lease, request=part), in_the_way(space, lease, pool))
            missing.append((reason, f'"{part.name}": {told}'))
    count = len(lease.parts)
    sentence = "; ".join(told for _, told in missing) or f"fewer than {count} different ones are free for it now"
    reasons = [reason for reason, _ in missing]
    reason = next((each for each in ("Offline", "Quarantined", "NotReady") if each in reasons), "NotAvailable")
    return Wait("Pending", reason, f"it gets its {count} exporters at one time; {sentence}{_kept(space, lease)}")


def unsatisfiable(tried: Sequence[tuple[Request, list[Candidate] | Unsatisfiable]]) -> Unsatisfiable:
    """Why a lease can't be served, as things are: `tried` are its parts, and what each could have."""
    names: set[str] = set()
    for part, found in tried:
        if isinstance(found, Unsatisfiable):
            return replace(found, message=f'"{part.name}": {found.message}') if part.name else found
        names.update(candidate.exporter.name for candidate in found)
    assert len(tried) > 1, "a pool without exporters has no candidates"
    there = f"only {exporters_named(sorted(names))}" if len(names) < len(tried) else "not enough for each of them"
    return Unsatisfiable(
        "ExporterNotFound", f"it asks for {len(tried)} different exporters, and what matches is {there}"
    )


def _has_something(space: Space, lease: LeaseFacts, pool: Pool) -> bool:
    """Whether something of the pool is free, and kept for nobody else."""
    return any(
        uid not in space.taken
        and uid not in lease.avoid
        and space.slots.next_begin(uid, lease.uid) is None
        and space.kept.next_begin(uid, lease.uid) is None
        for *_, uid in pool.free
    )


def _kept(space: Space, lease: LeaseFacts) -> str:
    uids = space.kept.kept.get(lease.uid)
    if uids is None:
        return ""
    names = exporters_named([space.situations[uid].exporter.name for uid in uids])
    return f"; {names} are kept for it from {format_moment(space.kept.begins[lease.uid])}"


def _over_quota(space: Space, lease: LeaseFacts, pools: Sequence[Pool]) -> Wait | None:
    """That its client may not have so many, whatever is free; None where it may."""
    if all(grant.quota is None for pool in pools for grant in pool.kinds):
        return None
    client, grants = lease.request.client, {uid: grant for pool in pools for uid, grant in pool.grants.items()}
    given = [(space.leases[to].request.client, to, uid) for uid, to in space.taken.items()]
    holdings = Holdings(space, [each for each in given if each[0] == client])
    wishes = [_some(pool, len(pools)) for pool in pools]
    if holdings.match(client, pools, wishes) is not None:
        return None
    chosen = match(wishes)
    assert chosen is not None, "it could be served if everything were free"
    asked = [(uid, grants[uid]) for uid in chosen]
    excess = holdings.excess_of(client, asked)
    if excess is None:
        return None
    if holdings.is_too_much_alone(asked):
        return Wait("Unsatisfiable", "OverQuota", f"{excess}; ask for fewer")
    return Wait("Pending", "OverQuota", f"{excess}; it waits until enough are released")


def _some(pool: Pool, count: int) -> list[str]:
    """So many exporters of a pool by each right."""
    by_right = [[uid for uid, grant in pool.grants.items() if grant == kind] for kind in pool.kinds]
    return [uid for uids in by_right for uid in islice(uids, count)]
