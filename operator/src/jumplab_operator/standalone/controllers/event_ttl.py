"""Events are kept for an hour after they were last told, as kube-apiserver does."""

from __future__ import annotations

from datetime import datetime, timedelta

from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.objects.built_in import EVENTS
from jumplab_operator.standalone.storage.writer import Transaction

_TTL = timedelta(hours=1)
_MOST_AT_ONCE = 4


def forget_old(transaction: Transaction, now: datetime) -> None:
    """Remove some of the events that are over; called for each new one, so that they never pile up."""
    for key, event in transaction.oldest(EVENTS.resource, _MOST_AT_ONCE):
        if now - _last_occurrence(event) > _TTL:
            transaction.remove(key, event)


def _last_occurrence(event: Object) -> datetime:
    occurrence = event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
    try:
        return datetime.fromisoformat(occurrence)
    except (TypeError, ValueError):
        return datetime.fromisoformat(event["metadata"]["creationTimestamp"])
