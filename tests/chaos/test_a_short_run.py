"""A short run with a fixed seed: everything real, and nothing broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.chaos.plan import Kind
from tools.chaos.verdict import PROMISES

ROOT = Path(__file__).resolve().parents[2]
FAULTS = (Kind.KILL_CLIENT, Kind.KILL_EXPORTER, Kind.KILL_CONTROL_PLANE, Kind.CUT, Kind.REFUSE, Kind.THROTTLE)


@pytest.mark.timeout(300)  # forty seconds, and more where the machine is busy: nothing here depends on it
def test_killed_and_cut_a_lab_goes_on_and_breaks_no_promise(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    faults = [f"--fault={kind}" for kind in FAULTS]
    run = subprocess.run(
        [sys.executable, "-m", "tools.chaos", "--seed=4", "--seconds=10", "--exporters=1", f"--out={file}", *faults],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(file.read_text())
    assert found["seed"] == 4
    assert found["broken"] == dict.fromkeys(PROMISES, 0)
    assert set(found["faults"]) <= set(FAULTS)
    assert sum(found["faults"].values()) > 3
    assert found["bytes_checked"] > 100_000
    assert found["calls_checked"] > 10
    assert found["images_checked"] > 0
    assert "console bytes that were left out without a word" in run.stdout
