"""`jumplab run` in a whole lab: in the queue, to the end of its lease, and after its parent was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jumplab.cli.exit_status import LEASE_LOST
from tests.kube.processes import Process
from tests.lab.homes import PROGRAMS
from tests.lab.lab import Lab


@contextmanager
def running(lab: Lab, *words: str, until: str, **more: str) -> Iterator[Process]:
    """A run of the client ci that has said `until`."""
    log = lab.ci.home / "run.log"
    log.unlink(missing_ok=True)
    script = f'cd {lab.ci.home}; "$@"; echo "status=$?"; exec sleep 3600'
    command = ["/bin/sh", "-c", script, "sh", str(PROGRAMS / "jumplab"), "run", *words]
    process = Process(command, log, lab.ci.environment | more)
    process.start()
    try:
        process.wait_until(lambda: until in process.output(), f'waiting for "{until}"')
        yield process
    finally:
        process.kill()


def test_a_run_waits_in_the_queue_runs_and_releases(lab: Lab) -> None:
    lab.exporter("bench-q")
    lab.lease("before", board="bench-q")
    lab.until_ready("before")
    text = 'j board power on; j board console expect "=> " >/dev/null; grep autoboot "$JUMPLAB_CONSOLE_LOG"; exit 7'
    with running(
        lab, "-l", "board=bench-q", "--name", "queued", "--", "sh", "-c", text, until="1st in the queue"
    ) as run:
        assert "expected to begin at" in run.output()
        assert "leased until" in run.output()
        lab.release("before")
        run.wait_until(lambda: "status=" in run.output(), "its end")
        assert "status=7" in run.output()
        assert "Hit any key to stop autoboot" in run.output()
        assert 'jumplab: released lease "queued" of exporter "bench-q"' in run.output()
    lab.until_available("bench-q")


def test_a_run_ends_with_its_lease_and_says_why(lab: Lab) -> None:
    lab.exporter("bench-r")
    text = "echo begun; trap 'echo cleaned up; exit 0' TERM; while :; do sleep 1; done"
    with running(lab, "-l", "board=bench-r", "--name", "short", "--", "sh", "-c", text, until="begun") as run:
        lab.patch("leases", "short", {"spec": {"duration": "1s"}}).ok()
        run.wait_until(lambda: "status=" in run.output(), "its end")
        assert "cleaned up" in run.output()
        assert f"status={LEASE_LOST}" in run.output()
        assert 'jumplab: lease "short" has ended: ' in run.output()
        assert "before its time was over" not in run.output()
        assert "released lease" not in run.output()
    lab.until_available("bench-r")
    with running(lab, "-l", "board=bench-r", "--name", "cut", "--", "sh", "-c", text, until="begun") as run:
        lab.delete("exporters", "bench-r")
        run.wait_until(lambda: "status=" in run.output(), "its end")
        assert f"status={LEASE_LOST}" in run.output()
        assert 'jumplab: lease "cut" has ended: ' in run.output()
        assert "before its time was over" in run.output()


def test_a_killed_parent_s_lease_is_released(lab: Lab) -> None:
    lab.exporter("bench-s")
    words = ("-l", "board=bench-s", "--name", "orphaned", "--", "sh", "-c", "echo begun; exec sleep 3600")
    with running(lab, *words, until="begun", CI="true") as step:
        step.kill()
        lab.until_available("bench-s")
