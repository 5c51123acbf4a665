"""All programs alike: -v, one dialect of errors, output that can't be written, and Ctrl-C from the first moment on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from jumplab.verbosity import take_verbosity
from tests.cli.test_streams import in_shell
from tests.cli.user import PROGRAMS, User, outcome_of
from tests.client.bench import Bench

ALL = ["jumplab", "j", "jumplab-exporter", "jumplab-operator"]
NO_SPACE = "standard output can't be written: No space left on device"
DEBUG = " DEBUG "


@pytest.fixture
def exporter_file(tmp_path: Path) -> Path:
    file = tmp_path / "bench.yaml"
    content = {
        "apiVersion": "jumpstarter.dev/v1alpha1",
        "kind": "ExporterConfig",
        "metadata": {"namespace": "lab", "name": "bench"},
        "endpoint": "127.0.0.1:1",
        "token": "t",
        "export": {"power": {"type": "power/virtual"}},
    }
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize("program", ALL)
async def test_v_is_in_the_help_of_each_program(stranger: User, program: str) -> None:
    helped = await stranger.run(program, "-v", "--help")
    assert (helped.status, helped.err) == (0, "")
    assert "-v, --verbose" in helped.out


@pytest.mark.parametrize(
    "words",
    [
        ("-v", "get", "leases"),
        ("get", "-v", "leases"),
        ("get", "leases", "-v"),
        ("get", "leases", "--verbose"),
        ("get", "leases", "-v=6"),
        ("-v6", "get", "leases"),
        ("get", "leases", "-v", "6"),
        ("get", "leases", "--v=9"),
    ],
)
async def test_requests_are_logged_wherever_v_stands(user: User, bench: Bench, words: tuple[str, ...]) -> None:
    shown = await user.run("jumplab", *words)
    assert shown.status == 0
    assert DEBUG in shown.err
    assert "ListLeases took" in shown.err


async def test_nothing_is_logged_otherwise(user: User) -> None:
    assert DEBUG not in (await user.run("jumplab", "get", "leases")).err
    assert DEBUG not in (await user.run("jumplab", "get", "leases", "-v=0")).err


async def test_what_stands_behind_two_dashes_is_the_command_s(user: User) -> None:
    said = await user.run("jumplab", "shell", "-l", "board=x", "--", "echo", "-v")
    assert (said.status, said.out) == (0, "-v\n")
    assert DEBUG not in said.err


async def test_j_logs_its_session_and_leaves_a_driver_s_own_v_alone(user: User) -> None:
    logged = await user.run("jumplab", "shell", "-l", "board=x", "--", "j", "-v", "power", "on")
    assert (logged.status, DEBUG in logged.err) == (0, True), logged
    assert take_verbosity(["power", "-v"], leading=True) == (["power", "-v"], False)


@pytest.mark.parametrize("words", [("-v", "run"), ("run", "-v"), ("run", "-v=6")])
async def test_an_exporter_logs_more(stranger: User, exporter_file: Path, words: tuple[str, ...]) -> None:
    process = await stranger.start("jumplab-exporter", *words, str(exporter_file))
    assert process.stderr is not None
    while DEBUG not in (line := (await process.stderr.readline()).decode()):
        assert line, "it ended"
    process.terminate()
    await outcome_of(process)


async def test_an_operator_logs_its_requests(stranger: User, tmp_path: Path) -> None:
    options = ("--data-dir", str(tmp_path / "data"), "--port", "0", "--grpc-port", "0")
    process = await stranger.start("jumplab-operator", "standalone", *options, "-v")
    assert process.stderr is not None
    while "HTTP status 200 in" not in (line := (await process.stderr.readline()).decode()):
        assert line, "it ended"
    process.terminate()
    await outcome_of(process)


@pytest.mark.parametrize("program", ["jumplab", "jumplab-exporter", "jumplab-operator"])
@pytest.mark.parametrize("words", ["--bogus", "bogus", "run --bogus", "check", "run"])
async def test_a_wrong_usage_is_one_sentence_of_the_program(stranger: User, program: str, words: str) -> None:
    refused = await stranger.run(program, *words.split())
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.startswith(f"{program}: ")
    assert refused.err.count("\n") == 1
    assert f"(see {program}" in refused.err


@pytest.mark.parametrize("words", ["standalone --data-dir /dev/null", "run --endpoint lab:1 --kubeconfig /nowhere"])
async def test_what_an_operator_can_not_use_is_a_configuration_to_be_corrected(stranger: User, words: str) -> None:
    refused = await stranger.run("jumplab-operator", *words.split())
    assert refused.status == 2
    assert refused.err.startswith("jumplab-operator: ")
    assert refused.err.count("\n") == 1


@pytest.mark.needs("bash")
@pytest.mark.parametrize("program", ALL)
async def test_output_that_can_not_be_written(stranger: User, program: str) -> None:
    full = await in_shell(stranger, f"{program} --help >/dev/full")
    assert (full.status, full.err) == (1, f"{program}: {NO_SPACE}\n")
    closed = await in_shell(stranger, f"{program} --help >&-")
    assert (closed.status, closed.err.count("\n")) == (1, 1)
    left = await in_shell(stranger, f"exec 3> >(exec true); wait $!; {program} --help >&3")
    assert (left.status, left.err) == (141, "")
    for redirection in ("2>/dev/full", "2>&-", "<&- >&- 2>&-"):
        assert (await in_shell(stranger, f"{program} bogus {redirection}")).status == 2
        assert (await in_shell(stranger, f"{program} {redirection}")).status == 2


@pytest.mark.needs("bash")
async def test_what_an_exporter_s_check_can_not_write(stranger: User, exporter_file: Path) -> None:
    full = await in_shell(stranger, f"jumplab-exporter check {exporter_file} >/dev/full")
    assert (full.status, full.err) == (1, f"jumplab-exporter: {NO_SPACE}\n")


@pytest.mark.needs("bash")
async def test_what_a_control_plane_can_not_write(stranger: User, tmp_path: Path) -> None:
    options = f"--data-dir {tmp_path / 'data'} --port 0 --grpc-port 0"
    full = await in_shell(stranger, f"jumplab-operator standalone {options} >/dev/full")
    assert full.status == 1
    assert full.err.splitlines()[-1] == f"jumplab-operator: {NO_SPACE}"
    assert "Traceback" not in full.err


@pytest.mark.needs("bash")
async def test_what_j_can_not_write_is_one_sentence(user: User) -> None:
    script = "j power is-on >/dev/full; echo $?; j power is-on >&-; echo $?; j power is-on 2>&-; echo $?"
    said = await user.run("jumplab", "shell", "-l", "board=x", "--", "bash", "-c", script)
    assert said.out.splitlines() == ["1", "1", "false", "0"]
    assert [line for line in said.err.splitlines() if line.startswith("j: ")] == [
        f"j: {NO_SPACE}",
        "j: standard output can't be written: Bad file descriptor",
    ]
    assert "Traceback" not in said.err


async def test_a_time_below_zero_is_refused_and_nothing_is_switched(user: User) -> None:
    script = "j power on; j power cycle --off-seconds -1; j power is-on"
    said = await user.run("jumplab", "shell", "-l", "board=x", "--", "bash", "-c", script)
    assert said.out.splitlines()[-1:] == ["true"]
    assert "off_seconds must be 0 or more, not -1" in said.err


STARTS = {
    "jumplab": ("jumplab.cli", ["get", "leases"]),
    "j": ("jumplab.cli.j", ["power", "on"]),
    "jumplab-exporter": ("jumplab_exporter", ["check", "nowhere.yaml"]),
    "jumplab-operator": ("jumplab_operator", ["run", "--endpoint", "lab:1", "--kubeconfig", "/nowhere"]),
}


@pytest.mark.parametrize("program", ALL)
async def test_ctrl_c_while_a_program_starts_is_silent(stranger: User, program: str) -> None:
    """The program's own first line is reached with the signal pending, and from there on at growing distances."""
    package, words = STARTS[program]
    sentence = (await stranger.run(program, *words)).err
    code = f"from {package} import program; program.end_at_interrupt(); print('begun', flush=True); program.main()"
    for milliseconds in (0, 1, 2, 5, 10, 20, 50, 100, 200, 400):
        process = await asyncio.create_subprocess_exec(
            *(PROGRAMS / "python", "-c", code, *words),
            env=stranger.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(milliseconds / 1000)
        if process.returncode is None:
            os.kill(process.pid, signal.SIGINT)
        ended = await outcome_of(process)
        assert ended.status in (1, 2, 130, -signal.SIGINT)
        assert "Traceback" not in ended.err
        # Its own sentence may have been written in the moment before the signal came.
        assert ended.status in (1, 2) or ended.err in ("", sentence)


@pytest.mark.parametrize("program", ALL)
def test_a_program_s_start_loads_nothing_before_ctrl_c_ends_it(program: str) -> None:
    module = f"{STARTS[program][0]}.program"
    loaded = subprocess.run(
        [PROGRAMS / "python", "-X", "importtime", "-c", f"import {module}"], capture_output=True, text=True, check=True
    ).stderr
    names = {line.rpartition("|")[2].strip() for line in loaded.splitlines()}
    assert module in names
    assert not names & {"click", "asyncio", "logging", "typing", "json", "socket", "signal"}
