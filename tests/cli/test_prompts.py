"""The prompt of a leased shell, in each common shell, with a user's own start files; and what a terminal shows."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jumplab.protocol.client_v1 import client_pb2
from tests.cli.local_files import written
from tests.cli.terminal import Terminal
from tests.cli.user import User
from tests.client.bench import Bench
from tests.client.lab_double import become_ended, become_pending, become_ready

SHELLS = [
    pytest.param("bash", ".bashrc", "PS1='own> '; export OWN=started", marks=pytest.mark.needs("bash")),
    pytest.param("zsh", ".zshrc", "PROMPT='own> '; export OWN=started", marks=pytest.mark.needs("zsh")),
    pytest.param("sh", "start.sh", "PS1='own> '; OWN=started"),
    pytest.param(
        "fish",
        ".config/fish/config.fish",
        "set -x OWN started; function fish_prompt; echo -n 'own> '; end",
        marks=pytest.mark.needs("fish"),
    ),
]


def program(name: str) -> str:
    found = shutil.which(name)
    assert found
    return found


@pytest.fixture
def at_home(stranger: User) -> User:
    """A user whose shells have a place for their own files."""
    stranger.more |= {"XDG_CONFIG_HOME": str(stranger.home / ".config"), "ENV": str(stranger.home / "start.sh")}
    return stranger


@pytest.mark.parametrize(("shell", "file", "text"), SHELLS)
async def test_the_prompt_shows_what_is_used_before_the_user_s_own(
    at_home: User, tmp_path: Path, shell: str, file: str, text: str
) -> None:
    own = at_home.home / file
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(text + "\n")
    at_home.more["SHELL"] = program(shell)
    words = ("shell", "--exporter-config", str(written(tmp_path)))
    terminal = Terminal(at_home, "jumplab", *words, columns=200, term="xterm")
    await terminal.expect("[bench] own> ")
    terminal.type('echo "it $OWN in $ENV-$ZDOTDIR-$JUMPLAB_EXPORTER"\n')
    await terminal.expect(f"it started in {at_home.home}/start.sh--bench")
    await terminal.expect("[bench] own> ")
    terminal.type("exit 5\n")
    assert await terminal.status() == 5


@pytest.mark.needs("zsh")
async def test_zsh_s_folder_of_start_files_may_be_elsewhere(at_home: User, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / ".zshenv").write_text("export OWN=started\n")
    (elsewhere / ".zshrc").write_text("PROMPT='own> '\n")
    at_home.more |= {"SHELL": program("zsh"), "ZDOTDIR": str(elsewhere)}
    terminal = Terminal(at_home, "jumplab", "shell", "--exporter-config", str(written(tmp_path)), columns=200)
    await terminal.expect("[bench] own> ")
    terminal.type("echo it $OWN in $ZDOTDIR\n")
    await terminal.expect(f"it started in {elsewhere}")
    await terminal.expect("[bench] own> ")
    terminal.type("exit\n")
    await terminal.status()


async def test_a_shell_without_start_files_and_one_within_it(user: User) -> None:
    terminal = Terminal(user, "jumplab", "shell", "-l", "board=x", "--name", "demo", columns=200)
    await terminal.expect("[demo on bench-1] sh> ")
    terminal.type("ENV=; sh -c 'echo inner $JUMPLAB_LEASE $ENV'\n")
    await terminal.expect("inner demo")
    terminal.type("exit\n")
    text, _ = await terminal.rest()
    assert 'jumplab: released lease "demo" of exporter "bench-1"' in text


async def test_a_gang_s_shell_shows_the_lease(user: User, bench: Bench) -> None:
    def place(lease: client_pb2.Lease) -> None:
        become_ready(lease)
        for member in lease.members:
            member.exporter = "namespaces/lab/exporters/bench-1"

    bench.lab.place = place
    members = ("--member", "dut=board=x", "--member", "peer=@bench-1")
    terminal = Terminal(user, "jumplab", "shell", *members, "--name", "demo", columns=200)
    await terminal.expect("[demo] sh> ")
    terminal.type("exit\n")
    await terminal.status()


async def test_a_name_with_other_characters_does_nothing_in_the_prompt(at_home: User, tmp_path: Path) -> None:
    file = written(tmp_path).rename(tmp_path / "$(echo pwned) %n.yaml")
    terminal = Terminal(at_home, "jumplab", "shell", "--exporter-config", str(file), columns=200)
    await terminal.expect("[--echo-pwned---n] sh> ")
    terminal.type("exit\n")
    await terminal.status()


async def test_a_shell_that_is_not_known_is_started_as_it_is(at_home: User, tmp_path: Path) -> None:
    own = tmp_path / "own-shell"
    own.write_text('#!/bin/sh\necho "$# arguments, $ENV"\n')
    own.chmod(0o755)
    at_home.more["SHELL"] = str(own)
    terminal = Terminal(at_home, "jumplab", "shell", "--exporter-config", str(written(tmp_path)), columns=200)
    await terminal.expect(f"0 arguments, {at_home.home}/start.sh")
    assert await terminal.status() == 0


@pytest.mark.needs("bash")
async def test_a_warning_leaves_the_line_that_is_edited(user: User, bench: Bench) -> None:
    def place(lease: client_pb2.Lease) -> None:
        become_ready(lease)
        lease.expected_end_time.FromDatetime(datetime.now(UTC) + timedelta(hours=1))

    bench.lab.place = place
    user.more["SHELL"] = program("bash")
    (user.home / ".bashrc").write_text("PS1='own> '\n")
    terminal = Terminal(user, "jumplab", "shell", "-l", "board=x", "--name", "demo", columns=200, term="xterm")
    await terminal.expect("own> ")
    terminal.type("echo the wo")
    await terminal.expect("echo the wo")
    soon = datetime.now(UTC) + timedelta(minutes=2, seconds=2)
    await bench.lab.change("demo", lambda lease: lease.expected_end_time.FromDatetime(soon))
    before = await terminal.expect('jumplab: lease "demo" ends in 2 minutes, at ')
    assert before == "\x1bD\x1bM\x1b7\r\x1b[1L"  # a line is inserted above
    await terminal.expect("\x1b8\x1b[1B")  # and the cursor is where it was in the line
    terminal.type("rld | tr a-z A-Z\n")
    await terminal.expect("THE WORLD")
    await bench.lab.change("demo", become_ended)
    await terminal.expect('lease "demo" has ended: expired')
    terminal.type("exit\n")
    text, status = await terminal.rest()
    assert status == 0
    assert "released" not in text


async def test_a_waiting_lease_is_one_line_that_changes(user: User, bench: Bench) -> None:
    bench.lab.place = lambda lease: become_pending(lease)
    options = ("-l", "board=x", "--name", "demo", "--results", str(user.home))
    terminal = Terminal(user, "jumplab", "run", *options, "--", "echo", "used", columns=60, term="xterm")
    shown = await terminal.expect("\x1b[K")
    assert '\rjumplab: lease "demo": number 1; expected to begin at ' in shown
    assert max(map(len, shown.split("\r"))) < 60
    assert shown.endswith("…")
    await terminal.expect("\r")  # the line once more, with the time that it has waited
    await bench.lab.change("demo", become_ready)
    text, status = await terminal.rest()
    assert status == 0
    assert "used" in text
    assert text.partition("used")[0].count("\n") == 2  # that it is ready, and where results go
