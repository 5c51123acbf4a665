"""Notices: a lease that is to be ended for one of higher priority is told so first, and may yet stay."""

from datetime import datetime

from jumplab_operator.leasing.explain.pending_reasons import format_instant
from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.model.decisions import Decision, Preempt
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.resources import Lease
from jumplab_operator.resources.conditions import condition, find_condition
from jumplab_operator.resources.metadata import Condition


def notice(lease: Lease, decision: Decision | None, cluster: Cluster) -> Condition | None:
    """The condition Preempting, as it was where it was told before; None where the lease stays."""
    if not isinstance(decision, Preempt):
        return None
    known = find_condition(lease.status.conditions, "Preempting")
    if known is not None:
        return known
    due = whole_seconds(cluster.clock.now()) + cluster.settings.preemption_notice
    cluster.queue.add_at(lease.uid, due)
    what = "exporters that it has" if len(lease.status.exporter_names) > 1 else "its exporter"
    message = f"a lease of higher priority waits for {what}; it ends at {format_instant(due)} unless that changes"
    return condition("Preempting", True, "HigherPriority", message)


def preemption(lease: Lease, decision: Decision | None, cluster: Cluster) -> expiry.Ending | None:
    """The ending of a lease whose notice has run out; before that, looks again then."""
    told = find_condition(lease.status.conditions, "Preempting")
    if told is None or told.last_transition_time is None or not isinstance(decision, Preempt):
        return None
    due: datetime = told.last_transition_time + cluster.settings.preemption_notice
    if due > cluster.clock.now():
        cluster.queue.add_at(lease.uid, due)
        return None
    what = "exporters that it had were" if len(lease.status.exporter_names) > 1 else "its exporter was"
    return expiry.Ending("Preempted", f"{what} needed for a lease of higher priority; lease again")
