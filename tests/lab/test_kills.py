"""`kill -9`, in the middle of a lease, of each process in turn: the lab goes on by itself."""

from __future__ import annotations

import contextlib

import psutil
import pytest

import jumplab
from jumplab.driver import errors
from tests.lab.boards import QEMU_BOARD
from tests.lab.lab import Lab, condition


def test_the_control_plane_dies_and_comes_back(lab: Lab) -> None:
    lab.exporter("bench-a")
    lab.lease("first", board="bench-a")
    held = lab.until_ready("first")
    lab.lease("second", board="bench-a")  # now: of two of one second either may be the first
    with jumplab.attach("first", client=lab.config) as root:
        root.board.power.on()
        lab.home.kill()  # the router was in that process
        lab.home.start()
        assert root.board.power.is_on()
    with jumplab.attach("first", client=lab.config) as root:
        assert root.board.power.is_on()
    again = lab.get("leases", "first")
    assert again["metadata"]["uid"] == held["metadata"]["uid"]
    assert again["status"]["expectedEndTime"] == held["status"]["expectedEndTime"]
    assert lab.get("exporters", "bench-a")["status"]["leaseRef"]["uid"] == held["metadata"]["uid"]

    lab.release("first")
    lab.until_ready("second")
    with jumplab.attach("second", client=lab.config) as root:
        assert not root.board.power.is_on()
    lab.release("second")
    lab.until_available("bench-a")


def test_an_exporter_dies_and_its_next_process_takes_the_lease_over(lab: Lab) -> None:
    exporter = lab.exporter("bench-c")
    lab.lease("kept", board="bench-c")
    held = lab.until_ready("kept")
    with jumplab.attach("kept", client=lab.config) as root:
        root.board.power.on()
        lab.until_used("kept")
        exporter.kill()
        exporter.start()
        with contextlib.suppress(errors.SessionLost):  # what is asked in that moment may have an unknown outcome
            root.board.power.is_on()
        assert not root.board.power.is_on()  # a new epoch: its drivers begin anew
        root.board.power.on()
    with jumplab.attach("kept", client=lab.config) as root:
        assert root.board.power.is_on()
    again = lab.get("leases", "kept")
    assert again["metadata"]["uid"] == held["metadata"]["uid"]
    assert not again["status"].get("ended")
    lab.release("kept")
    lab.until_available("bench-c")


@pytest.mark.needs("qemu")
def test_an_exporter_that_stays_dead_is_offline_keeps_its_lease_and_leaves_no_qemu(lab: Lab) -> None:
    exporter = lab.exporter("bench-d", export=QEMU_BOARD)
    lab.lease("lonely", board="bench-d")
    lab.until_ready("lonely")
    with jumplab.attach("lonely", client=lab.config, reconnect_within="1s") as root:
        root.board.power.on()
        children = psutil.Process(exporter.pid).children(recursive=True)
        assert any(child.name().startswith("qemu-system") for child in children)
        lab.until_used("lonely")
        exporter.kill()
        _, running = psutil.wait_procs(children, timeout=240)
        assert not running
        with pytest.raises(errors.SessionLost):
            root.board.power.is_on()
    lab.until("exporters", "bench-d", lambda it: condition(it, "Online")["status"] == "False")
    lease = lab.until("leases", "lonely", lambda it: condition(it, "ExporterOnline")["status"] == "False")
    assert condition(lease, "Ready")["status"] == "True"
    assert lab.get("exporters", "bench-d")["status"]["exporterStatus"] == "Offline"

    exporter.start()
    lab.until("leases", "lonely", lambda it: condition(it, "ExporterOnline")["status"] == "True")
    with jumplab.attach("lonely", client=lab.config) as root:
        root.board.power.on()
        root.board.console.expect("U-Boot", timeout=240)
    lab.release("lonely")
    lab.until_available("bench-d")


def test_a_client_dies_and_its_lease_stays_to_its_end(lab: Lab) -> None:
    lab.exporter("bench-e")
    code = """
import jumplab, signal
with jumplab.lease("board=bench-e", duration="30m", name="orphan") as root:
    root.board.power.on()
    print("holding", flush=True)
    signal.pause()
"""
    with lab.ci.script(code, until="holding") as client:
        client.kill()
    with jumplab.attach("orphan", client=lab.config) as root:
        assert root.board.power.is_on()
    lab.patch("leases", "orphan", {"spec": {"duration": "1s"}}).ok()
    ended = lab.until_ended("orphan")
    assert condition(ended, "Ready")["reason"] == "Expired"
    lab.until_available("bench-e")


def test_a_leased_shell_dies_and_another_one_goes_on(lab: Lab) -> None:
    lab.exporter("bench-f")
    lab.lease("shared", board="bench-f")
    lab.until_ready("shared")
    shell = ("shell", "--lease", "shared", "--")
    assert lab.ci.run("jumplab", *shell, "sh", "-c", "j board power on; kill -9 $PPID").status == -9
    assert lab.ci.run("jumplab", *shell, "j", "board", "power", "is-on").out == "true\n"
    lab.release("shared")
    lab.until_available("bench-f")
