"""Objects in and out of the typed views."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jumplab_operator.resources import Device, Lease, LeaseStatus, Unreadable
from jumplab_operator.resources.conditions import condition, merge_conditions

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def test_an_object_that_breaks_its_schema_is_refused_by_name_and_field() -> None:
    with pytest.raises(Unreadable, match=r'Lease "l" can\'t be read: spec.duration: .*"soon" is no duration'):
        Lease.from_plain({"metadata": {"name": "l"}, "spec": {"clientRef": {"name": "ci"}, "duration": "soon"}})


def test_what_is_absent_stays_absent() -> None:
    assert LeaseStatus().to_plain() == {"ended": False, "conditions": []}
    assert Device(uuid="a", parent_uuid="b").to_plain() == {"uuid": "a", "parent_uuid": "b"}


def test_a_condition_keeps_its_time_until_its_status_turns() -> None:
    first = merge_conditions([], [condition("Ready", False, "NotReady", "soon")], NOON, 1)
    later = NOON + timedelta(minutes=1)
    assert merge_conditions(first, [condition("Ready", False, "NotReady", "soon")], later, 2) == first
    (reworded,) = merge_conditions(first, [condition("Ready", False, "NotReady", "sooner")], later, 2)
    assert (reworded.last_transition_time, reworded.observed_generation) == (NOON, 2)
    (turned,) = merge_conditions(first, [condition("Ready", True, "Ready")], later, 2)
    assert turned.last_transition_time == later
