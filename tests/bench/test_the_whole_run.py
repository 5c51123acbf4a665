"""A whole run with few rounds: every part of the path, in the file and in the table."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench.running import ran

SESSION = {"call_p50_ms", "call_p99_ms", "open_p50_ms", "echo_p50_ms", "upload_mib_s"}


def numbers(figures: Mapping[str, Any]) -> Iterator[float]:
    for value in figures.values():
        if isinstance(value, Mapping):
            yield from numbers(value)
        elif not isinstance(value, str):
            yield value


def test_a_quick_run_writes_every_figure_of_ours_and_prints_them(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "path.json"
    alone = {key: value for key, value in os.environ.items() if key != "KUBEBUILDER_ASSETS"}
    run = ran("tools.bench", "--quick", "--out", file, environment=alone)
    assert run.returncode == 0, run.stderr

    found = json.loads(file.read_text())
    assert set(found) == {"ours", "peer", "ratios"}
    assert found["peer"] == {} == found["ratios"]
    ours = found["ours"]
    assert set(ours) == {"machine", "local", "tunnel", "cli", "apply_to_ready", "at"}
    assert set(ours["local"]) == SESSION
    assert set(ours["tunnel"]) == SESSION | {"attach_ms"}
    assert set(ours["cli"]) == {"jmp_help_s", "j_power_on_s"}
    assert ours["apply_to_ready"]["api"] == "standalone"
    assert set(ours["apply_to_ready"]["1"]) == {"p50_ms", "p99_ms"}
    sections = (ours[name] for name in ("local", "tunnel", "cli", "apply_to_ready"))
    assert all(number > 0 for section in sections for number in numbers(section)), ours

    assert "driver call, median" in run.stdout
    assert f"{ours['tunnel']['attach_ms']:g} ms" in run.stdout
    assert "1 exporter on standalone" in run.stderr
