"""The console at a real terminal, and without one."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jumplab.protocol.client_v1 import client_pb2
from tests.cli.terminal import Terminal
from tests.cli.user import Outcome, User, outcome_of
from tests.client.authority import Authority
from tests.client.bench import Bench, EchoConsole, Switch, bench_of
from tests.client.lab_double import LabDouble, become_ended, become_ready, config_for

LEASED = ("-l", "board=x", "--name", "demo")


async def test_what_is_typed_reaches_the_device_and_the_escape_key_leaves(user: User, bench: Bench) -> None:
    terminal = Terminal(user, "jumplab", "console", *LEASED)
    await terminal.expect("Ctrl-] opens the menu, Ctrl-] twice leaves")
    await terminal.expect("=> ")
    terminal.type("hi")
    await terminal.expect("[hi]")
    terminal.type("\x1d\x1d")
    assert await terminal.status() == 0
    assert bench.lab.released == ["demo"]


async def test_ctrl_c_is_the_device_s(user: User) -> None:
    terminal = Terminal(user, "jumplab", "console", *LEASED)
    await terminal.expect("=> ")
    terminal.type("\x03")
    await terminal.expect("[\x03]")
    terminal.type("\x1dq")
    assert await terminal.status() == 0


async def test_an_interactive_shell_drives_and_releases_at_its_end(user: User, bench: Bench) -> None:
    terminal = Terminal(user, "jumplab", "shell", *LEASED)
    await terminal.expect("sh> ")
    terminal.type("j power on && j power is-on\r")
    await terminal.expect("true")
    terminal.type("j console\r")
    await terminal.expect("=> ")
    terminal.type("x\x1d\x1d")
    await terminal.expect("sh> ")
    terminal.type("\x03")
    await terminal.expect("sh> ")
    terminal.type("exit\r")
    assert await terminal.status() in (0, 130)
    assert bench.lab.released == ["demo"]


@pytest.mark.parametrize(
    "words",
    [("console", *LEASED, "--watch"), ("shell", *LEASED, "--", "j", "console", "attach", "--watch")],
    ids=["jumplab console", "j"],
)
async def test_who_only_watches_types_nothing(user: User, words: tuple[str, ...]) -> None:
    watching = await user.start("jumplab", *words, typing=True)
    assert watching.stdin is not None
    assert watching.stdout is not None
    watching.stdin.write(b"hello")
    assert await watching.stdout.readexactly(3) == b"=> "
    watching.send_signal(signal.SIGTERM)
    ended = await outcome_of(watching)
    assert (ended.status, ended.out) == (128 + signal.SIGTERM, "")


async def test_who_only_watches_can_not_be_the_only_one_that_types(
    user: User, one_sentence: Callable[[Outcome, int], str]
) -> None:
    refused = await user.run("jumplab", "console", *LEASED, "--watch", "--exclusive")
    assert "--watch and --exclusive exclude each other" in one_sentence(refused, 2)


async def test_a_long_call_has_a_bar_at_a_terminal(user: User) -> None:
    terminal = Terminal(user, "jumplab", "shell", *LEASED, "--", "j", "thermometer", "calibrate")
    await terminal.expect("storing")
    await terminal.expect("3/3")
    assert await terminal.status() == 0


async def test_a_lost_console_gives_the_terminal_back(user: User, bench: Bench) -> None:
    terminal = Terminal(user, "jumplab", "console", *LEASED)
    await terminal.expect("=> ")
    await bench.host.end('lease "demo" has expired')
    await terminal.expect('jumplab: lease "demo" has expired')
    assert await terminal.status() == 1


async def test_a_console_warns_of_its_lease_s_end_and_says_why_it_came(user: User, bench: Bench) -> None:
    def place(lease: client_pb2.Lease) -> None:
        become_ready(lease)
        lease.expected_end_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))

    bench.lab.place = place
    terminal = Terminal(user, "jumplab", "console", *LEASED, columns=200)
    await terminal.expect("=> ")
    soon = datetime.now(UTC) + timedelta(minutes=2, seconds=2)
    await bench.lab.change("demo", lambda lease: lease.expected_end_time.FromDatetime(soon))
    await terminal.expect('jumplab: lease "demo" ends in 2 minutes, at ')
    await bench.host.end("the lease has ended")
    await bench.lab.change("demo", lambda lease: become_ended(lease, "Released", "an administrator has released it"))
    said, status = await terminal.rest()
    assert 'jumplab: lease "demo" has ended: an administrator has released it' in said
    assert "jumplab: the lease has ended" not in said
    assert status == 1


async def test_a_pipe_is_typed_into_the_console_which_ends_with_it(user: User, bench: Bench) -> None:
    process = await user.start("jumplab", "console", *LEASED, typing=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"hello")
    assert await process.stdout.readuntil(b"[hello]") == b"=> [hello]"
    process.stdin.close()
    assert (await outcome_of(process)).status == 0
    assert bench.lab.released == ["demo"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there are several consoles: console, spare; choose one with --driver"),
        (["--driver", "power"], 'there is no console "power" (there are: console, spare)'),
    ],
)
async def test_which_console_is_meant_must_be_clear(
    words: list[str], said: str, lab: LabDouble, authority: Authority, stranger: User
) -> None:
    root = {"console": EchoConsole(), "spare": EchoConsole(), "power": Switch()}
    async with bench_of(lab, authority, root) as bench:
        stranger.configure(config_for(bench.port, authority))
        failed = await stranger.run("jumplab", "console", *LEASED, *words)
    assert failed.status == 2
    assert said in failed.last_line
    assert lab.released == ["demo"]
