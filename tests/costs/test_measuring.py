"""The report of costs: what is linear is told from what is not, and each input can be measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.running import ran
from tools.costs.inputs import INPUTS
from tools.costs.measuring import Cost, Costs, Input, measure


def _rounds(power: int) -> Callable[[int], Callable[[], object]]:
    def made(size: int) -> Callable[[], object]:
        return lambda: [abs(number) for number in range(size**power)]

    return made


@pytest.mark.parametrize(("power", "growth"), [(1, 1.0), (2, 2.0)])
def test_the_growth_of_calls_is_the_power_of_the_size(power: int, growth: float) -> None:
    costs = measure(Input("rounds", 1 << 10, "rounds", _rounds(power)))
    assert costs.growth_of_calls == pytest.approx(growth, abs=0.1)


def _costs(*milliseconds: float, holds_loop: bool = True) -> Costs:
    given = Input("told", 4, "bytes", lambda _: lambda: None, holds_loop)
    return Costs(given, [Cost(1 << number, 1 << number, each) for number, each in enumerate(milliseconds)])


def test_what_is_steep_and_what_is_slow_is_said() -> None:
    assert _costs(10, 20, 40).is_linear
    assert not _costs(10, 40, 160).is_linear
    assert _costs(0.01, 0.04, 0.16).is_linear  # too short to be measured
    assert _costs(10, 20, 40).is_within_bound
    assert not _costs(20, 40, 80).is_within_bound
    assert _costs(20, 40, 80, holds_loop=False).is_within_bound


@pytest.mark.nightly
def test_no_input_calls_more_than_in_proportion_to_its_size(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "costs.json"
    done = ran("tools.costs", "--quick", "--out", out)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())["inputs"]
    assert list(told) == [each.name for each in INPUTS]
    steep = {name: each["growth_of_calls"] for name, each in told.items() if each["growth_of_calls"] > 1.4}
    assert not steep
    assert "written to" in done.stdout
