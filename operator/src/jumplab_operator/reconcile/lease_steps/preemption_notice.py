"""Preemption: a victim gets a notice first, and may still be spared."""

from datetime import datetime

from jumplab.protocol.moments import at_moment
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.model.decisions import Preempt
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.lease_context import LeaseContext
from jumplab_operator.resources import Lease
from jumplab_operator.resources.conditions import condition, find_condition
from jumplab_operator.resources.metadata import Condition


def notice(context: LeaseContext, cluster: Cluster) -> Condition | None:
    """The condition Preempting, unchanged where the lease has it already; None where the lease isn't a victim."""
    if not isinstance(context.decision, Preempt):
        return None
    lease = context.lease
    known = find_condition(lease.status.conditions, "Preempting")
    if known is not None:
        return known
    due = whole_seconds(context.now) + cluster.settings.preemption_notice
    cluster.queue.add_at(lease.uid, due)
    message = f"this lease will be preempted {at_moment(due, context.now, seconds=True)} by a lease of higher priority"
    return condition("Preempting", True, "HigherPriority", message)


def preemption(context: LeaseContext, cluster: Cluster) -> expiry.Ending | None:
    """The ending of a victim whose notice period is over; before that, reconciles it again then."""
    lease, due = context.lease, end_of_notice(context.lease, cluster)
    if due is None or not isinstance(context.decision, Preempt):
        return None
    if due > context.now:
        cluster.queue.add_at(lease.uid, due)
        return None
    return expiry.Ending("Preempted", "preempted by a lease of higher priority; lease again")


def end_of_notice(lease: Lease, cluster: Cluster) -> datetime | None:
    """When the notice that the lease was given is over; None where it was given none."""
    given = find_condition(lease.status.conditions, "Preempting")
    if given is None or given.last_transition_time is None:
        return None
    return given.last_transition_time + cluster.settings.preemption_notice
