"""Consoles over telnet and SSH, and at a command's terminal: real servers, which go away and come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jumplab.driver import errors
from jumplab.testing import serve, serve_async
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.console.command import CommandConsole
from jumplab_exporter.drivers.console.ssh import SshConsole
from jumplab_exporter.drivers.console.telnet_console import TelnetConsole
from jumplab_exporter.testing import SerialDevice
from tests.drivers.consoles import received
from tests.drivers.inetd import TELNETD, Inetd
from tests.drivers.ser2net import ser2net
from tests.drivers.sshd import make_key, sshd_in

PATIENCE_SECONDS = 240


@pytest.mark.parametrize(
    ("kind", "driver"),
    [("console/telnet", TelnetConsole), ("console/ssh", SshConsole), ("console/command", CommandConsole)],
)
def test_each_is_found_by_its_name(kind: str, driver: type) -> None:
    assert driver_class(kind) is driver


@contextmanager
def telnetd() -> Iterator[Inetd]:
    assert TELNETD is not None
    with Inetd([TELNETD, "-E", "/bin/sh"]) as server:
        yield server


def works(console: Any) -> None:
    """A shell at it answers, and it is a terminal."""
    console.send("PS1='ready''> '\n")  # its echo is not the prompt
    console.expect("ready> ", timeout=PATIENCE_SECONDS)
    found = console.run("tty && echo $TERM $((6 * 7))", "ready> ", timeout=PATIENCE_SECONDS)
    assert "/dev/pts/" in found
    assert "vt100 42" in found
    assert found.status == 0


@pytest.mark.needs("telnetd")
def test_a_shell_over_telnet() -> None:
    with telnetd() as server, serve(console=TelnetConsole(host="127.0.0.1", port=server.port)) as board:
        works(board.console)


@pytest.mark.needs("telnetd")
def test_a_telnet_server_that_goes_away_is_connected_to_again_and_what_it_said_stays() -> None:
    with telnetd() as server, serve(console=TelnetConsole(host="127.0.0.1", port=server.port)) as board:
        works(board.console)
        server.close()
        _until(board, available=False)
        with pytest.raises(ConnectionError, match=f"telnet://127.0.0.1:{server.port} is disconnected: "):
            typed(board, b"lost\n")
        server.listen()
        _until(board, available=True)
        works(board.console)
        with board.console.connect(offset=0) as stream:
            assert stream.receive()


def test_a_telnet_server_that_is_not_there_yet_is_told() -> None:
    with Inetd(["true"]) as server:
        port = server.port
    with serve(console=TelnetConsole(host="127.0.0.1", port=port)) as board:
        sentence = f"telnet://127.0.0.1:{port} is not there yet: Connection refused"
        assert board.console.state().unavailable == sentence
        with pytest.raises(ConnectionError, match=sentence):
            board.console.send_break()
    with (
        pytest.raises(errors.DriverFailed, match=f"telnet://127.0.0.1:{port} can't be opened: Connection refused"),
        serve(console=TelnetConsole(host="127.0.0.1", port=port, required=True)),
    ):
        pass


@pytest.mark.needs("ser2net")
async def test_all_bytes_pass_a_console_server_s_telnet(tmp_path: Path) -> None:
    data = bytes(range(256)) * 40 + b"\r\0\r\n\xff\xff\r"
    async with SerialDevice() as device:
        with ser2net(device.path, tmp_path, telnet=True) as server:
            port = int(server.url.rpartition(":")[2])
            console = TelnetConsole(host="127.0.0.1", port=port)
            async with serve_async(console=console) as board, board.console.connect(offset=0) as stream:
                await device.send(b"begin")
                assert await received(stream, 5) == b"begin"
                await device.send(data)
                assert await received(stream, len(data)) == data
                await stream.send(data)
                heard = b""
                while len(heard) < len(data):
                    heard += await device.receive()
                assert heard == data


def typed(board: Any, text: bytes) -> None:
    """Types it, and waits until the device has it."""
    with board.console.connect() as stream:
        stream.send(text)
        stream.send_end()
        stream.result()


def _until(board: Any, *, available: bool) -> None:
    """Waits until the device is there, or away, as the console tells."""
    while bool(board.console.state().unavailable) is available:
        pass


@pytest.mark.needs("sshd")
def test_a_shell_over_ssh_and_again_after_it_was_lost(tmp_path: Path) -> None:
    with sshd_in(tmp_path) as sshd, serve(console=SshConsole(**sshd.settings)) as board:
        works(board.console)
        sshd.server.close()
        _until(board, available=False)
        with pytest.raises(ConnectionError, match=f"ssh://127.0.0.1:{sshd.server.port} is disconnected: "):
            typed(board, b"lost\n")
        sshd.server.listen()
        _until(board, available=True)
        works(board.console)


@pytest.mark.needs("sshd")
def test_a_command_over_ssh(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"command": "echo begun; exec cat"}
    with sshd_in(tmp_path) as sshd, serve(console=SshConsole(**sshd.settings, **settings)) as board:
        board.console.expect("begun", timeout=PATIENCE_SECONDS, since="lease")
        board.console.send("hello\n")
        board.console.expect("hello\r\nhello\r\n", timeout=PATIENCE_SECONDS)


@pytest.mark.needs("sshd")
def test_what_ssh_refuses_fails_the_console_with_a_sentence(tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    other = {"private_key": {"from": "file", "path": str(tmp_path / "other")}}
    host_key = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    with sshd_in(tmp_path) as sshd:
        for wrong, said in (
            (other, "refuses the user .* with this `private_key`"),
            ({"host_key": host_key}, "has another host key than `host_key`: SHA256:"),
        ):
            with (
                pytest.raises(errors.DriverFailed, match=said),
                serve(console=SshConsole(**{**sshd.settings, **wrong})),
            ):
                pass


@pytest.mark.needs("sshd")
def test_an_ssh_server_that_is_not_there_yet_is_connected_to_when_it_comes(tmp_path: Path) -> None:
    with sshd_in(tmp_path) as sshd:
        sshd.server.close()
        with serve(console=SshConsole(**sshd.settings)) as board:
            assert "is not there yet: can't be reached: Connection refused" in board.console.state().unavailable
            sshd.server.listen()
            _until(board, available=True)
            works(board.console)


def command(*words: str) -> CommandConsole:
    return CommandConsole(command=list(words))


def test_a_command_at_its_terminal() -> None:
    with serve(console=command("sh")) as board:
        works(board.console)


def test_keys_of_the_terminal_reach_the_command_alone() -> None:
    script = "trap 'echo interrupted' INT; trap 'echo quit' QUIT; echo begun; while :; do sleep 0.1; done"
    with serve(console=command("sh", "-c", script)) as board:
        board.console.expect("begun", timeout=PATIENCE_SECONDS, since="lease")
        board.console.send("\x03")
        board.console.expect("interrupted", timeout=PATIENCE_SECONDS)
        board.console.send("\x1c")
        board.console.expect("quit", timeout=PATIENCE_SECONDS)


def test_a_command_that_ends_is_started_again(tmp_path: Path) -> None:
    with serve(console=command("sh", "-c", "echo begun; read line; echo last words")) as board:
        for since in ("lease", None):
            board.console.expect("begun", timeout=PATIENCE_SECONDS, since=since)
            board.console.send("\n")
            board.console.expect("last words", timeout=PATIENCE_SECONDS)


def test_a_command_ends_with_its_lease() -> None:
    with serve(console=command("sh", "-c", "echo pid $$.; exec sleep 1000")) as board:
        found = board.console.expect(r"pid (\d+)\.", timeout=PATIENCE_SECONDS, since="lease")
        process = psutil.Process(int(found.group(1)))
    psutil.wait_procs([process])


def test_its_environment_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "a-secret-word")
    with serve(console=command("sh", "-c", "env; echo done.; cat")) as board:
        assert "a-secret-word" not in board.console.expect("done\\.", timeout=PATIENCE_SECONDS, since="lease")
    assert "RELAY_PASSWORD" in os.environ


async def test_a_program_that_is_missing_fails_the_console_and_its_check() -> None:
    said = "the program no-such-program was not found; install it, or correct its path"
    with pytest.raises(OSError, match=said):
        await command("no-such-program").check()
    with pytest.raises(errors.DriverFailed, match=said):
        async with serve_async(console=command("no-such-program")):
            pass


@pytest.mark.parametrize(
    ("driver", "settings", "said"),
    [
        (TelnetConsole, {"host": ""}, "host"),
        (TelnetConsole, {"host": "a", "port": 70000}, "port: must be at most 65535"),
        (TelnetConsole, {"host": "a", "terminal": "-x"}, "terminal"),
        (CommandConsole, {"command": ""}, "command"),
        (CommandConsole, {"command": "a 'b"}, "command"),
        (SshConsole, {"host": "a", "user": "b", "host_key": "c"}, "host_key: it is no public key"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(driver: type, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        driver(**settings)
