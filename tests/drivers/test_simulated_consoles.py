"""The public simulators of consoles over telnet and SSH, as tests of users take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jumplab.driver import DriverClient
from jumplab.testing import serve
from jumplab_exporter.drivers.console.ssh import SshConsole
from jumplab_exporter.drivers.console.telnet_console import TelnetConsole
from jumplab_exporter.testing import TelnetDevice
from jumplab_exporter.testing.prompt_shell import PromptShell
from jumplab_exporter.testing.ssh import SshDevice

PATIENCE_SECONDS = 240
ANSWERS = {"version": "device 1.0\n", "temperature --unit C": "21\n22\n"}


@pytest.fixture(params=["telnet", "ssh"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("BOARD_PASSWORD", "board")
    with TelnetDevice(ANSWERS) if request.param == "telnet" else SshDevice(ANSWERS, password="board") as device:
        yield device


@pytest.fixture
def board(device: Any) -> Iterator[DriverClient]:
    with serve(console=console_of(device)) as board:
        yield board


def console_of(device: Any) -> TelnetConsole | SshConsole:
    if isinstance(device, TelnetDevice):
        return TelnetConsole(host="127.0.0.1", port=device.port)
    return SshConsole(
        host="127.0.0.1",
        port=device.port,
        user=device.user,
        host_key=device.host_key,
        password={"from": "env", "name": "BOARD_PASSWORD"},
    )


def test_a_command_is_answered_at_the_prompt(board: Any, device: Any) -> None:
    board.console.expect(device.prompt, timeout=PATIENCE_SECONDS, since="lease")
    board.console.send("version\n")
    board.console.expect("version\r\ndevice 1.0\r\ndevice> ", timeout=PATIENCE_SECONDS)
    assert device.commands == ["version"]


def test_run_has_the_output_and_the_status(board: Any, device: Any) -> None:
    board.console.expect(device.prompt, timeout=PATIENCE_SECONDS, since="lease")
    ran = board.console.run("temperature  --unit C", device.prompt, timeout=PATIENCE_SECONDS)
    assert (ran.splitlines(), ran.status) == (["21", "22"], 0)
    missing = board.console.run("reboot now", device.prompt, timeout=PATIENCE_SECONDS)
    assert (missing.strip(), missing.status) == ("sh: reboot: not found", 127)
    assert device.commands == ["temperature --unit C", "reboot now"]


def test_a_device_that_hangs_up_is_connected_to_again(board: Any, device: Any) -> None:
    board.console.expect(device.prompt, timeout=PATIENCE_SECONDS, since="lease")
    device.hang_up()
    board.console.expect(device.prompt, timeout=PATIENCE_SECONDS)
    assert device.connections == 2


def test_a_telnet_device_says_something_by_itself() -> None:
    with TelnetDevice(prompt="# ") as device, serve(console=console_of(device)) as board:
        board.console.expect("# ", timeout=PATIENCE_SECONDS, since="lease")
        device.say("kernel: \xff\n")
        board.console.expect("kernel: \xff\n", timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"version\r\n", b"version\r\ndevice 1.0\r\n> "),
        (b"versiom\x7fn\r", b"versiom\b \bn\r\ndevice 1.0\r\n> "),
        (b"\x7f\n", b"\r\n> "),
        (b"vers\x03version\n", b"vers^C\r\n> version\r\ndevice 1.0\r\n> "),
        (b"no; echo $?;echo $?\n", b"no; echo $?;echo $?\r\nsh: no: not found\r\n127\r\n0\r\n> "),
    ],
)
def test_its_shell_is_like_others(typed: bytes, said: bytes) -> None:
    shell = PromptShell(ANSWERS, "> ", lambda _: None)
    assert shell.begin() == b"> "
    assert shell.feed(typed) == said
