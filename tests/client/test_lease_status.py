"""The word for a lease's state, as `jumplab get leases` shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jumplab.client.lease_status import reason_of
from jumplab.client.views import Condition, LeaseView


def lease(*conditions: tuple[str, str, str], ended: bool = False) -> LeaseView:
    """By the type, the status and the reason of each condition."""
    found = tuple(Condition(kind, status, reason, "") for kind, status, reason in conditions)
    return LeaseView("l", "lab", "uid", "", "ci", "", timedelta(0), None, None, None, ended, found)


@pytest.mark.parametrize("reason", ["NotAvailable", "NotReady", "Offline", "OverQuota", "Quarantined"])
def test_a_waiting_lease_reads_as_waiting(reason: str) -> None:
    waits = [("Ready", "False", reason), ("Pending", "True", reason)]
    assert reason_of(lease(*waits)) == "Waiting"
    assert reason_of(lease(("Invalid", "True", "Immutable"), *waits)) == "Waiting,InvalidEdit"


def test_each_state_has_its_word() -> None:
    invalid = ("Invalid", "True", "Immutable")
    ready = ("Ready", "True", "Ready")
    assert reason_of(lease(("Pending", "True", "Scheduled"))) == "Scheduled"
    assert reason_of(lease(("Ready", "False", "NotReady"), ("Assigned", "True", "Assigned"))) == "GettingReady"
    assert reason_of(lease(invalid, ready)) == "Ready,InvalidEdit"
    assert reason_of(lease(("Preempting", "True", "HigherPriority"), ready)) == "Preempting"
    assert reason_of(lease(invalid)) == "Invalid"
    assert reason_of(lease(("Ready", "False", "Expired"), ended=True)) == "Expired"
