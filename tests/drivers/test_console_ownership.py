"""A device has one owner: others are kept out during a lease, and whoever is in the way is named."""

import asyncio
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.testing import serve_async
from jumplab_exporter import device_owner
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.console.opening import open_port
from jumplab_exporter.drivers.console.serial import SerialConsole
from jumplab_exporter.testing import SerialDevice

TIOCGEXCL = 0x80045440
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
as_others_do = pytest.mark.parametrize("form", ["{}", "spy://{}", "alt://{}?class=PosixPollSerial"])

OPEN = "import os, sys; line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); "
LOCK = OPEN + "import fcntl; fcntl.flock(line, fcntl.LOCK_EX); "
EXCLUDE = OPEN + "import fcntl, termios; fcntl.ioctl(line, termios.TIOCEXCL); "
BE_THE_DEVICE = (
    "import os, sys, tty; own, cable = os.openpty(); tty.setraw(cable); os.symlink(os.ttyname(cable), sys.argv[1]); "
    "os.write(own, b'tick'); "
)


@asynccontextmanager
async def program(code: str, path: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that has done so, and stays."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{code}print(flush=True); sys.stdin.read()", str(path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline()
        yield process
    finally:
        process.kill()
        await process.communicate()


def is_locked(path: str) -> tuple[bool, bool]:
    """By a lock, and for all programs of others."""
    line = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        exclusive = fcntl.ioctl(line, TIOCGEXCL, bytes(4)) != bytes(4)
        try:
            fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, exclusive
        return False, exclusive
    finally:
        os.close(line)


@only_root
@as_others_do
async def test_others_are_kept_out_while_a_lease_lasts_and_not_longer(form: str) -> None:
    async with SerialDevice() as device:
        for _ in range(2):
            async with serve_async(console=SerialConsole(url=form.format(device.path))):
                assert is_locked(device.path) == (True, True)
            assert is_locked(device.path) == (False, False)


@as_others_do
async def test_a_process_that_has_the_device_for_itself_is_named(form: str) -> None:
    async with SerialDevice() as device, program(LOCK, device.path) as other:
        with pytest.raises(errors.DriverFailed, match=rf'it is in use by process {other.pid} \(".*python.*-c import'):
            async with serve_async(console=SerialConsole(url=form.format(device.path))):
                pass
    assert other.returncode


@only_root
async def test_a_process_that_this_user_can_not_see_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "tty"
    async with program(BE_THE_DEVICE, path), program(EXCLUDE, path):
        device = os.path.realpath(path)  # noqa: ASYNC240 - of a link in memory
        os.chmod(device, 0o666)
        os.seteuid(65534)
        try:
            with pytest.raises(errors.DriverFailed, match=f"in use by another process, .* as root, fuser {device}"):
                async with serve_async(console=SerialConsole(url=device)):
                    pass
        finally:
            os.seteuid(0)


@as_others_do
async def test_one_that_only_has_it_open_is_warned_of(form: str, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        SerialDevice() as device,
        program(OPEN, device.path) as other,
        serve_async(console=SerialConsole(url=form.format(device.path))) as board,
    ):
        await device.send(b"hello")
        await board.console.expect("hello", timeout=240)
    assert f"{form.format(device.path)}: process {other.pid} (" in caplog.text
    assert "has it open as well" in caplog.text


async def test_the_program_at_the_other_end_of_a_pseudo_terminal_is_the_device(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tty"
    async with program(BE_THE_DEVICE, path), serve_async(console=SerialConsole(url=str(path))):
        pass
    assert not caplog.records


async def test_a_lock_file_of_a_process_that_lives_counts_and_one_that_was_left_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_owner, "_LOCK_FILES", tmp_path)
    async with SerialDevice() as device:
        lock = tmp_path / f"LCK..{device.path.rpartition('/')[2]}"
        async with program("import sys; ", device.path) as other:
            lock.write_text(f"{other.pid:10}\n")
            with pytest.raises(errors.DriverFailed, match=rf"it is in use by process {other.pid} \("):
                async with serve_async(console=SerialConsole(url=device.path)):
                    pass
        for left in (f"{other.pid:10}\n", f"{os.getpid():10}\n", "", "nonsense"):
            lock.write_text(left)
            async with serve_async(console=SerialConsole(url=device.path)):
                pass


@only_root
@as_others_do
async def test_a_lease_that_ends_at_once_leaves_the_device_to_others(form: str) -> None:
    async with SerialDevice() as device:
        console = SerialConsole(url=form.format(device.path))
        await console.__aenter__()
        await console.__aexit__(None, None, None)
        assert is_locked(device.path) == (False, False)


@only_root
@as_others_do
async def test_an_opening_that_is_given_up_leaves_the_device_to_others(form: str) -> None:
    async with SerialDevice() as device:
        for turns in range(6):
            opening = asyncio.create_task(open_port(form.format(device.path), Line(), lambda _: None), name="opening")
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled():
                await opening.result().aclose()
            assert is_locked(device.path) == (False, False)


async def test_a_program_that_keeps_its_own_pseudo_terminal_to_itself_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tty"
    async with program(f"{BE_THE_DEVICE}import fcntl; fcntl.flock(cable, fcntl.LOCK_EX); ", path) as other:
        with pytest.raises(errors.DriverFailed, match=rf"it is in use by process {other.pid} \("):
            async with serve_async(console=SerialConsole(url=str(path))):
                pass


async def test_two_drivers_of_one_exporter_are_told_so() -> None:
    async with SerialDevice() as device:
        one, other = SerialConsole(url=device.path), SerialConsole(url=device.path)
        with pytest.raises(errors.DriverFailed, match="in use by another driver of this exporter"):
            async with serve_async(one=one, other=other):
                pass


async def test_a_device_that_comes_while_another_program_looks_at_it_is_opened_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ttyACM0"
    async with serve_async(console=SerialConsole(url=str(path))) as board, SerialDevice() as device:
        async with program(LOCK, device.path) as other:
            path.symlink_to(device.path)
            async with asyncio.timeout(240):
                while f"in use by process {other.pid}" not in caplog.text:  # noqa: ASYNC110 - the log tells nobody
                    await asyncio.sleep(0.01)
            with pytest.raises(errors.CallDisconnected, match="is not there yet"):
                await board.console.send_break()
        await device.send(b"hello")
        await board.console.expect("hello", timeout=240)
