"""How often the status of a waiting lease is written: one departure must not rewrite ten thousand leases."""

from datetime import datetime, timedelta

from jumplab_operator.resources import LeaseStatus
from jumplab_operator.resources.conditions import same_but_messages

WRITE_AGAIN = timedelta(minutes=1)


def put_off(before: LeaseStatus, after: LeaseStatus, written: datetime | None, now: datetime) -> datetime | None:
    """Until when the writing of `after` is put off; None where it is to be written now.

    Where only messages and the queue position differ, a minute has to pass since it was `written` last (None: it never
    was, or that isn't known).
    """
    if written is None or now - written >= WRITE_AGAIN or before == after:
        return None
    nothing_else = _without_messages(before) == _without_messages(after)
    return written + WRITE_AGAIN if nothing_else and same_but_messages(before.conditions, after.conditions) else None


def _without_messages(status: LeaseStatus) -> LeaseStatus:
    return status.model_copy(update={"conditions": [], "queue": None})
