"""Output that can't be written, broken locales and Ctrl-C at any moment: a status and a sentence, no traceback."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import pytest

from jumplab.protocol.client_v1 import client_pb2
from tests.cli.terminal import Terminal
from tests.cli.user import PROGRAMS, Outcome, User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench
from tests.client.lab_double import config_for


@pytest.fixture
def exporters(bench: Bench) -> None:
    for number in range(2000):
        name = f"namespaces/lab/exporters/bench-{number}"
        bench.lab.exporters[name] = client_pb2.Exporter(name=name, labels={"board": "x"}, online=True)


async def in_shell(user: User, script: str, **more: str) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail", "-c", script),
        env=user.environment | more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return await outcome_of(process)


COMMANDS = ["get exporters", "get exporters -o json", "get exporters -w", "--help", "get --help", "completion bash"]


@pytest.mark.needs("bash")
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_full_disk_behind_standard_output_is_one_sentence(user: User, exporters: None, command: str) -> None:
    ended = await in_shell(user, f"jumplab {command} >/dev/full")
    assert (ended.status, ended.err) == (1, "jumplab: standard output can't be written: No space left on device\n")


@pytest.mark.needs("bash")
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_closed_standard_output_is_one_sentence(user: User, exporters: None, command: str) -> None:
    ended = await in_shell(user, f"jumplab {command} >&-")
    assert (ended.status, ended.err) == (1, "jumplab: standard output can't be written: Bad file descriptor\n")


@pytest.mark.needs("bash")
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_reader_that_leaves_is_a_status_alone(user: User, exporters: None, command: str) -> None:
    ended = await in_shell(user, f"exec 3> >(exec true); wait $!; jumplab {command} >&3")
    assert (ended.status, ended.err) == (141, "")


@pytest.mark.needs("bash")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", "<&- >&- 2>&-"])
async def test_a_closed_standard_error_changes_no_status(user: User, redirection: str) -> None:
    assert (await in_shell(user, f"jumplab get leases no-such-lease {redirection}")).status == 1
    assert (await in_shell(user, f"jumplab frobnicate {redirection}")).status == 2


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "nonsense"}, {"LANG": "C", "LC_ALL": ""}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}]
)
async def test_a_broken_locale_is_no_hindrance(
    user: User, bench: Bench, authority: Authority, locale: dict[str, str]
) -> None:
    name = "namespaces/lab/exporters/bench-1"
    bench.lab.exporters[name] = client_pb2.Exporter(name=name, status_message="wartet auf Gerät …")
    user.configure(config_for(bench.port, authority), "prüfstand")
    listed = await user.run("jumplab", "config", "client", "list", **locale)
    assert (listed.status, listed.err) == (0, "")
    shown = await user.run("jumplab", "get", "exporters", "-o", "wide", **locale)
    assert (shown.status, shown.err) == (0, "")
    assert "wartet auf Ger" in shown.out
    refused = await user.run("jumplab", "get", "leases", "zähler", **locale)
    assert refused.status == 1
    assert refused.err.count("\n") == 1
    assert "Traceback" not in refused.err


async def test_words_that_are_no_utf_8_are_one_sentence(user: User, bench: Bench) -> None:
    for words in (
        ("get", "leases", "a\udcff"),
        ("create", "lease", "-l", "a=\udcff"),
        ("get", "exporters", "-l", "\udcff"),
    ):
        refused = await user.run("jumplab", *words)
        assert refused.status in (1, 2)
        assert refused.err.count("\n") == 1
        assert "Traceback" not in refused.err


async def test_a_dumb_terminal_gets_plain_text(user: User, exporters: None) -> None:
    text, status = await Terminal(user, "jumplab", "get", "exporters").rest()
    assert status == 0
    assert "\x1b" not in text


async def test_ctrl_c_at_any_moment_is_silent(user: User, bench: Bench, exporters: None) -> None:
    """From the moment at which the program is more than the interpreter, until after its end."""
    code = "from jumplab.cli import program; program.end_at_interrupt(); print('begun', flush=True); program.main()"
    for milliseconds in range(0, 600, 20):
        process = await asyncio.create_subprocess_exec(
            *(PROGRAMS / "python", "-c", code, "get", "exporters"),
            env=user.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(milliseconds / 1000)
        with suppress(ProcessLookupError):  # it has ended already
            process.send_signal(signal.SIGINT)
        ended = await outcome_of(process)
        assert ended.status in (0, 130, -signal.SIGINT)
        assert ended.err.strip() == ""
