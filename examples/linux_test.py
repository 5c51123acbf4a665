"""Tests of a board that boots Linux with U-Boot, each from the state that it wants.

    pytest examples/linux_test.py --jumplab-lease board=demo --jumplab-strategy linux_test:DemoLinux

docs/strategies.md shows an exporter's file for such a board in QEMU. Linux is booted once: the board stays where it is.
"""

from typing import Literal

import pytest

import jumplab
from jumplab.drivers.console import ConsoleClient
from jumplab.drivers.power import PowerClient


class Demo(jumplab.Board):
    power: PowerClient
    console: ConsoleClient


States = Literal["off", "bootloader", "shell", "mounted"]


class DemoLinux(jumplab.UBootLinux[Demo, States]):
    """The ready strategy, with this board's password and one more state."""

    password = "lab"  # noqa: S105 - of a demonstration

    @jumplab.way("shell", "mounted", timeout="1m")
    def mount(self) -> None:
        """Mounts a file system in memory."""
        assert self.console.run("mount -t tmpfs none /tmp", self.shell_prompt).status == 0


@pytest.mark.board_state("bootloader")
def test_the_boot_loader_knows_its_version(board: Demo, strategy: DemoLinux) -> None:
    assert "U-Boot" in board.console.run("version", strategy.bootloader_prompt)


@pytest.mark.board_state("shell")
def test_linux_runs(board: Demo, strategy: DemoLinux) -> None:
    assert board.console.run("uname", strategy.shell_prompt) == "Linux"


@pytest.mark.board_state("mounted")
def test_files_are_kept(board: Demo, strategy: DemoLinux) -> None:
    board.console.run("echo here > /tmp/file", strategy.shell_prompt)
    assert board.console.run("cat /tmp/file", strategy.shell_prompt) == "here"
