"""Programs that hold a lease: it stays for as long as they do, with or without a call, and ends soon after them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.kube.processes import Process
from tests.lab.homes import PROGRAMS
from tests.lab.lab import Lab, condition

TICKING = "echo up; while kill -0 $PPID 2>/dev/null; do echo tick; sleep 1; done"
"""A command that never touches the board, and ends with the shell that it is in."""
LEASING = "import jumplab, signal\nwith jumplab.lease('board={0}', name='{0}'):\n    signal.pause()\n"
TESTING = "import signal\ndef test_it(board):\n    signal.pause()\n"


class Held(Process):
    """A program that holds a lease. Its standard input is open, and no terminal."""

    STDIN = subprocess.PIPE

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def type(self, text: str) -> None:
        assert self._running is not None
        assert self._running.stdin is not None
        self._running.stdin.write(text.encode())
        self._running.stdin.flush()

    def until_ticks(self, more: int) -> None:
        """So many seconds later, by the clock of the command in it."""
        wanted = self.output().count("tick") + more
        self.wait_until(lambda: self.output().count("tick") >= wanted, "ticking")


@contextmanager
def program(lab: Lab, kind: str, board: str, *options: str, is_near: bool = False) -> Iterator[Held]:
    """One that holds a lease of the board's name, which has been attached to and is ready when this returns."""
    folder = lab.folder / board
    folder.mkdir()
    test, script = folder / "test_it.py", folder / "leasing.py"
    test.write_text(TESTING)
    script.write_text(LEASING.format(board))
    wanted = ("-l", f"board={board}", "--name", board)
    commands: dict[str, list[str | Path]] = {
        "shell": [PROGRAMS / "jumplab", "shell", *wanted, "--", "sh", "-c", TICKING],
        "console": [PROGRAMS / "jumplab", "console", *wanted],
        "lease": [sys.executable, script],
        "pytest": [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test),
            *("--jumplab-lease", f"board={board}", "--jumplab-name", board),
        ],
    }
    environment = dict(lab.ci.environment)
    environment["JUMPLAB_ALWAYS_ROUTE"] = "" if is_near else "1"
    held = Held([*commands[kind], *options], folder / "output.log", environment)
    held.start()
    try:
        lab.until_ready(board)
        lab.until_used(board)
        yield held
    finally:
        held.kill()


def pass_by(lab: Lab, name: str, seconds: int) -> None:
    """So many seconds, by the operator's clock."""
    later = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    lab.lease(f"{name}-clock", endTime=later, exporterRef={"name": "none"}, whenUnsatisfiable="Wait", duration="1s")
    lab.until_ended(f"{name}-clock")


def limit(lab: Lab, name: str, seconds: int) -> None:
    lab.patch("leases", name, {"spec": {"releaseAfterDetached": f"{seconds}s"}}).ok()
    lab.until("leases", name, lambda it: it["status"]["accepted"]["releaseAfterDetached"] == f"{seconds}s")


def is_ready(lab: Lab, name: str) -> bool:
    return bool(condition(lab.get("leases", name), "Ready")["status"] == "True")


@pytest.mark.parametrize("kind", ["shell", "console", "lease", "pytest"])
def test_a_program_keeps_its_board_without_using_it_and_loses_it_soon_after_kill_9(lab: Lab, kind: str) -> None:
    board = f"beat-{kind}"
    lab.exporter(board)
    with program(lab, kind, board) as held:
        assert lab.get("leases", board)["spec"]["releaseAfterDetached"] == "2m"
        limit(lab, board, 2)
        pass_by(lab, board, 5)
        assert is_ready(lab, board)
        held.kill()
        assert condition(lab.until_ended(board), "Ready")["reason"] == "Abandoned"
    lab.until_available(board)


def test_a_program_at_the_exporter_s_own_socket_is_attached_too(lab: Lab) -> None:
    lab.exporter("beat-near")
    with program(lab, "shell", "beat-near", is_near=True) as held:
        limit(lab, "beat-near", 2)
        lab.home.kill()  # without the router the session goes on
        held.until_ticks(3)
        lab.home.start()
        pass_by(lab, "beat-near", 5)
        assert is_ready(lab, "beat-near")
        held.kill()
        assert condition(lab.until_ended("beat-near"), "Ready")["reason"] == "Abandoned"
    lab.until_available("beat-near")


def test_a_gang_s_program_is_attached_to_every_member(lab: Lab) -> None:
    exporters = [lab.exporter("beat-one"), lab.exporter("beat-two")]
    members = ("--member", "one=board=beat-one", "--member", "two=board=beat-two", "--name", "beat-gang")
    held = Held(
        [PROGRAMS / "jumplab", "shell", *members, "--", "sh", "-c", TICKING],
        lab.folder / "gang.log",
        lab.ci.environment,
    )
    held.start()
    try:
        for exporter in exporters:
            exporter.wait_until(lambda each=exporter: "a client is attached" in each.output(), "the heartbeat")  # type: ignore[misc]
        limit(lab, "beat-gang", 2)
        held.kill()
        assert condition(lab.until_ended("beat-gang"), "Ready")["reason"] == "Abandoned"
    finally:
        held.kill()
    lab.until_available("beat-one")
    lab.until_available("beat-two")


