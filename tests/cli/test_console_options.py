"""What a console offers beside its bytes: its menu, its last screen, its log; and the same from scripts, by `j`."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jumplab.driver import Driver
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice
from tests.cli.terminal import Terminal
from tests.cli.test_console import LEASED
from tests.cli.user import Outcome, User
from tests.client.authority import Authority
from tests.client.bench import Bench, Switch, bench_of
from tests.client.lab_double import LabDouble, config_for
from tests.drivers.consoles import SpokenConsole, insist
from tests.drivers.shells import PROMPT, ShellConsole

LONG = "240s"
"""A bound that only a hang reaches."""


@dataclass
class Desk:
    """A user, and a console that says what the test wants."""

    user: User
    bench: Bench
    console: SpokenConsole
    power: Switch

    async def open(self, *words: str, stdin: str = "x") -> Outcome:
        return await self.user.run("jumplab", "console", *LEASED, *words, stdin=stdin)

    async def j(self, script: str) -> Outcome:
        return await self.user.run("jumplab", "shell", *LEASED, "--", "sh", "-c", script)


@pytest.fixture
async def desk(lab: LabDouble, authority: Authority, stranger: User) -> AsyncIterator[Desk]:
    console, power = SpokenConsole(), Switch()
    async with bench_of(lab, authority, {"power": power, "console": console, "uart": console}) as bench:
        stranger.configure(config_for(bench.port, authority))
        yield Desk(stranger, bench, console, power)


async def test_a_driver_and_its_alias_are_one_console(desk: Desk) -> None:
    assert (await desk.open(stdin="hello")).status == 0
    assert desk.console.typed == b"hello"


async def test_the_menu_switches_the_power_and_goes_back(desk: Desk) -> None:
    desk.console.say(b"=> ")
    terminal = Terminal(desk.user, "jumplab", "console", *LEASED)
    await terminal.expect("=> ")
    terminal.type("\x1d")
    await terminal.expect("Ctrl-] or q: leave, o: power on, f: power off, c: power cycle")
    terminal.type("o")
    await terminal.expect("console: power on")
    terminal.type("\x1d]a\x1dzb")
    assert await desk.console.heard(3) == b"\x1dab"
    assert await desk.power.is_on()
    terminal.type("\x1d.")
    assert await terminal.status() == 0


async def test_a_terminal_shows_the_last_screen_first(desk: Desk) -> None:
    desk.console.say(b"".join(b"line %d\r\n" % number for number in range(2000)))
    terminal = Terminal(desk.user, "jumplab", "console", *LEASED)
    shown = await terminal.expect("line 1999")
    assert "line 1990" in shown
    assert "line 1900" not in shown
    terminal.type("\x1d\x1d")
    assert await terminal.status() == 0


async def test_from_the_begin_into_a_log(desk: Desk, tmp_path: Path) -> None:
    desk.console.say(b"\x1b[31mred\x1b[0m\r\n")
    log = tmp_path / "console.log"
    process = await desk.user.start("jumplab", "console", *LEASED, "--from", "begin", "--log", str(log), typing=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readuntil(b"\n") == b"\x1b[31mred\x1b[0m\r\n"
    process.stdin.close()
    assert await process.wait() == 0
    assert log.read_bytes() == b"red\r\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "now", "--offset", "3"], "--from and --offset exclude each other"),
        (["--timestamps"], "name its file with --log"),
        (["--log", "/nowhere/x.log"], "the console's log /nowhere/x.log can't be written: No such file or directory"),
        (
            ["--log", "/dev/full", "--from", "begin", "--watch"],
            "the console's log /dev/full can't be written: No space",
        ),
    ],
)
async def test_a_log_that_can_not_be_is_said(words: list[str], said: str, desk: Desk) -> None:
    desk.console.say(b"x\n")
    failed = await desk.open(*words)
    assert failed.status in (1, 2)
    assert said in failed.last_line


async def test_standard_output_that_takes_nothing_is_said_by_j(desk: Desk) -> None:
    desk.console.say(b"x\n")
    said = await desk.j("j console log >/dev/full; echo $?")
    assert said.out == "1\n"
    assert said.last_line.startswith("j: standard output can't be written: No space left")


@pytest.mark.parametrize("more", ["--watch", ""])
async def test_standard_output_that_takes_nothing_is_said_by_the_console(desk: Desk, more: str) -> None:
    desk.console.say(b"x\n")
    console = " ".join(("jumplab", "console", *LEASED, "--from", "begin", more))
    said = await desk.user.run("/bin/sh", "-c", f"{console} >/dev/full; echo $? >&2")
    assert "jumplab: standard output can't be written: No space left" in said.err
    assert said.last_line == "1"


async def test_all_j_of_a_shell_share_one_cursor(desk: Desk) -> None:
    desk.console.say(b"U-Boot 2023\r\nHit any key\r\n=> one\r\n=> ")
    said = await desk.j("j console expect Hit && j console expect '=> ' && j console expect '=> '")
    assert said.out == "U-Boot 2023\r\nHit\n any key\r\n=> \none\r\n=> \n"
    assert said.status == 0


async def test_j_sends_flushes_and_marks(desk: Desk) -> None:
    desk.console.say(b"old => ")
    script = (
        "j console mark; j console flush; j console send echo hi; j console send -n y; "
        "j console expect '=> ' --timeout 200ms; echo $?; j console expect '=> ' --since lease; "
        "j console expect '(' ; echo $?"
    )
    said = await desk.j(script)
    assert said.out == "7\n1\nold => \n2\n"
    assert desk.console.typed == b"echo hi\ny"
    assert '"=> " did not come from console within 0.2 s' in said.err
    assert "is no regular expression" in said.err


async def test_a_shell_in_somebody_else_s_lease_reads_from_where_it_has_attached(desk: Desk) -> None:
    desk.console.say(b"=> old\n")
    made = await desk.user.run("jumplab", "create", "lease", "-l", "board=x", "--name", "theirs", "--wait")
    assert made.status == 0, made
    script = "j console expect '=> .*' --timeout 200ms; j console expect '=> .*' --since lease"
    said = await desk.user.run("jumplab", "shell", "--lease", "theirs", "--", "sh", "-c", script)
    assert said.out == "=> old\n"


async def test_j_writes_a_log_with_times(desk: Desk, tmp_path: Path) -> None:
    desk.console.say(b"\x1b[1mone\x1b[0m\r\ntwo")
    log = tmp_path / "a.log"
    said = await desk.j(f"j console log; j console log --offset -3; j console log --timestamps {shlex.quote(str(log))}")
    assert said.out == "one\r\ntwotwo"
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
    assert re.fullmatch(rf"{stamp} one\r\n{stamp} two", log.read_bytes().decode())


async def test_j_follows_until_it_is_ended(desk: Desk) -> None:
    desk.console.say(b"one\n")
    script = ("jumplab", "shell", *LEASED, "--", "j", "console", "log", "--follow")
    process = await desk.user.start(*script)
    assert process.stdout is not None
    assert await process.stdout.readuntil(b"\n") == b"one\n"
    desk.console.say(b"two\n")
    assert await process.stdout.readuntil(b"\n") == b"two\n"
    process.terminate()
    await process.wait()


@pytest.mark.needs("bash")
async def test_j_runs_a_command_and_has_its_status(lab: LabDouble, authority: Authority, stranger: User) -> None:
    root: dict[str, Driver] = {"console": ShellConsole(("bash", "--norc", "--noprofile", "-i"))}
    async with bench_of(lab, authority, root) as bench:
        stranger.configure(config_for(bench.port, authority))
        run = f"j console run --prompt {shlex.quote(PROMPT)} --timeout {LONG} --"
        script = f"{run} echo one two; {run} '(exit 3)'; echo $?; {run} ls -d /; {run} $'a\\nb'; echo $?"
        said = await stranger.run("jumplab", "shell", *LEASED, "--", "bash", "-c", script)
    assert said.out == "one two\n3\n/\n2\n"
    assert "run takes one line" in said.err


async def test_a_device_that_is_not_there_is_said_and_then_what_becomes_of_it(
    lab: LabDouble, authority: Authority, stranger: User, tmp_path: Path
) -> None:
    device = tmp_path / "ttyS1"
    async with bench_of(lab, authority, {"console": SerialConsole(url=str(device))}) as bench:
        stranger.configure(config_for(bench.port, authority))
        terminal = Terminal(stranger, "jumplab", "console", *LEASED)
        await terminal.expect(f"console: {device} is not there yet")
        async with SerialDevice() as there:
            device.symlink_to(there.path)
            greeting = asyncio.create_task(insist(there.send, b"tick\r\n"))
            await terminal.expect("tick")
            greeting.cancel()
        await terminal.expect("[console] [error]")
        terminal.type("\x1d\x1d")
        assert await terminal.status() == 0
