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
