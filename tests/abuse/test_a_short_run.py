"""Short attacks on a real control plane. They look at what the load of a machine can't explain: lost or kept things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.running import ran
from tests.kube.servers import ASSETS
from tools.abuse.catalogue import ATTACKS


def attacked(name: str, api: str, file: Path) -> dict[str, Any]:
    """What came of two seconds of an attack."""
    run = ran("tools.abuse", "--seconds=2", f"--only={name}", f"--api={api}", f"--out={file}")
    assert file.exists(), run.stderr
    (found,) = json.loads(file.read_text())["attacks"]
    assert name in run.stdout
    return dict(found)


def check(found: dict[str, Any]) -> None:
    """All but times of other clients: other tests are at work beside this one."""
    assert found["done"]
    assert found["lost"] == []
    assert found["failed"] == 0, found["failure"]
    assert found["back_seconds"] is not None
    assert found["peak_mib"] - found["before_mib"] < 400
    assert found["exit_status"] == 0
    assert found["tracebacks"] == 0


def test_a_lab_withstands_unfinished_messages(tmp_path: Path) -> None:
    check(attacked("unfinished messages, a client", "standalone", tmp_path / "abuse.json"))


@pytest.mark.nightly
@pytest.mark.parametrize("name", [each for each, entry in ATTACKS.items() if entry.on != "health"])
def test_a_lab_on_one_machine_withstands(name: str, tmp_path: Path) -> None:
    check(attacked(name, "standalone", tmp_path / "abuse.json"))


@pytest.mark.nightly
@pytest.mark.needs("kube-apiserver")
@pytest.mark.parametrize("name", [each for each, entry in ATTACKS.items() if entry.on != "api"])
def test_a_lab_on_a_cluster_withstands(name: str, tmp_path: Path) -> None:
    assert ASSETS
    check(attacked(name, "real", tmp_path / "abuse.json"))
