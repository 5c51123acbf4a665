"""By what right a client could hold what a lease holds: asked when a lease is to be longer, or another's."""

from collections.abc import Iterable
from datetime import timedelta

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.cache.namespace_cache import Space
from jumplab_operator.leasing.cache.quotas import Holdings
from jumplab_operator.leasing.lease.validation import Refusal
from jumplab_operator.leasing.model import policy_rules
from jumplab_operator.leasing.model.facts import ExporterFacts
from jumplab_operator.leasing.model.policy_rules import Grant, TooLong


def entitlement(
    space: Space, client: str, exporter_uids: Iterable[str], length: timedelta | None, lease_uid: str
) -> Grant | Refusal:
    """The right to the lease's exporters for so long, the least where there are several; or why there is none.

    What the client holds by that lease already does not count against its quota. A lease that has no exporter yet only
    needs a client that exists: the rest is for the plan.
    """
    if client not in space.clients:
        return Refusal("NoAccess", f'there is no client "{client}"; create it, or correct clientRef')
    grants: list[tuple[str, Grant]] = []
    for uid in exporter_uids:
        if uid in space.situations:
            grant = _right(space, client, space.situations[uid].exporter, length)
            if isinstance(grant, Refusal):
                return grant
            grants.append((uid, grant))
    excess = Holdings(space, but=lease_uid).excess_of(client, grants)
    if excess is not None:
        return Refusal("OverQuota", excess)
    return min((grant for _, grant in grants), key=policy_rules.rank, default=Grant())


def _right(space: Space, client: str, exporter: ExporterFacts, length: timedelta | None) -> Grant | Refusal:
    grant = policy_rules.best_grant(space.policies, exporter.labels, space.clients[client].labels, length)
    if isinstance(grant, TooLong):
        maximum = format_duration(grant.maximum_duration)
        return Refusal("TooLong", f'the access policies permit client "{client}" at most {maximum}')
    if grant is None:
        return Refusal("NoAccess", f'no access policy permits client "{client}" to hold exporter "{exporter.name}"')
    return grant
