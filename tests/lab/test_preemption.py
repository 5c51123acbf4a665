"""A spot lease gives way: its holder is told in the shell and over the session, and who waited gets the board."""

from __future__ import annotations

import logging

import pytest

import jumplab
from jumplab.driver import errors
from tests.lab.lab import Lab, Plain, condition

_SHELL = """
import subprocess
command = ["jumplab", "shell", "--lease", "spot", "--", "sh", "-c", "echo open; sleep 60"]
subprocess.run(command, stderr=subprocess.STDOUT)
"""


def _rule(selector: Plain, **fields: object) -> Plain:
    return {"from": [{"clientSelector": selector}], **fields}


def test_a_spot_lease_ends_after_notice_for_a_higher_priority(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.exporter("bench-x")
    people = {name: lab.client(name) for name in ("spotter", "boss")}
    lab.patch("clients", "boss", {"metadata": {"labels": {"role": "boss"}}}).ok()
    rules = [_rule({"matchLabels": {"role": "boss"}}, priority=9), _rule({}, priority=1, spotAccess=True)]
    policy = {"exporterSelector": {"matchLabels": {"board": "bench-x"}}, "policies": rules}
    body = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "ExporterAccessPolicy",
        "metadata": {"name": "spots"},
        "spec": policy,
    }
    # While it is there nobody else may lease anything: a lab with policies permits what they say alone.
    lab.kube.create(lab.path("exporteraccesspolicies"), body).ok()
    try:
        lab.lease("spot", board="bench-x", client="spotter")
        lab.until_ready("spot")
        spotter = lab.person("spotter", people["spotter"])
        with (
            caplog.at_level(logging.WARNING, "jumplab.exporter"),
            jumplab.attach("spot", client=people["spotter"]) as root,
            spotter.script(_SHELL, until="open") as shell,
        ):
            root.board.power.on()
            lab.lease("urgent", board="bench-x", client="boss")
            shell.wait_until(lambda: "by a lease of higher priority" in shell.output(), "the notice")
            ended = lab.until_ended("spot")
            with pytest.raises(errors.DriverError):
                root.board.power.on()
        assert condition(ended, "Ready")["reason"] == "Preempted"
        assert "by a lease of higher priority" in caplog.text
        assert lab.until_ready("urgent")["status"]["exporterRef"] == {"name": "bench-x"}
        with jumplab.attach("urgent", client=people["boss"]) as root:
            assert not root.board.power.is_on()
        lab.release("urgent")
        lab.until_available("bench-x")
    finally:
        lab.delete("exporteraccesspolicies", "spots")
