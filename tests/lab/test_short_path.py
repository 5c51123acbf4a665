"""Client and exporter on one machine: no router in between."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

import jumplab
from tests.kube.processes import Process
from tests.lab.lab import Lab


@pytest.fixture(autouse=True)
def by_the_short_path(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.delenv("JUMPLAB_ALWAYS_ROUTE")


def at_the_socket(exporter: Process) -> list[str]:
    """One entry for the exporter's socket, and one for each connection that it has taken there."""
    opened = psutil.Process(exporter.pid).net_connections("unix")
    return [each.laddr for each in opened if each.laddr.endswith("session.sock")]


def test_a_session_does_not_notice_that_the_control_plane_dies(lab: Lab) -> None:
    exporter = lab.exporter("bench-near")
    lab.lease("near", board="bench-near")
    lab.until_ready("near")
    with jumplab.attach("near", client=lab.config, reconnect_within="1ms") as root:
        root.board.power.on()
        assert len(at_the_socket(exporter)) > 1
        lab.home.kill()
        assert root.board.power.is_on()
        root.board.console.expect("autoboot")
        lab.home.start()
    lab.release("near")
    lab.until_available("bench-near")


def test_who_may_not_use_the_socket_goes_through_the_router(lab: Lab) -> None:
    exporter = lab.exporter("bench-far")
    lab.lease("far", board="bench-far")
    lab.until_ready("far")
    Path(at_the_socket(exporter)[0]).parent.chmod(0o755)  # as if anybody could have made it
    with jumplab.attach("far", client=lab.config) as root:
        root.board.power.on()
        assert len(at_the_socket(exporter)) == 1  # it listens, and nobody has come
    lab.release("far")
    lab.until_available("bench-far")
