"""Notices: a lease that is to be ended for one of higher priority is told so first, and may yet stay."""

from datetime import datetime

from jumplab_operator.leasing.lease import expiry
from jumplab_operator.leasing.model.decisions import Decision, Preempt
from jumplab_operator.reconcile.context.context import Cluster, whole_seconds
from jumplab_operator.resources import Lease
from jumplab_operator.resources.conditions import condition, find_condition
from jumplab_operator.resources.metadata import Condition
from jumplab_operator.resources.moments import at_moment


def notice(lease: Lease, decision: Decision | None, cluster: Cluster) -> Condition | None:
    """The condition Preempting, as it was where it was told before; None where the lease stays."""
    if not isinstance(decision, Preempt):
        return None
    known = find_condition(lease.status.conditions, "Preempting")
    if known is not None:
        return known
    now = cluster.clock.now()
    due = whole_seconds(now) + cluster.settings.preemption_notice
    cluster.queue.add_at(lease.uid, due)
    message = f"this lease will be preempted {at_moment(due, now, seconds=True)} by a lease of higher priority"
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
    return expiry.Ending("Preempted", "preempted by a lease of higher priority; lease again")
