"""Whether anyone is attached, as the lab knows it: of routed and of local sessions, and of a killed pipeline."""

from __future__ import annotations

import jumplab
from tests.lab.lab import Lab, condition


def test_a_killed_pipeline_is_detached_at_once_and_its_lease_is_given_up(lab: Lab) -> None:
    lab.exporter("bench-v")
    lab.lease("pipeline", board="bench-v")
    lab.until_ready("pipeline")
    code = """
import jumplab, signal
with jumplab.attach("pipeline") as root:
    root.board.power.on()
    print("attached", flush=True)
    signal.pause()
"""
    with lab.ci.script(code, until="attached") as pipeline:
        assert condition(lab.until_used("pipeline"), "Ready")["status"] == "True"
        lab.patch("leases", "pipeline", {"spec": {"releaseAfterDetached": "3s"}}).ok()
        pipeline.kill()
    ended = lab.until_ended("pipeline")
    assert condition(ended, "Ready")["reason"] == "Abandoned"
    lab.until_available("bench-v")


def test_a_lease_lasts_as_long_as_it_is_used(lab: Lab) -> None:
    lab.exporter("bench-w")
    lab.lease("used", board="bench-w", duration="60s", extendOnActivity={"by": "1h"})
    before = lab.until_ready("used")["status"]["expectedEndTime"]
    with jumplab.attach("used", client=lab.config) as root:
        root.board.power.on()
        lab.until("leases", "used", lambda it: it["status"]["expectedEndTime"] > before)
    lab.release("used")
    lab.until_available("bench-w")


def test_a_lease_whose_hooks_use_the_board_is_still_unused(lab: Lab) -> None:
    hooks = {"beforeLease": {"script": "j board power on"}, "afterLease": {"script": "j board power off"}}
    exporter = lab.exporter("bench-h", hooks=hooks)
    lab.lease("untouched", board="bench-h")
    status = lab.until_ready("untouched")["status"]
    assert "firstUsedTime" not in status
    with jumplab.attach("untouched", client=lab.config) as root:
        assert root.board.power.is_on()
        assert lab.until_used("untouched")["status"]["firstUsedTime"]
    lab.release("untouched")
    lab.until_available("bench-h")
    assert "failed" not in exporter.output()
