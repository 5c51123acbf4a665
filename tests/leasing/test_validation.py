"""Which specs are valid, and which edits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from jumplab_operator.leasing.lease.validation import InForce, Refusal, accept, late_edit
from jumplab_operator.leasing.model.policy_rules import Grant
from jumplab_operator.leasing.model.times import expected_end, times
from jumplab_operator.resources import LeaseSpec
from tests.leasing.worlds import NOON, minutes


def spec(**fields: Any) -> LeaseSpec:
    return LeaseSpec.model_validate({"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"a": "b"}}, **fields})


IMX8 = {"selector": {"matchLabels": {"board": "imx8"}}}


def pinned(name: str) -> dict[str, Any]:
    return {"name": name, "exporterRef": {"name": "bench-1"}}


def at(count: int) -> str:
    return (NOON + minutes(count)).isoformat()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"selector": None}, "InvalidSelector"),
        ({"selector": {}}, "InvalidSelector"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, "InvalidSelector"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "InvalidSelector"),
        ({"allowDisabled": True}, "InvalidSelector"),
        ({"exporters": [], "selector": None}, "InvalidExporters"),
        ({"exporters": [{"name": "one", **IMX8}]}, "InvalidExporters"),
        ({"exporters": [{"name": "one"}], "selector": None}, "InvalidExporters"),
        ({"exporters": [{"name": "1st", **IMX8}], "selector": None}, "InvalidExporters"),
        ({"exporters": [{"name": "one", **IMX8}, {"name": "one", **IMX8}], "selector": None}, "InvalidExporters"),
        ({"exporters": [{"name": "one", **IMX8}], "selector": None, "allowDisabled": True}, "InvalidExporters"),
        ({"exporters": [pinned("one"), pinned("two")], "selector": None}, "InvalidExporters"),
        ({"duration": "0s"}, "InvalidTimes"),
        ({"duration": "87841h"}, "InvalidTimes"),
        ({"beginTime": at(0), "endTime": at(60 * 87841)}, "InvalidTimes"),
        ({"beginTime": "9999-12-31T23:59:59Z", "duration": "1h"}, "InvalidTimes"),
        ({"endTime": "0001-01-01T00:00:00Z", "duration": "1h"}, "InvalidTimes"),
        ({"beginTime": at(5), "endTime": at(5)}, "InvalidTimes"),
        ({"beginTime": at(0), "endTime": at(5), "duration": "6m"}, "InvalidTimes"),
        ({"tags": {"not a label": "x"}}, "InvalidTags"),
        ({"context": {"k" * 33: "x"}}, "InvalidContext"),
        ({"extendOnActivity": {"by": "1s"}}, "InvalidTimes"),
        ({"extendOnActivity": {"maxDuration": "0s"}}, "InvalidTimes"),
        ({"extendOnActivity": {"maxDuration": "100000h"}}, "InvalidTimes"),
        ({"releaseAfterDetached": "0s"}, "InvalidTimes"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused_with_a_reason(fields: dict[str, Any], reason: str) -> None:
    result = accept(spec(**fields), None)
    assert isinstance(result, Refusal)
    assert result.reason == reason


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({"beginTime": at(-4)}, True),
        ({"beginTime": at(-6)}, False),
        ({"beginTime": at(-6), "endTime": at(60)}, False),
        ({"endTime": at(10), "duration": "17m"}, False),
        ({"endTime": at(10), "duration": "14m"}, True),
        ({"endTime": at(-10)}, True),
    ],
)
def test_a_lease_can_not_begin_before_it_is_made(fields: dict[str, Any], valid: bool) -> None:
    result = accept(spec(**fields), None, created=NOON)
    assert isinstance(result, LeaseSpec) is valid
    if isinstance(result, Refusal):
        assert result.reason == "InvalidTimes"
    moved = accept(spec(**fields), InForce(spec(beginTime=at(30)), NOON), created=NOON)
    assert isinstance(moved, LeaseSpec) is valid


def test_a_begin_that_was_accepted_once_stays_so() -> None:
    accepted = spec(beginTime=at(-60))
    assert isinstance(accept(accepted, InForce(accepted, NOON), created=NOON), LeaseSpec)


@pytest.mark.parametrize(
    ("edit", "in_vain"),
    [
        ({"duration": "5m"}, False),
        ({}, False),
        ({"release": True, "ttlSecondsAfterEnded": 5}, False),
        ({"duration": "6m"}, True),
        ({"endTime": at(5)}, True),
        ({"clientRef": {"name": "ann"}}, True),
    ],
)
def test_of_a_lease_that_has_ended_little_can_be_changed(edit: dict[str, Any], in_vain: bool) -> None:
    refusal = late_edit(spec(**edit), spec(duration="5m"))
    assert (refusal is not None) is in_vain


def test_a_lease_without_times_lasts_half_an_hour() -> None:
    accepted = accept(spec(), None)
    assert isinstance(accepted, LeaseSpec)
    assert expected_end(accepted, NOON) == NOON + minutes(30)


@pytest.mark.parametrize(
    ("fields", "begin", "end", "duration"),
    [
        ({"beginTime": at(0), "endTime": at(5)}, 0, 5, 5),
        ({"endTime": at(5), "duration": "2m"}, 3, 5, 2),
        ({"endTime": at(5)}, None, 5, None),
        ({"beginTime": at(1), "duration": "2m"}, 1, None, 2),
        ({"beginTime": at(1), "endTime": at(3), "duration": "2m"}, 1, 3, 2),
    ],
)
def test_two_times_give_the_third(
    fields: dict[str, Any], begin: int | None, end: int | None, duration: int | None
) -> None:
    known = times(spec(**fields))
    assert known.begin == (None if begin is None else NOON + minutes(begin))
    assert known.end == (None if end is None else NOON + minutes(end))
    assert known.duration == (None if duration is None else minutes(duration))


class AnHourForCi:
    """A schedule that grants the client ci one hour, and nothing to others."""

    def right(self, client: str, length: timedelta | None, giver: str | None = None) -> Grant | Refusal:
        if client != "ci":
            return Refusal("NoAccess", f"nothing for {client}")
        return Grant() if length is None or length <= minutes(60) else Refusal("TooLong", "an hour at most")

    def is_movable(self, begin: datetime, end: datetime | None) -> bool:
        raise AssertionError("it has no reservation")


@pytest.mark.parametrize(
    ("edit", "assigned", "reason"),
    [
        ({"tags": {"a": "b"}}, False, "Immutable"),
        ({"context": {"a": "b"}}, False, "Immutable"),
        ({"selector": {"matchLabels": {"c": "d"}}}, False, None),
        ({"selector": {"matchLabels": {"c": "d"}}}, True, "Immutable"),
        ({"beginTime": at(1)}, True, "Immutable"),
        ({"endTime": at(50)}, True, None),
        ({"endTime": at(61)}, True, "TooLong"),
        ({"duration": "2h"}, True, "TooLong"),
        ({"duration": "45m"}, True, None),
        ({"clientRef": {"name": "ann"}}, True, "NoAccess"),
        ({"clientRef": {"name": "ann"}}, False, None),
        ({"duration": "0s"}, True, "InvalidTimes"),
    ],
)
def test_an_edit_is_checked_against_what_was_accepted(edit: dict[str, Any], assigned: bool, reason: str | None) -> None:
    accepted = accept(spec(), None)
    assert isinstance(accepted, LeaseSpec)
    before = InForce(accepted, NOON, assigned, NOON if assigned else None)
    result = accept(spec(**edit), before, schedule=AnHourForCi() if assigned else None)
    assert (result.reason if isinstance(result, Refusal) else None) == reason


def test_an_unchanged_spec_keeps_the_duration_that_it_was_given() -> None:
    accepted = spec(duration="5m")
    assert accept(spec(), InForce(accepted, NOON)) == accepted


def test_giving_time_back_takes_no_right() -> None:
    accepted = accept(spec(duration="4h"), None)
    assert isinstance(accepted, LeaseSpec)
    in_force, schedule = InForce(accepted, NOON, True, NOON), AnHourForCi()
    assert isinstance(accept(spec(duration="3h"), in_force, schedule=schedule), LeaseSpec)
    assert isinstance(accept(spec(endTime=at(-5)), in_force, schedule=schedule), LeaseSpec)
