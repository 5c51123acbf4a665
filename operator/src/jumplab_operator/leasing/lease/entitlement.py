"""The right by which a client could hold the exporters of a lease: asked when it is to be longer, or another's."""

from collections.abc import Iterable
from datetime import timedelta

from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, right_to, unknown_client
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.policy_rules import Grant


def entitlement(
    index: NamespaceIndex,
    client: ClientName,
    exporters: Iterable[ExporterUid],
    length: timedelta | None,
    lease: LeaseUid,
) -> Grant | Refusal:
    """The right to the lease's exporters for that length, the least where there are several; or why there is none.

    What the client holds by that lease already does not count against its quota. A lease that has no exporter yet only
    needs a client that exists: the rest is for the scheduler.
    """
    known = index.access.clients.get(client)
    if known is None:
        refusal = unknown_client(client)
        return Refusal(refusal.reason, f"{refusal.message}; create it, or correct clientRef")
    grants: list[tuple[ExporterUid, Grant]] = []
    for uid in exporters:
        if uid in index.pools.situations:
            exporter = index.pools.situations[uid].exporter
            right = right_to(index.access.policies, client, known.labels, (exporter.name, exporter.labels), length)
            if isinstance(right, AccessRefusal):
                return Refusal(right.reason, right.message)
            grants.append((uid, right))
    excess = QuotaUsage(index, but=lease).excess_of(client, grants)
    if excess is not None:
        return Refusal("OverQuota", excess)
    return min((grant for _, grant in grants), key=policy_rules.rank, default=Grant())
