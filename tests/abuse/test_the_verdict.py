"""Each promise that an attack breaks is told as a sentence."""

from dataclasses import replace
from typing import Any

import pytest

from tools.abuse import report
from tools.abuse.target import NotLoopback, Target
from tools.abuse.verdict import Result, differences

WELL = Result(
    "half headers",
    "standalone",
    before_mib=100,
    peak_mib=120,
    after_mib=110,
    back_seconds=1,
    slowest=0.2,
    newcomers_slowest=0.3,
    stop_seconds=2,
    exit_status=0,
)


def test_a_lab_that_withstands_has_no_fault() -> None:
    assert WELL.faults() == []
    assert "pass" in report.row(WELL)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"slowest": 1.2}, "slowest call took 1.20 s"),
        ({"failed": 3, "failure": "UNAVAILABLE"}, "3 calls of another client failed: UNAVAILABLE"),
        ({"newcomers_failed": 2}, "2 calls of newcomers failed"),
        ({"newcomers_slowest": 9.0}, "newcomer's slowest call took 9.00 s"),
        ({"back_seconds": None, "after_mib": 180}, "80 MiB are still in use"),
        ({"peak_mib": 700}, "600 MiB were in use"),
        ({"stop_seconds": None, "exit_status": None}, "SIGTERM"),
        ({"exit_status": 1}, "exit status 1"),
        ({"tracebacks": 1}, "1 tracebacks are in the operator's log"),
        ({"lost": ["leases kept was a, and is b"]}, "leases kept was a"),
    ],
)
def test_a_broken_promise_is_a_sentence(broken: dict[str, Any], words: str) -> None:
    result = replace(WELL, **broken)
    (fault,) = result.faults()
    assert words in fault
    table = report.table([result])
    assert "FAIL" in table
    assert f"half headers (standalone): {fault}" in table
    assert report.content([result], 1)["attacks"][0]["passed"] is False


def test_newcomers_of_a_port_that_others_have_to_guard_may_wait() -> None:
    assert replace(WELL, newcomers_failed=2, is_bounded_outside=True).faults() == []


def test_whatever_has_changed_or_gone_is_told() -> None:
    found = differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 6})
    assert found == ["b was 2, and is 5", "c was 3, and is gone"]


@pytest.mark.parametrize("address", ["192.0.2.1:7444", "10.0.0.1:7443"])
def test_only_this_machine_is_attacked(address: str) -> None:
    target = Target("127.0.0.1:1", "", "", "", "", "", "")
    assert Target.from_json(target.to_json()) == target
    with pytest.raises(NotLoopback, match="nothing else is attacked"):
        Target.from_json(replace(target, health=address).to_json())
