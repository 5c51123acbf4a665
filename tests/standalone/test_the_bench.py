"""The benchmark runs; its figures are for `make bench-apiserver`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.running import ran
from tests.kube.servers import ASSETS


def test_a_small_load_gives_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "apiserver.json"
    done = ran("tools.bench_apiserver", "--quick", "--out", out)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    figures = {"creates_per_second", "patches_per_second", "list_ms", "watch_median_ms", "watch_p99_ms", "memory_mib"}
    assert set(told["standalone"]) == figures
    assert all(figure > 0 for figure in told["standalone"].values())
    assert set(told["ratios"]) == (figures if ASSETS else set())
    assert "creates a second" in done.stdout
