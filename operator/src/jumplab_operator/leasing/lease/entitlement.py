"""The right by which a client could hold the exporters of a lease: asked when it is to be longer, or another's."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from jumplab_operator.leasing.cache.namespace_index import NamespaceIndex
from jumplab_operator.leasing.cache.quotas import QuotaUsage
from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, right_to, unknown_client
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.facts import ClientFacts
from jumplab_operator.leasing.model.ids import ClientName, ExporterUid, LeaseUid
from jumplab_operator.leasing.model.policy_rules import Grant


def entitlement(
    index: NamespaceIndex,
    client: ClientName,
    exporters: Iterable[ExporterUid],
    length: timedelta | None,
    lease: LeaseUid,
    giver: ClientName | None = None,
) -> Grant | Refusal:
    """The right to the lease's exporters for that length, the least where there are several; or why there is none.

    giver: the client that would transfer the lease; None: the client holds it already.

    What the client holds by that lease already does not count against its quota. A lease that has no exporter yet only
    needs a client that exists: the rest is for the scheduler.
    """
    known = index.access.clients.get(client)
    if known is None:
        refusal = unknown_client(client)
        return Refusal(refusal.reason, f"{refusal.message}; create it, or correct clientRef")
    if not known.enabled:
        return Refusal("NoAccess", f'client "{client}" is disabled; enable it, or correct clientRef')
    grants: list[tuple[ExporterUid, Grant]] = []
    for uid in exporters:
        if uid in index.pools.situations:
            exporter = index.pools.situations[uid].exporter
            right = right_to(index.access.policies, client, known.labels, (exporter.name, exporter.labels), length)
            if isinstance(right, AccessRefusal):
                return Refusal(right.reason, right.message)
            if giver is not None and not _accepts(index, exporter.labels, known, giver):
                refused = f'the access policies of client "{client}" do not accept a transfer by client "{giver}"'
                return Refusal("NoAccess", refused)
            grants.append((uid, right))
    excess = QuotaUsage(index, but=lease).excess_of(client, grants)
    if excess is not None:
        return Refusal("OverQuota", excess)
    return min((grant for _, grant in grants), key=policy_rules.rank, default=Grant())


def _accepts(
    index: NamespaceIndex, exporter_labels: Mapping[str, str], receiver: ClientFacts, giver: ClientName
) -> bool:
    known = index.access.clients.get(giver)
    giver_labels = known.labels if known is not None else {}
    return policy_rules.accepts_transfer(index.access.policies, exporter_labels, receiver.labels, giver_labels)
