"""A short run with a fixed seed: everything real, and nothing broken."""

import json
from pathlib import Path

from tests.bench.running import ran
from tools.chaos.plan import Kind
from tools.chaos.verdict import PROMISES

FAULTS = (Kind.KILL_CLIENT, Kind.KILL_EXPORTER, Kind.KILL_CONTROL_PLANE, Kind.CUT, Kind.REFUSE, Kind.THROTTLE)


def test_killed_and_cut_a_lab_goes_on_and_breaks_no_promise(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    faults = [f"--fault={kind}" for kind in FAULTS]
    run = ran("tools.chaos", "--seed=4", "--seconds=10", "--exporters=1", f"--out={file}", *faults)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(file.read_text())
    assert found["seed"] == 4
    assert found["broken"] == dict.fromkeys(PROMISES, 0)
    assert set(found["faults"]) <= set(FAULTS)
    assert sum(found["faults"].values()) > 0
    assert found["bytes_checked"] > 0
    assert found["calls_checked"] > 0
    assert found["images_checked"] > 0
    assert "console bytes that were left out without a word" in run.stdout
