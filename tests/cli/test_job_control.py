"""A leased command at a terminal: keys, stopping and continuing are as for any job of a shell."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.cli.local_files import written
from tests.cli.terminal import Terminal
from tests.cli.user import User
from tests.exporter.waiting import until

pytestmark = pytest.mark.needs("bash")

COUNTING = """
import os, signal
count = 0
def say(line):  # print can't be interrupted by a signal's handler that prints
    os.write(1, f"{line}\\n".encode())
def note(number, frame):
    global count
    count += 1
    say(f"<{signal.Signals(number).name} {count}>")
signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGTERM, note)
say(f"<pid {os.getpid()}>")
while True:
    try:
        say(f"<read {input()}>")
    except EOFError:
        break
say(f"<end {count}>")
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for results is made where a command is run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def words(tmp_path: Path) -> str:
    """A run that counts signals and reads lines, as one types it."""
    program = tmp_path / "counting.py"
    program.write_text(COUNTING)
    return f"jumplab run --exporter-config {written(tmp_path)} -- {sys.executable} {program}"


async def bash(user: User) -> Terminal:
    terminal = Terminal(user, "/bin/bash", "--norc", "--noprofile", "-i", columns=200)
    await terminal.expect("sh> ")
    return terminal


async def pid_in(terminal: Terminal) -> int:
    await terminal.expect("<pid ")
    return int(await terminal.expect(">"))


async def ended(terminal: Terminal) -> None:
    terminal.type("exit\n")
    await terminal.status()


async def test_ctrl_c_reaches_the_command_once(stranger: User, words: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words}; echo status=$?\n")
    await pid_in(terminal)
    terminal.type("\x03")
    await terminal.expect("<SIGINT 1>")
    terminal.type("\x03")
    await terminal.expect("<SIGINT 2>")
    terminal.type("\x04")
    await terminal.expect("<end 2>")
    await terminal.expect("status=0")
    await ended(terminal)


async def test_a_signal_for_the_run_reaches_the_command_once_at_a_terminal_too(stranger: User, words: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words}; echo status=$?\n")
    command = psutil.Process(await pid_in(terminal))
    run = command.parent()
    assert run is not None
    run.send_signal(signal.SIGINT)
    await terminal.expect("<SIGINT 1>")
    run.send_signal(signal.SIGTERM)
    await terminal.expect("<SIGTERM 2>")
    terminal.type("\x04")
    await terminal.expect("<end 2>")
    await terminal.expect("status=0")
    await ended(terminal)


@pytest.mark.parametrize("how", ["key", "SIGTSTP", "SIGSTOP"])
async def test_a_command_is_stopped_and_continued_as_any_job(stranger: User, words: str, how: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words}\n")
    command = await pid_in(terminal)
    if how == "key":
        terminal.type("\x1a")
    else:
        os.kill(command, getattr(signal, how))
    await terminal.expect("Stopped")
    await terminal.expect("sh> ")
    terminal.type("echo at the $((6 * 7))\n")
    await terminal.expect("at the 42")
    terminal.type("fg\n")
    await terminal.expect("jumplab run")
    terminal.type("hello\n")
    await terminal.expect("<read hello>")
    terminal.type("\x03")
    await terminal.expect("<SIGINT 1>")
    terminal.type("\x04")
    await terminal.expect("<end 1>")
    await ended(terminal)


async def test_in_the_background_a_command_runs_until_it_reads(stranger: User, words: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words} &\n")
    command = psutil.Process(await pid_in(terminal))
    await until(lambda: command.status() == psutil.STATUS_STOPPED)
    await until(lambda: command.parent().status() == psutil.STATUS_STOPPED)  # jumplab stops with it, a moment later
    terminal.type("echo at the $((6 * 7))\n")
    await terminal.expect("at the 42")
    terminal.type("fg\n")
    terminal.type("hello\n")
    await terminal.expect("<read hello>")
    terminal.type("\x04")
    await terminal.expect("<end 0>")
    await ended(terminal)


async def test_in_a_pipeline_the_command_reads_and_ctrl_c_reaches_it_once(stranger: User, words: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words} | (trap '' INT; exec cat)\n")
    await pid_in(terminal)
    terminal.type("hello\n")
    await terminal.expect("<read hello>")
    terminal.type("\x03")
    await terminal.expect("<SIGINT 1>")
    terminal.type("\x04")
    await terminal.expect("<end 1>")
    await ended(terminal)


async def test_another_program_of_a_pipeline_keeps_the_terminal(stranger: User, tmp_path: Path) -> None:
    counting = COUNTING.partition("while True")[0] + "while count < 1: signal.pause()\n"
    program = tmp_path / "counting.py"
    program.write_text(counting + "print(f'<end {count}>', flush=True)\n")
    reader = 'while read line <&3; do echo "<typed $line>"; test "$line" = go && break; done 3</dev/tty; cat'
    terminal = await bash(stranger)
    run = f"jumplab run --exporter-config {written(tmp_path)} -- {sys.executable} {program}"
    terminal.type(f"{run} | (trap '' INT; {reader})\n")
    terminal.type("go\n")
    await terminal.expect("<typed go>")
    await pid_in(terminal)
    terminal.type("\x03")
    await terminal.expect("<SIGINT 1>")
    await terminal.expect("<end 1>")
    await ended(terminal)


async def test_a_shell_in_a_shell_has_jobs_of_its_own(stranger: User, tmp_path: Path) -> None:
    stranger.more["SHELL"] = "/bin/bash"
    (stranger.home / ".bashrc").write_text("PS1='inner> '\n")
    terminal = await bash(stranger)
    terminal.type(f"jumplab shell --exporter-config {written(tmp_path)}\n")
    await terminal.expect("[bench] inner> ")
    # The program itself says that it is in the foreground: the shell may not have made way for it yet.
    terminal.type("sh -c 'echo at-work-$((1)); exec cat'\n")
    await terminal.expect("at-work-1")
    terminal.type("hello\n")
    await terminal.expect("hello")
    await terminal.expect("hello")
    terminal.type("\x1a")
    await terminal.expect("Stopped")
    await terminal.expect("inner> ")
    terminal.type("fg\n")
    await terminal.expect("cat")
    terminal.type("\x04")
    await terminal.expect("inner> ")
    terminal.type("suspend\n")
    await terminal.expect("sh> ")
    terminal.type("fg\n")
    await terminal.expect("jumplab shell")
    terminal.type("exit 5\n")
    await terminal.expect("sh> ")
    terminal.type("echo status=$?\n")
    await terminal.expect("status=5")
    await ended(terminal)


async def test_a_run_that_leads_its_terminal_s_session_goes_on_after_ctrl_z(stranger: User, words: str) -> None:
    """As under `ssh -t`, where no shell would continue it."""
    terminal = Terminal(stranger, "/bin/sh", "-c", f"exec {words}", columns=200)
    await pid_in(terminal)
    terminal.type("\x1a")
    terminal.type("hello\n")
    await terminal.expect("<read hello>")
    terminal.type("\x04")
    await terminal.expect("<end 0>")
    assert await terminal.status() == 0


async def test_a_closed_terminal_ends_the_command(stranger: User, words: str) -> None:
    terminal = await bash(stranger)
    terminal.type(f"{words}\n")
    command = psutil.Process(await pid_in(terminal))
    run = command.parent()
    assert run is not None
    await terminal.hang_up()
    await until(lambda: not command.is_running() or command.status() == psutil.STATUS_ZOMBIE)
    await until(lambda: not run.is_running() or run.status() == psutil.STATUS_ZOMBIE)
