"""An exporter that fails again and again is kept from people until it works, or until an administrator says so."""

from __future__ import annotations

from pathlib import Path

import jumplab
from tests.lab.lab import Lab, Plain, condition


def is_quarantined(exporter: Plain) -> bool:
    return condition(exporter, "Healthy")["reason"] == "Quarantined" and bool(exporter["status"]["quarantine"])


def test_an_exporter_whose_check_fails_is_quarantined_until_it_passes(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    check = {"script": f"echo asking the relay; test ! -e {broken}", "interval": 0.2}
    exporter = lab.exporter("bench-checked", healthCheck=check)
    quarantined = lab.until("exporters", "bench-checked", is_quarantined)["status"]["quarantine"]
    assert quarantined["reason"] == "hook healthCheck failed with exit status 1; 3 consecutive failures"
    assert "healthCheck: asking the relay" in quarantined["log"]
    lab.lease("checked", board="bench-checked")
    waiting = lab.until("leases", "checked", lambda it: condition(it, "Ready")["reason"] == "Quarantined")
    assert "bench-checked" in condition(waiting, "Ready")["message"]

    broken.unlink()
    lab.until_ready("checked")
    with jumplab.attach("checked", client=lab.config) as root:
        root.board.power.on()
    assert "quarantine" not in lab.get("exporters", "bench-checked")["status"]
    lab.release("checked")
    lab.until_available("bench-checked")
    # Events come behind the work.
    exporter.wait_until(lambda: "Quarantined" in {each["reason"] for each in lab.list("events")}, "the Event")


def test_leases_that_fail_quarantine_until_an_administrator_says_otherwise(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    hook = {"script": f"echo the board does not boot; test ! -e {broken}", "onFailure": "endLease"}
    lab.exporter("bench-hooked", hooks={"beforeLease": hook})
    for number in range(3):
        lab.lease(f"failed-{number}", board="bench-hooked")
        assert condition(lab.until_ended(f"failed-{number}"), "Ready")["reason"] == "ExporterFailed"
    quarantined = lab.until("exporters", "bench-hooked", is_quarantined)["status"]["quarantine"]
    assert "the board does not boot" in quarantined["log"]

    broken.unlink()
    lab.lease("hooked", board="bench-hooked")
    lab.until("leases", "hooked", lambda it: condition(it, "Ready")["reason"] == "Quarantined")
    lab.patch("exporters", "bench-hooked", {"metadata": {"annotations": {"jumplab.dev/healthy": "yes"}}}).ok()
    lab.until_ready("hooked")
    lab.release("hooked")
    lab.until_available("bench-hooked")
    assert condition(lab.get("exporters", "bench-hooked"), "Healthy")["status"] == "True"
