"""The ready strategy with real firmware and a real Linux, in QEMU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import jumplab
from jumplab.driver import GenericClient
from jumplab.testing import serve, serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from tests.strategies import linux

pytestmark = [pytest.mark.needs("qemu"), pytest.mark.needs("linux")]


class QemuLinux(jumplab.UBootLinux):
    password = linux.PASSWORD
    bootloader_timeout, boot_timeout, login_timeout = "10m", "10m", "10m"


class AsyncQemuLinux(jumplab.AsyncUBootLinux):
    password = linux.PASSWORD
    bootloader_timeout, boot_timeout, login_timeout = "10m", "10m", "10m"


@pytest.fixture
def board() -> Iterator[GenericClient]:
    with serve(board=QemuBoard(arguments=linux.linux().arguments)) as root:
        yield root.board


def test_from_nothing_to_the_shell_and_back_to_the_firmware(board: GenericClient) -> None:
    strategy = QemuLinux(board)
    strategy.transition("shell")
    assert "Linux" in board.console.run("uname -a", strategy.shell_prompt, 240)
    board.console.run("touch /tmp/still-here", strategy.shell_prompt, 240)
    strategy.transition("shell")
    assert board.console.run("ls /tmp", strategy.shell_prompt, 240) == "still-here"
    strategy.transition("bootloader")
    assert "U-Boot" in board.console.run("version", strategy.bootloader_prompt, 240)
    assert [step.name for step in strategy.record if not step.is_probe] == [
        "switch_off",
        "stop_in_bootloader",
        "boot_linux",
        "switch_off",
        "stop_in_bootloader",
    ]


@pytest.mark.nightly
async def test_from_nothing_to_the_shell_with_asyncio() -> None:
    async with serve_async(board=QemuBoard(arguments=linux.linux().arguments)) as root:
        strategy = AsyncQemuLinux(root.board)
        await strategy.transition("shell")
        assert await root.board.console.run("whoami", strategy.shell_prompt, 240) == linux.USER
        await strategy.transition("shell")
        await root.board.power.off()
        await strategy.transition("shell")
        assert [step.failure for step in strategy.record if step.is_probe] == ["", "it is in another one"]


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        ("root", "wrong", 'the board refused the user "root" with the password of Otherwise'),
        pytest.param("root", "", 'asks for the password of "root", and Otherwise has', marks=pytest.mark.nightly),
        pytest.param("nobody", "lab", 'the board refused the user "nobody"', marks=pytest.mark.nightly),
    ],
)
def test_a_login_that_fails_says_so(board: GenericClient, user: str, password: str, said: str) -> None:
    strategy = type("Otherwise", (QemuLinux,), {"user": user, "password": password})(board)
    with pytest.raises(jumplab.TransitionFailed) as failed:
        strategy.transition("shell")
    assert said in str(failed.value)
    assert isinstance(failed.value.__cause__, jumplab.LoginFailed)
    assert "login:" in failed.value.console
    assert "lab" not in failed.value.console.split()


def test_a_kernel_panic_is_noticed_when_it_comes(board: GenericClient) -> None:
    class WithoutRoot(QemuLinux):
        boot_command = linux.BOOT_WITHOUT_ROOT_COMMAND

    strategy = WithoutRoot(board)
    with pytest.raises(
        jumplab.TransitionFailed, match="Kernel panic - not syncing: VFS: Unable to mount root"
    ) as failed:
        strategy.transition("shell")
    assert isinstance(failed.value.__cause__, jumplab.BoardPanicked)
    assert failed.value.step.seconds < 600, "it was noticed by the time limit"
    board.power.off()
