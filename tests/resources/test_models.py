"""Objects in and out of the typed views."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jumplab.protocol.statuses import status_word
from jumplab_operator.resources import (
    Client,
    Device,
    Exporter,
    ExporterAccessPolicy,
    Lease,
    LeaseStatus,
    Requirement,
    Unreadable,
)
from jumplab_operator.resources.conditions import condition, merge_conditions

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def test_an_object_that_breaks_its_schema_is_refused_by_name_and_field() -> None:
    with pytest.raises(Unreadable, match=r'Lease "l" can\'t be read: spec.duration: .*"soon" is not a duration'):
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


def test_a_message_without_end_is_cut() -> None:
    told = condition("Invalid", True, "InvalidTags", f'tag "{"x" * 100_000}" can\'t be one').message
    assert told.startswith('tag "xxx')
    assert told.endswith("…")
    assert len(told) < 5_000


TOO_LARGE = [
    ({"matchLabels": {f"k{number}": "x" for number in range(65)}}, "spec.selector.matchLabels"),
    ({"matchLabels": {"k": "x" * 64}}, "spec.selector.matchLabels.k"),
    ({"matchLabels": {"k" * 318: "x"}}, "spec.selector.matchLabels"),
    ({"matchExpressions": [{"key": "k", "operator": "Exists"}] * 65}, "spec.selector.matchExpressions"),
    ({"matchExpressions": [{"key": "k" * 318, "operator": "Exists"}]}, r"spec.selector.matchExpressions\[0\].key"),
    ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["x"] * 1_001}]}, r"matchExpressions\[0\].values"),
]


@pytest.mark.parametrize(("selector", "field"), TOO_LARGE, ids=[field for _, field in TOO_LARGE])
def test_a_selector_that_asks_for_too_much_is_refused(selector: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable, match=field):
        Lease.from_plain({"metadata": {"name": "l"}, "spec": {"clientRef": {"name": "ci"}, "selector": selector}})


def test_a_requirement_that_was_looked_into_is_still_itself() -> None:
    one, other = (Requirement(key="k", operator="In", values=["b", "a"]) for _ in range(2))
    assert "a" in one.value_set
    assert one == other
    assert one.to_plain() == {"key": "k", "operator": "In", "values": ["b", "a"]}


KINDS = {
    Client: {}, Exporter: {}, Lease: {"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"board": "a"}}},
    ExporterAccessPolicy: {"policies": []},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "spec"), KINDS.items(), ids=[kind.__name__ for kind in KINDS])
@pytest.mark.parametrize("version", ["older", "newer"])
def test_objects_that_another_version_has_stored_are_read(kind: Any, spec: dict[str, Any], version: str) -> None:
    """An older one wrote less: no status at all. A newer one wrote fields that this one leaves aside."""
    plain = {"metadata": {"name": "a"}, "spec": spec}
    if version == "newer":
        plain |= {"spec": {**spec, "mood": "good"}, "status": {"mood": {"since": "noon"}}, "extra": [1]}
    assert kind.from_plain(plain).to_plain({"spec"}) == kind.from_plain({**plain, "spec": spec}).to_plain({"spec"})


def test_a_phase_of_a_later_version_is_none_that_is_known() -> None:
    exporter = Exporter.from_plain({"metadata": {"name": "a"}, "status": {"exporterStatus": "Dreaming"}})
    assert exporter.status.exporter_status == "Unspecified" == status_word(77)
    assert status_word(4) == "LeaseReady"
