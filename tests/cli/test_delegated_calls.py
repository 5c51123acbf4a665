"""Plain calls of `j`, which the leased shell's process makes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jumplab.cli.j.delegated_call_server import Answer, DelegatedCall, serving_delegated_calls
from jumplab.driver import Driver, DriverInterface
from tests.cli.user import User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Switch, bench_of
from tests.client.lab_double import LabDouble, config_for

SOON = 40
"""Seconds; a bound that only a hang reaches."""


class SleeperInterface(DriverInterface):
    """Sleeps."""

    async def doze(self) -> None: ...


class Sleeper(SleeperInterface, Driver):
    """Sleeps until it is cancelled, and can be asked whether it has been."""

    def __init__(self) -> None:
        self.asleep, self.woken = asyncio.Event(), asyncio.Event()
        super().__init__()

    async def doze(self) -> None:
        self.asleep.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.woken.set()


@asynccontextmanager
async def dozing(
    lab: LabDouble, authority: Authority, user: User, script: str
) -> AsyncIterator[tuple[Sleeper, asyncio.subprocess.Process]]:
    """A shell that runs a script, as far as its call of the sleeper."""
    sleeper = Sleeper()
    async with bench_of(lab, authority, {"sleeper": sleeper, "power": Switch()}) as bench:
        user.configure(config_for(bench.port, authority))
        process = await user.start("jumplab", "shell", "-l", "board=x", "--name", "demo", "--", "sh", "-c", script)
        await asyncio.wait_for(sleeper.asleep.wait(), SOON)
        yield sleeper, process


async def test_a_plain_call_loads_next_to_nothing(user: User) -> None:
    script = 'python -X importtime -c "from jumplab.cli.j.main import main; main()" power is-on 2>&1'
    run = await user.run("jumplab", "shell", "-l", "board=x", "--", "sh", "-c", script)
    loaded = {line.rpartition("|")[2].strip() for line in run.out.splitlines() if line.startswith("import time:")}
    assert "false" in run.out.splitlines()
    assert "jumplab.cli.j.delegated_call" in loaded
    assert not loaded & {"asyncio", "click", "google.protobuf", "jumplab.driver", "jumplab.cli.exit_status"}


async def test_ending_j_cancels_its_call_at_the_driver(lab: LabDouble, authority: Authority, stranger: User) -> None:
    script = "j sleeper doze & echo $!; wait $!; echo status $?; j power is-on"
    async with dozing(lab, authority, stranger, script) as (sleeper, process):
        assert process.stdout is not None
        # A shell starts what runs in the background with SIGINT ignored, and Python leaves it so: hence SIGTERM.
        number = int(await asyncio.wait_for(process.stdout.readline(), SOON))
        os.kill(number, signal.SIGTERM)
        await asyncio.wait_for(sleeper.woken.wait(), SOON)
        ran = await asyncio.wait_for(outcome_of(process), SOON)
    assert ran.out.splitlines() == [f"status {128 + signal.SIGTERM}", "false"]


async def test_ctrl_c_ends_j_after_its_call_was_cancelled(lab: LabDouble, authority: Authority, stranger: User) -> None:
    script = "trap : INT; j sleeper doze; echo status $?"
    async with dozing(lab, authority, stranger, script) as (sleeper, process):
        os.killpg(process.pid, signal.SIGINT)
        ran = await asyncio.wait_for(outcome_of(process), SOON)
        assert sleeper.woken.is_set()
    assert ran.out == f"status {128 + signal.SIGINT}\n"
    assert "Traceback" not in ran.err


async def test_a_shell_that_is_killed_leaves_the_outcome_unknown_and_j_says_so(
    lab: LabDouble, authority: Authority, stranger: User
) -> None:
    async with dozing(lab, authority, stranger, "j sleeper doze; echo status $?") as (_, process):
        process.kill()
        ran = await asyncio.wait_for(outcome_of(process), SOON)
    assert ran.out == "status 1\n"
    assert "j: the leased shell has ended; whether the call was carried out is unknown" in ran.err


async def idle(_call: DelegatedCall, answer: Answer) -> None:
    answer({"status": 0})


async def asked(place: Path, line: bytes) -> bytes:
    """All that the shell answers to one line."""
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(line)
    try:
        return await asyncio.wait_for(reader.read(), SOON)
    except ConnectionResetError:  # it was hung up on before all of it was read
        return b""
    finally:
        writer.close()


def delegated(token: str = "secret", **changes: object) -> bytes:
    asked_for = {"token": token, "member": "", "words": ["power", "on"], "patience": None} | changes
    return json.dumps(asked_for).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        delegated(token="another"),
        delegated(token="\ud800"),
        delegated(words="power on"),
        delegated(words=[1]),
        delegated(patience=5),
        b"{}\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b"\xff\n",
        b"x" * (17 << 20) + b"\n",
    ],
)
async def test_what_is_no_delegated_call_of_this_shell_is_not_carried_out(line: bytes, tmp_path: Path) -> None:
    async with serving_delegated_calls(tmp_path / ".calls", "secret", idle):
        assert b"status" not in await asked(tmp_path / ".calls", line)
        assert json.loads(await asked(tmp_path / ".calls", delegated())) == {"status": 0}


async def test_a_fault_in_one_call_leaves_the_others_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_call: DelegatedCall, _answer: Answer) -> None:
        raise RuntimeError("a fault of ours")

    async with serving_delegated_calls(tmp_path / ".calls", "secret", fail):
        for _ in range(2):
            assert json.loads(await asked(tmp_path / ".calls", delegated()))["status"] == 1
    assert "a fault of ours" in caplog.text


async def test_a_j_that_does_not_read_loses_lines_and_is_told_how_many(tmp_path: Path) -> None:
    lines = 4000

    async def chatter(_call: DelegatedCall, answer: Answer) -> None:
        for _ in range(lines):
            answer({"said": "x" * 1000})
        answer({"status": 0})

    async with serving_delegated_calls(tmp_path / ".calls", "secret", chatter):
        answers = [json.loads(line) for line in (await asked(tmp_path / ".calls", delegated())).splitlines()]
    *heard, told, last = answers
    assert last == {"status": 0}
    assert (
        told["said"]
        == f"[warning] {lines - len(heard)} log lines were dropped: they arrived faster than they were read"
    )
