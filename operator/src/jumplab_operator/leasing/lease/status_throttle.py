"""How often a waiting lease is told: one departure must not rewrite ten thousand leases, again and again."""

from datetime import datetime, timedelta

from jumplab_operator.resources import LeaseStatus
from jumplab_operator.resources.conditions import same_but_messages

TELL_AGAIN = timedelta(minutes=1)


def put_off(before: LeaseStatus, after: LeaseStatus, told: datetime | None, now: datetime) -> datetime | None:
    """Until when the writing of `after` is put off; None where it is to be written now.

    Where only sentences differ, and its place in the queue, a minute has to pass from when it was `told` last (None: it
    never was, or that isn't known).
    """
    if told is None or now - told >= TELL_AGAIN or before == after:
        return None
    nothing_else = _without_words(before) == _without_words(after)
    return told + TELL_AGAIN if nothing_else and same_but_messages(before.conditions, after.conditions) else None


def _without_words(status: LeaseStatus) -> LeaseStatus:
    return status.model_copy(update={"conditions": [], "queue": None})
