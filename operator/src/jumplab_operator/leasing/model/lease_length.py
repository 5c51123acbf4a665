"""How long a lease lasts: the rule that assignments, reservations, forecasts and fair share all go by.

A lease that gives no duration lasts as long as the rights to its exporters permit, `DEFAULT_DURATION` at most. So how
long it lasts is known exactly only once its exporters are; before that each exporter gives its own answer.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from jumplab_operator.leasing.model.facts import LeaseFacts
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.reservations import TURNAROUND
from jumplab_operator.leasing.model.times import DEFAULT_DURATION


def granted_length(lease: LeaseFacts, grants: Iterable[Grant] = ()) -> timedelta:
    """How long the lease lasts from when it is ready, with exporters by these rights; its fixed end does not count.

    grants: none where the lease has its exporters already, or where nothing is known of them.
    """
    asked = lease.request.duration or lease.granted
    if asked is not None:
        return asked
    return default_length(grants)


def default_length(grants: Iterable[Grant]) -> timedelta:
    """How long a lease lasts that asks for no length: as long as these rights permit, up to the default."""
    maxima = [grant.maximum_duration for grant in grants if grant.maximum_duration is not None]
    return min([DEFAULT_DURATION, *maxima])


def end_of(lease: LeaseFacts, begin: datetime, grants: Iterable[Grant] = ()) -> datetime:
    """When the lease ends, if it begins then with exporters by these rights."""
    return lease.end or begin + granted_length(lease, grants)


def preemption_of(victim: LeaseFacts, now: datetime) -> datetime:
    """When a victim is preempted, as far as that is known: it may have no notice yet."""
    due = victim.preempted_at or now + TURNAROUND
    return max(min(due, victim.end or due), now)


def exporter_seconds(lease: LeaseFacts, grants: Iterable[Grant] = ()) -> int:
    """The exporter time that the lease takes of its client's share, in whole seconds."""
    return int(granted_length(lease, grants).total_seconds()) * len(lease.members)
