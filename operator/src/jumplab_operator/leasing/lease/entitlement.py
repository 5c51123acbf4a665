"""By what right a client could hold what a lease holds: asked when a lease is to be longer, or another's."""

from collections.abc import Iterable
from datetime import timedelta

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, right_to, unknown_client
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.facts import ExporterFacts
from jumplab_operator.leasing.model.policy_rules import Grant, TooLong
from jumplab_operator.leasing.model.policy_rules import Grant


def entitlement(
    space: Space, client: str, exporter_uids: Iterable[str], length: timedelta | None, lease_uid: str
) -> Grant | Refusal:
    """The right to the lease's exporters for so long, the least where there are several; or why there is none.

    What the client holds by that lease already does not count against its quota. A lease that has no exporter yet only
    needs a client that exists: the rest is for the plan.
    """
    known = space.clients.get(client)
    if known is None:
        refusal = unknown_client(client)
        return Refusal(refusal.reason, f"{refusal.message}; create it, or correct clientRef")
    grants: list[tuple[str, Grant]] = []
    for uid in exporter_uids:
        if uid in space.situations:
            exporter = space.situations[uid].exporter
            right = right_to(space.policies, client, known.labels, (exporter.name, exporter.labels), length)
            if isinstance(right, AccessRefusal):
                return Refusal(right.reason, right.message)
            grants.append((uid, right))
    excess = Holdings(space, but=lease_uid).excess_of(client, grants)
    if excess is not None:
        return Refusal("OverQuota", excess)
    return min((grant for _, grant in grants), key=policy_rules.rank, default=Grant())
