"""`jumplab shell` and `jumplab console` with --exporter-config: drivers in a child process, without a controller."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.local_files import EXPORT, written
from tests.cli.terminal import Terminal
from tests.cli.user import Outcome, User, outcome_of
from tests.exporter.waiting import gone, until

LOCAL_MODE = """\
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata: {namespace: default, name: bench}
endpoint: ""
token: ""
export:
  power: {type: power/virtual}
"""


async def script(user: User, file: Path, text: str, **more: str) -> Outcome:
    return await user.run("jumplab", "shell", "--exporter-config", str(file), "--", "sh", "-c", text, **more)


@asynccontextmanager
async def sleeping_shell(user: User, file: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, psutil.Process]]:
    """A shell whose command sleeps, and its exporter."""
    process = await user.start(
        "jumplab", "shell", "--exporter-config", str(file), "--", "sh", "-c", "echo up; exec sleep 999"
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"up\n"
        yield process, exporter_of(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def exporter_of(pid: int) -> psutil.Process:
    return next(each for each in psutil.Process(pid).children() if "jumplab_exporter" in each.cmdline())


async def test_a_file_of_the_local_mode_is_used_as_it_is(stranger: User, tmp_path: Path) -> None:
    file = tmp_path / "local.yaml"
    file.write_text(LOCAL_MODE)
    names = "${JUMPLAB_LEASE-none} $JUMPLAB_EXPORTER"
    ran = await script(stranger, file, f"j power on && j power is-on; echo {names}; exit 7", JUMPLAB_LEASE="outer")
    assert ran.out == "true\nnone bench\n"
    assert ran.status == 7
    assert f'jumplab: exporter "bench" of {file} is ready, without a lease' in ran.err.splitlines()


async def test_a_file_without_a_name_is_called_as_it_is(stranger: User, tmp_path: Path) -> None:
    ran = await script(stranger, written(tmp_path), "echo $JUMPLAB_EXPORTER")
    assert ran.out == "bench\n"


async def test_all_j_share_a_cursor_that_begins_at_the_begin(stranger: User, tmp_path: Path) -> None:
    commands = (
        'j board power on; j board console expect "=> " >/dev/null; j board console run --prompt "=> " -- version'
    )
    ran = await script(stranger, written(tmp_path), commands)
    assert ran.status == 0, ran
    assert "U-Boot" in ran.out


async def test_images_go_both_ways(stranger: User, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(os.urandom(3 << 20))
    commands = f"j board storage write --verify {image} && j board storage read --size 3MiB {tmp_path}/back"
    ran = await script(stranger, written(tmp_path), commands)
    assert ran.status == 0, ran
    assert (tmp_path / "back").read_bytes() == image.read_bytes()


async def test_hooks_run_as_around_a_lease(stranger: User, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    hooks = {
        "beforeLease": {"script": f"echo before $LEASE_NAME $CLIENT_NAME >> {marks}; j power on; echo warming up"},
        "afterLease": {"script": f"echo after $(j power is-on) >> {marks}"},
    }
    ran = await script(stranger, written(tmp_path, hooks=hooks), f"echo used $(j power is-on) >> {marks}")
    assert marks.read_text() == "before local local\nused true\nafter true\n"
    assert "beforeLease: warming up" in ran.err


@pytest.mark.parametrize(("on_failure", "status"), [("warn", 0), ("endLease", 1), ("exit", 1)])
async def test_a_beforelease_hook_that_fails(stranger: User, tmp_path: Path, on_failure: str, status: int) -> None:
    after = tmp_path / "after"
    hooks = {
        "beforeLease": {"script": "exit 3", "onFailure": on_failure},
        "afterLease": {"script": f"touch {after}"},
    }
    ran = await script(stranger, written(tmp_path, hooks=hooks), "echo used")
    assert (ran.status, ran.out) == (status, "" if status else "used\n")
    said = ran.err.splitlines()
    assert "hook beforeLease failed with exit status 3" in (said[-1] if status else ran.err)
    assert after.exists()


async def test_a_driver_that_does_not_start_is_named_and_the_others_serve(stranger: User, tmp_path: Path) -> None:
    broken = {
        "serial": {"type": "console/serial", "config": {"url": "/dev/nonesuch", "required": True}},
        "relay": {"type": "acme_drivers.Relay"},
    }
    ran = await script(stranger, written(tmp_path, export=EXPORT | broken), "j power on; j serial state; j relay on")
    assert ran.status != 0
    assert 'j: driver "serial" did not start: /dev/nonesuch' in ran.err
    assert "[relay] can't be used: driver type 'acme_drivers.Relay': there is no module 'acme_drivers'" in ran.err
    assert "[power] switched on" in ran.err


async def test_a_wrong_file_is_told_with_all_its_problems_and_their_lines(
    stranger: User, tmp_path: Path, one_sentence: Callable[[Outcome, int], str]
) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(
        LOCAL_MODE.replace("type: power", "typ: power") + "moot: hello\nhooks: {beforeLease: {script: 5}}\n"
    )
    told = one_sentence(await script(stranger, file, "echo used"), 2)
    assert f"jumplab: {file}: " in told
    for line in ("(line 7)", "moot: is not known; remove it or correct its spelling (line 8)", "(line 9)"):
        assert line in told


async def test_a_missing_file_is_told(
    stranger: User, tmp_path: Path, one_sentence: Callable[[Outcome, int], str]
) -> None:
    told = one_sentence(await script(stranger, tmp_path / "none.yaml", "echo used"), 2)
    assert "none.yaml: there is no such file" in told


@pytest.mark.parametrize("command", ["shell", "console"])
async def test_options_of_a_lease_are_refused_beside_it(
    stranger: User, tmp_path: Path, command: str, one_sentence: Callable[[Outcome, int], str]
) -> None:
    options = {
        "-l": "a=b",
        "--exporter": "x",
        "--member": "dut=a=b",
        "--duration": "30m",
        "--name": "mine",
        "--wait-timeout": "5m",
        "--lease": "mine",
        "--reconnect-within": "5m",
        "--client": "ci",
    }
    words = [word for pair in options.items() for word in pair]
    ran = await stranger.run("jumplab", command, "--exporter-config", str(written(tmp_path)), *words)
    told = one_sentence(ran, 2)
    assert f"--exporter-config uses drivers without a lease; leave out {', '.join(options)}" in told


async def test_a_file_has_one_owner(
    stranger: User, tmp_path: Path, one_sentence: Callable[[Outcome, int], str]
) -> None:
    metadata = {"namespace": "lab", "name": "bench"}
    file = written(tmp_path, metadata=metadata, endpoint="127.0.0.1:1", token="x", tls={"insecure": True})
    exporter = await stranger.start("jumplab-exporter", "run", str(file))
    assert exporter.stderr is not None
    try:
        await exporter.stderr.readline()  # it is there, and has the file
        told = one_sentence(await script(stranger, file, "echo used"), 2)
        assert f"{file}: another jumplab-exporter runs with this configuration; stop it first" in told
    finally:
        exporter.terminate()
        await exporter.communicate()
    assert (await script(stranger, file, "echo used")).out == "used\n"


async def test_a_secret_s_file_that_can_not_be_read_is_not_in_the_way(stranger: User, tmp_path: Path) -> None:
    metadata = {"namespace": "lab", "name": "bench-3"}
    file = written(tmp_path, metadata=metadata, endpoint="lab:1", tokenFile="nobody", tls={"caFile": "nothing"})
    assert (await script(stranger, file, "echo $JUMPLAB_EXPORTER")).out == "bench-3\n"


async def test_a_killed_shell_takes_its_exporter_along_which_cleans_up(stranger: User, tmp_path: Path) -> None:
    after = tmp_path / "after"
    file = written(tmp_path, hooks={"afterLease": {"script": f"j power is-on > {after}"}})
    async with sleeping_shell(stranger, file) as (shell, exporter):
        command = next(each for each in psutil.Process(shell.pid).children() if each.pid != exporter.pid)
        shell.kill()
        await gone(exporter.pid)
        assert after.read_text() == "false\n"
        command.kill()  # nobody ends it where the shell was killed
        await shell.wait()


@pytest.mark.needs("qemu")
async def test_a_killed_shell_leaves_no_qemu(stranger: User, tmp_path: Path) -> None:
    file = written(tmp_path, export={"board": {"type": "board/qemu"}})
    process = await stranger.start(
        "jumplab",
        "shell",
        "--exporter-config",
        str(file),
        "--",
        "sh",
        "-c",
        "j board power on; echo up; exec sleep 999",
    )
    assert process.stdout is not None
    await process.stdout.readline()
    exporter = exporter_of(process.pid)
    machine = exporter.children(recursive=True)
    assert any(each.name().startswith("qemu-system") for each in machine)
    command = next(each for each in psutil.Process(process.pid).children() if each.pid != exporter.pid)
    process.kill()
    command.kill()
    await process.communicate()
    for each in (exporter, *machine):
        await gone(each.pid)


async def test_a_killed_exporter_is_told_and_calls_fail(stranger: User, tmp_path: Path) -> None:
    async with sleeping_shell(stranger, written(tmp_path)) as (shell, exporter):
        exporter.kill()
        assert shell.stderr is not None
        while b"was killed by SIGKILL" not in (line := await shell.stderr.readline()):
            assert line, "the shell says nothing of it"
        assert line.decode() == (
            f'jumplab: exporter "bench" of {tmp_path}/bench.yaml was killed by SIGKILL; start it again\n'
        )


@pytest.mark.parametrize("words", ["j power on", "j"])
async def test_a_j_after_a_killed_exporter_says_so(stranger: User, tmp_path: Path, words: str) -> None:
    pid = "$(pgrep -P $PPID -f '[j]umplab_exporter local')"
    ran = await script(stranger, written(tmp_path), f"kill -9 {pid}; {words}")
    assert ran.status == 1
    lines = [line for line in ran.err.splitlines() if line.startswith("j: ")]
    assert len(lines) == 1
    assert "was killed by SIGKILL; start it again" in lines[0]


async def test_a_call_that_runs_when_its_exporter_is_killed_fails(stranger: User, tmp_path: Path) -> None:
    pid = "$(pgrep -P $PPID -f '[j]umplab_exporter local')"
    commands = f"j board console expect --timeout 600 never & sleep 0; j power on; kill -9 {pid}; wait $!"
    ran = await script(stranger, written(tmp_path), commands)
    assert ran.status == 1
    assert "j: exporter" in ran.err
    assert "was killed by SIGKILL" in ran.err


async def test_an_exporter_that_is_terminated_ends_in_order(stranger: User, tmp_path: Path) -> None:
    after = tmp_path / "after"
    file = written(tmp_path, hooks={"afterLease": {"script": f"touch {after}"}})
    async with sleeping_shell(stranger, file) as (shell, exporter):
        exporter.terminate()
        assert shell.stderr is not None
        while b"has ended with exit status 0; start it again" not in (line := await shell.stderr.readline()):
            assert line
        assert after.exists()


async def test_ctrl_c_while_it_gets_ready_cleans_up(stranger: User, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    hooks = {
        "beforeLease": {"script": f"echo before >> {marks}; exec sleep 999"},
        "afterLease": {"script": f"echo after >> {marks}"},
    }
    file = written(tmp_path, hooks=hooks)
    process = await stranger.start("jumplab", "shell", "--exporter-config", str(file), "--", "echo", "used")
    await until(lambda: marks.exists() and marks.read_text())
    process.send_signal(signal.SIGINT)
    ran = await outcome_of(process)
    assert (ran.status, ran.out) == (128 + signal.SIGINT, "")
    assert marks.read_text() == "before\nafter\n"


async def test_ctrl_c_at_the_terminal_is_the_command_s_alone(stranger: User, tmp_path: Path) -> None:
    terminal = Terminal(stranger, "jumplab", "shell", "--exporter-config", str(written(tmp_path)))
    await terminal.expect("sh> ")
    # The program itself says that it is in the foreground: the shell may not have made way for it yet.
    terminal.type("j power on && sh -c 'echo is\"\"on; exec sleep 999'\n")
    await terminal.expect("ison")
    terminal.type("\x03")
    await terminal.expect("sh> ")
    terminal.type("j power is-on\n")
    await terminal.expect("true")
    terminal.type("exit 5\n")
    assert await terminal.status() == 5


async def test_a_console_is_opened_at_once(stranger: User, tmp_path: Path) -> None:
    hooks = {"beforeLease": {"script": "j board power on"}}
    file = written(tmp_path, hooks=hooks)
    terminal = Terminal(stranger, "jumplab", "console", "--exporter-config", str(file), "--from", "begin")
    await terminal.expect("=> ")
    terminal.type("version\r")
    await terminal.expect("U-Boot")
    terminal.type("\x1d\x1d")
    assert await terminal.status() == 0


PROGRAM = "import sys; sys.modules['jumplab_exporter'] = None; from jumplab.cli.main import main; main()"


async def run_without_the_exporter(file: Path, **environment: Any) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "shell", "--exporter-config", str(file), "--", "/bin/echo", "used"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    return await outcome_of(process)


async def test_where_the_exporter_is_not_installed_it_is_said_what_to_install(stranger: User, tmp_path: Path) -> None:
    file, environment = written(tmp_path), stranger.environment
    ran = await run_without_the_exporter(file, **(environment | {"PATH": str(tmp_path)}))
    assert ran.status == 2
    assert "the exporter is not installed here" in ran.err
    assert "pip install jumplab-exporter" in ran.err
    assert (await run_without_the_exporter(file, **environment)).out == "used\n"  # that on PATH