def test_a_lease_with_a_maximum_is_extended_by_use_and_not_by_presence_looks_or_hooks(lab: Lab) -> None:
    lab.exporter("beat-max", hooks={"beforeLease": {"script": "j board power on"}})
    code = """
import jumplab, sys
with jumplab.lease("board=beat-max", name="beat-max", duration="5m", max="9m") as root:
    print("attached", flush=True)
    sys.stdin.readline()
    root.board.power.on()
    sys.stdin.read()
"""
    held = Held([sys.executable, "-c", code], lab.folder / "max.log", lab.ci.environment)
    look = [PROGRAMS / "jumplab", "console", "--lease", "beat-max", "--watch"]
    watching = Held(look, lab.folder / "watching.log", lab.ci.environment)
    held.start()
    try:
        held.wait_until(lambda: "attached" in held.output(), "attaching")
        watching.start()
        watching.wait_until(lambda: "is ready" in watching.output(), "watching")
        before = lab.until_used("beat-max")
        assert before["spec"]["extendOnActivity"] == {"maxDuration": "9m"}
        pass_by(lab, "beat-max", 3)
        status = lab.get("leases", "beat-max")["status"]
        assert status["expectedEndTime"] == before["status"]["expectedEndTime"]
        held.type("\n")
        moved = lab.until("leases", "beat-max", lambda it: it["status"]["expectedEndTime"] > status["expectedEndTime"])
        end, began = (datetime.fromisoformat(moved["status"][name]) for name in ("expectedEndTime", "beginTime"))
        assert end - began == timedelta(minutes=9)
        assert watching.running
    finally:
        watching.kill()
        held.kill()
    lab.release("beat-max")
    lab.until_available("beat-max")


def test_a_run_of_pytest_is_at_work_for_as_long_as_it_holds_its_board(lab: Lab) -> None:
    lab.exporter("beat-run")
    with program(lab, "pytest", "beat-run", "--jumplab-duration", "5m", "--jumplab-max", "20m"):
        ready = lab.until_ready("beat-run")["status"]
        began = datetime.fromisoformat(ready["beginTime"])
        lab.until(
            "leases",
            "beat-run",
            lambda it: datetime.fromisoformat(it["status"]["expectedEndTime"]) > began + timedelta(minutes=8),
        )
    lab.release("beat-run")
    lab.until_available("beat-run")


def test_a_stopped_program_that_goes_on_in_time_keeps_its_lease(lab: Lab) -> None:
    exporter = lab.exporter("beat-stop")
    with program(lab, "shell", "beat-stop") as held:
        held.signal(signal.SIGSTOP)
        try:
            exporter.wait_until(lambda: "nobody is attached" in exporter.output(), "noticing that the client has gone")
        finally:
            held.signal(signal.SIGCONT)
        exporter.wait_until(lambda: exporter.output().count("a client is attached") == 2, "the client's return")
        limit(lab, "beat-stop", 2)
        pass_by(lab, "beat-stop", 5)
        assert is_ready(lab, "beat-stop")
    lab.until_available("beat-stop")


def test_a_router_that_is_away_for_longer_than_the_limit_ends_no_lease(lab: Lab) -> None:
    exporter = lab.exporter("beat-router")
    with program(lab, "shell", "beat-router") as held:
        limit(lab, "beat-router", 2)
        lab.home.kill()  # the router is in that process
        held.until_ticks(5)
        lab.home.start()
        exporter.wait_until(lambda: exporter.output().count("a client is attached") == 2, "the client's return")
        pass_by(lab, "beat-router", 5)
        assert is_ready(lab, "beat-router")
    lab.until_available("beat-router")


@pytest.mark.nightly
def test_the_time_in_which_the_controller_stood_still_does_not_count(one_machine_lab: Lab) -> None:
    lab = one_machine_lab  # on a cluster an operator that stood still is not the leader any more, and ends
    exporter = lab.exporter("beat-still")
    with program(lab, "shell", "beat-still") as held:
        limit(lab, "beat-still", 14)
        other = Held(["sh", "-c", "while :; do echo tick; sleep 1; done"], lab.folder / "ticks.log")
        other.start()
        try:
            held.kill()
            exporter.wait_until(lambda: "nobody is attached" in exporter.output(), "noticing that the client has gone")
            pass_by(lab, "beat-still", 2)  # it is reported within a second
            os.kill(lab.home.process.pid, signal.SIGSTOP)
            try:
                other.until_ticks(16)
            finally:
                on_again = datetime.now(UTC)
                os.kill(lab.home.process.pid, signal.SIGCONT)
        finally:
            other.kill()
        ended = lab.until_ended("beat-still")
        assert condition(ended, "Ready")["reason"] == "Abandoned"
        assert datetime.fromisoformat(ended["status"]["endTime"]) - on_again >= timedelta(seconds=13)
    lab.until_available("beat-still")
