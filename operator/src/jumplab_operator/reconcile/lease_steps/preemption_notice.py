"""Preemption: a victim gets a notice first, and may still be spared."""

from datetime import datetime

from jumplab_operator.leasing.explain.pending_reasons import format_instant
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.model.decisions import Preempt
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.reconcile.context.lease_context import LeaseContext
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
    what = "exporters that it has" if len(lease.status.exporter_names) > 1 else "its exporter"
    message = f"a lease of higher priority waits for {what}; it ends at {format_instant(due)} unless that changes"
    return condition("Preempting", True, "HigherPriority", message)


def preemption(context: LeaseContext, cluster: Cluster) -> expiry.Ending | None:
    """The ending of a victim whose notice period is over; before that, reconciles it again then."""
    lease, given = context.lease, find_condition(context.lease.status.conditions, "Preempting")
    if given is None or given.last_transition_time is None or not isinstance(context.decision, Preempt):
        return None
    due: datetime = given.last_transition_time + cluster.settings.preemption_notice
    if due > context.now:
        cluster.queue.add_at(lease.uid, due)
        return None
    what = "exporters that it had were" if len(lease.status.exporter_names) > 1 else "its exporter was"
    return expiry.Ending("Preempted", f"{what} needed for a lease of higher priority; lease again")
