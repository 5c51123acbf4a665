"""What grows is told from what goes up and down."""

import json
import math
from pathlib import Path

import pytest

from tests.bench.running import ran
from tools.soak.growth import Sample, growths

HUNDREDS = range(100, 10_001, 100)


def samples(kib_a_lease: float) -> list[Sample]:
    return [Sample(n, {"operator": 100_000 + 2000 * math.sin(n) + kib_a_lease * n}) for n in HUNDREDS]


def test_what_goes_up_and_down_does_not_grow() -> None:
    (growth,) = growths(samples(0), 1000)
    assert not growth.is_leak
    assert abs(growth.bytes_a_lease) < 100


def test_half_a_kibibyte_a_lease_is_a_leak() -> None:
    (growth,) = growths(samples(1), 1000)
    assert growth.is_leak
    assert growth.bytes_a_lease == pytest.approx(1024, abs=100)


def test_what_comes_before_all_has_settled_does_not_count() -> None:
    early = [Sample(each.leases, {"operator": 10.0}) for each in samples(0)[:10]]
    assert growths(early + samples(0)[10:], 1100) == growths(samples(0), 1100)


def test_a_run_that_is_too_short_says_so() -> None:
    with pytest.raises(ValueError, match="ask for more leases"):
        growths(samples(0), 10_000)


@pytest.mark.nightly
def test_a_short_run_writes_all_figures(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    run = ran("tools.soak", "--leases=400", f"--out={file}")
    found = json.loads(file.read_text())
    assert {each["of"] for each in found["growths"]} == {"operator", "exporter", "client", "database"}
    assert len(found["samples"]) >= 2
    assert all(size > 0 for sample in found["samples"] for size in sample["kib"].values())
    assert "bytes a lease" in run.stdout
