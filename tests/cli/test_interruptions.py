"""Signals, and the end of the parent, while `run`, `shell` and `console` work: real processes, killed for real."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.local_files import written
from tests.cli.terminal import Terminal
from tests.cli.user import User, outcome_of
from tests.client.bench import Bench
from tests.exporter.waiting import gone, until

COUNTING = """
import os, signal, sys, time
def say(line):  # print can't be interrupted by a signal's handler that prints
    os.write(1, f"{line}\\n".encode())
def note(number, frame):
    say(signal.Signals(number).name)
    if signal.Signals(number).name in sys.argv[1].split(","):
        say("cleaned up")
        raise SystemExit(9)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, note)
say(os.getpid())
while True:
    time.sleep(3600)
"""
"""A command that says each signal that it gets, and ends at those that its argument names."""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for results is made where a command is run."""
    monkeypatch.chdir(tmp_path)


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, await process.communicate()
    return line.decode().strip()


@asynccontextmanager
async def counting(
    user: User, ends_at: str, program: str = "run", name: str = "demo"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A run whose command has begun to count."""
    wanted = ("-l", "board=x", "--name", name, "--", sys.executable, "-c", COUNTING, ends_at)
    process = await user.start("jumplab", program, *wanted)
    try:
        await line_of(process)
        yield process
    finally:
        if process.returncode is None:
            for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                each.kill()
        await process.communicate()


@pytest.mark.parametrize("program", ["run", "shell"])
async def test_signals_reach_the_command_once_each_in_order_and_it_may_clean_up(
    user: User, bench: Bench, program: str
) -> None:
    async with counting(user, "SIGTERM", program) as process:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            assert bench.lab.released == []
            process.send_signal(number)
            assert await line_of(process) == number.name
        ran = await outcome_of(process)
    assert (ran.status, ran.out) == (9, "cleaned up\n"), ran
    assert bench.lab.released == ["demo"]
    assert ran.err.splitlines()[-1] == 'jumplab: released lease "demo" of exporter "bench-1"'


async def test_a_command_that_dies_of_a_signal_takes_what_it_started_along(user: User, bench: Bench) -> None:
    command = ("sh", "-c", "sleep 3600 & echo $!; wait")
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", *command)
    child = int(await line_of(process))
    process.terminate()
    assert (await outcome_of(process)).status == 128 + signal.SIGTERM
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert bench.lab.released == ["demo"]


async def test_a_second_sigterm_bounds_the_command_and_a_third_ends_it(user: User, bench: Bench) -> None:
    async with counting(user, "none") as process:
        process.terminate()
        assert await line_of(process) == "SIGTERM"
        await asyncio.sleep(0.5)  # signals of one moment are one
        process.terminate()
        ran = await outcome_of(process)
        assert (ran.status, ran.out) == (128 + signal.SIGKILL, ""), ran
        assert "the command did not end within 5 s and is killed" in ran.err
    async with counting(user, "none", name="other") as process:
        process.terminate()
        assert await line_of(process) == "SIGTERM"
        for _ in range(2):
            await asyncio.sleep(0.5)
            process.terminate()
        ran = await outcome_of(process)
        assert (ran.status, ran.out) == (128 + signal.SIGKILL, ""), ran
        assert "did not end within" not in ran.err
    assert bench.lab.released == ["demo", "other"]


async def test_sigquit_is_the_command_s_and_the_lease_is_released(user: User, bench: Bench) -> None:
    async with counting(user, "none") as process:
        process.send_signal(signal.SIGQUIT)
        assert (await outcome_of(process)).status == 128 + signal.SIGQUIT
    assert bench.lab.released == ["demo"]


async def test_a_terminated_shell_ends_though_an_interactive_one_ignores_sigterm(user: User, bench: Bench) -> None:
    terminal = Terminal(user, "jumplab", "shell", "-l", "board=x", "--name", "demo", columns=200)
    await terminal.expect("sh> ")
    terminal.type("echo ppid=$((PPID))\n")
    await terminal.expect("ppid=")
    while not (pid := await terminal.expect("\r\n")).isdigit():
        await terminal.expect("ppid=")
    os.kill(int(pid), signal.SIGTERM)
    assert await terminal.status() == 128 + signal.SIGTERM
    assert bench.lab.released == ["demo"]


async def test_timeout_s_signal_to_process_and_group_is_one(user: User) -> None:
    async with counting(user, "none") as process:
        process.terminate()
        process.terminate()
        assert await line_of(process) == "SIGTERM"
        process.send_signal(signal.SIGINT)
        assert await line_of(process) == "SIGINT"


async def test_a_signal_after_the_command_s_end_does_not_keep_the_lease(user: User, bench: Bench) -> None:
    releasing = asyncio.Event()
    bench.lab.on_refusal = releasing.set
    import grpc

    bench.lab.refuse["DeleteLease"] = [(grpc.StatusCode.UNAVAILABLE, "away for a moment")]
    process = await user.start("jumplab", "run", "-l", "board=x", "--name", "demo", "--", "sh", "-c", "exit 4")
    await releasing.wait()
    process.terminate()
    assert (await outcome_of(process)).status == 4
    assert bench.lab.released == ["demo"]


@asynccontextmanager
async def with_parent(user: User, *words: str, **more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A shell that runs `jumplab` with these words, and the process id that is printed first."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", '"$@"; echo survived', "sh", "jumplab", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=user.environment | more,
        start_new_session=True,
    )
    try:
        yield process, int(await line_of(process))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


SLEEPING = ("sh", "-c", "sleep 3600 & echo $!; wait")


@pytest.mark.parametrize("program", ["run", "shell"])
@pytest.mark.parametrize("how", ["CI", "--with-parent"])
async def test_a_killed_parent_ends_the_command_with_its_children(
    user: User, bench: Bench, program: str, how: str
) -> None:
    options = ("--with-parent",) if how != "CI" else ()
    words = (program, *options, "-l", "board=x", "--name", "demo", "--", *SLEEPING)
    async with with_parent(user, *words, CI="true" if how == "CI" else "") as (parent, child):
        parent.kill()
        await gone(child)
        out, err = await parent.communicate()
    assert b"survived" not in out
    assert b"the parent process has ended; the command is ended too" in err
    assert bench.lab.released == ["demo"]


async def test_a_command_that_ignores_sigterm_is_killed_after_its_parent(user: User, bench: Bench) -> None:
    words = (
        "run",
        "-l",
        "board=x",
        "--name",
        "demo",
        "--",
        "sh",
        "-c",
        "trap '' TERM; sleep 3600 & echo $!; wait; wait",
    )
    async with with_parent(user, *words, CI="1") as (parent, child):
        parent.kill()
        await gone(child)
        await parent.communicate()
    assert bench.lab.released == ["demo"]


async def test_in_a_pipeline_the_command_ends_with_a_jumplab_that_is_killed(user: User, bench: Bench) -> None:
    process = await user.start("jumplab", "run", "-l", "board=x", "--", *SLEEPING, CI="true")
    child = int(await line_of(process))
    # It blocks that one once its guard knows the command; while it starts the command, it blocks all.
    await until(lambda: blocked_by(process.pid) == {signal.SIGTTOU})
    os.killpg(process.pid, signal.SIGKILL)
    await gone(child)
    await process.communicate()


def blocked_by(pid: int) -> set[signal.Signals]:
    """The signals that a process has blocked."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), 16)
    return {each for each in signal.Signals if mask >> (each - 1) & 1}


@pytest.mark.parametrize("value", ["", "false", "0"])
async def test_without_a_pipeline_a_command_outlives_its_parent(user: User, bench: Bench, value: str) -> None:
    words = ("run", "-l", "board=x", "--name", "demo", "--", "sh", "-c", "echo $$; trap '' HUP; read line <fifo")
    os.mkfifo("fifo")
    async with with_parent(user, *words, CI=value) as (parent, command):
        parent.kill()
        assert psutil.pid_exists(command)
        with open("fifo", "w") as fifo:  # noqa: ASYNC230 - its reader waits
            fifo.write("go on\n")
        await parent.communicate()
    assert bench.lab.released == ["demo"]


async def test_a_killed_parent_ends_the_waiting(user: User, bench: Bench) -> None:
    from tests.client.lab_double import become_pending

    bench.lab.place = lambda lease: become_pending(lease)
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", "jumplab run -l board=x --name demo -- true; true"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=user.environment | {"CI": "true"},
        start_new_session=True,
    )
    await bench.lab.watching.wait()
    process.kill()
    await process.communicate()
    assert bench.lab.released == ["demo"]


async def test_a_killed_parent_ends_a_console(stranger: User, tmp_path: Path) -> None:
    hooks = {"beforeLease": {"script": "j board power on"}}
    file = written(tmp_path, hooks=hooks)
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"jumplab console --from begin --exporter-config {file}; true"),
        stdin=reading,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=stranger.environment | {"CI": "true"},
        start_new_session=True,
    )
    os.close(reading)
    assert process.stdout is not None
    await process.stdout.readline()
    jumplab = psutil.Process(process.pid).children()[0]
    process.kill()
    await gone(jumplab.pid)
    os.close(writing)
    await process.communicate()
