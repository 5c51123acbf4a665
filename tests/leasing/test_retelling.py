"""A change of the words alone is written once a minute at most."""

from __future__ import annotations

from datetime import timedelta

from jumplab_operator.leasing.lease.status_throttle import put_off
from jumplab_operator.resources import LeaseStatus
from jumplab_operator.resources.conditions import condition
from jumplab_operator.resources.lease import QueueStatus
from tests.leasing.worlds import NOON, minutes


def status(position: int | None, message: str = "leased", reason: str = "NotAvailable") -> LeaseStatus:
    place = QueueStatus(position=position) if position is not None else None
    return LeaseStatus(queue=place, conditions=[condition("Pending", True, reason, message)])


SOON = NOON + timedelta(seconds=59)


def test_another_estimate_or_sentence_waits_for_a_minute_to_have_passed() -> None:
    for other in (status(3), status(None), status(4, "leased by ann")):
        assert put_off(status(4), other, NOON, SOON) == NOON + minutes(1)
        assert put_off(status(4), other, NOON, NOON + minutes(1)) is None


def test_what_is_more_than_words_is_written_at_once() -> None:
    assert put_off(status(4), status(4, reason="Offline"), NOON, SOON) is None
    ended = status(4).model_copy(update={"queue": None, "ended": True})
    assert put_off(status(4), ended, NOON, SOON) is None


def test_who_was_never_told_is_told_at_once_and_what_is_the_same_needs_no_other_time() -> None:
    assert put_off(status(4), status(3), None, SOON) is None
    assert put_off(status(4), status(4), NOON, SOON) is None
