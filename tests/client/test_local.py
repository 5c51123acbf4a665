"""`jumplab.local`: the drivers of a file in a child process, in plain code, with asyncio, as a board, and in pytest."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import jumplab
from jumplab.drivers.console import ConsoleClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient
from tests.cli.local_files import EXPORT, written
from tests.exporter.waiting import alive


class Machine(jumplab.Board):
    power: PowerClient
    console: ConsoleClient


class Bench(jumplab.Board):
    power: PowerClient
    board: Machine


class AsyncBench(jumplab.AsyncBoard):
    power: AsyncPowerClient


class Camera(jumplab.Board):
    camera: PowerClient


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def no_exporter_left() -> Iterator[None]:
    """None of the exporters that a test has started is there afterwards."""
    yield
    assert not exporters()


def exporters() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if alive(each.pid) and "jumplab_exporter" in each.cmdline()]


@pytest.mark.usefixtures("no_exporter_left")
def test_plain_code_drives_a_file_s_drivers(file: Path) -> None:
    with jumplab.local(file) as board:
        board.power.on()
        assert board.power.is_on()
        board.board.power.on()
        board.board.console.expect("=> ")


@pytest.mark.usefixtures("no_exporter_left")
async def test_asyncio_drives_them_too(file: Path) -> None:
    async with jumplab.local(str(file)) as board:
        await board.power.on()
        assert await board.power.is_on()


def test_a_board_s_class_types_them(file: Path) -> None:
    with jumplab.local(file, board=Bench) as board:
        board.board.power.on()
        board.board.console.expect("=> ")
        assert type(board) is Bench


async def test_a_board_s_class_types_them_for_asyncio(file: Path) -> None:
    async with jumplab.local(file, board=AsyncBench) as board:
        await board.power.cycle(off_seconds=0)


@pytest.mark.usefixtures("no_exporter_left")
def test_a_board_that_does_not_fit_is_told(file: Path) -> None:
    sentence = 'exporter "bench" does not fit board Camera: "camera" is missing, it has board, power'
    with pytest.raises(jumplab.BoardMismatch, match=sentence), jumplab.local(file, board=Camera):
        pass


async def test_calls_of_a_killed_exporter_are_lost(file: Path) -> None:
    async with jumplab.local(file) as board:
        waiting = asyncio.create_task(board.board.console.expect("never", timeout=600))
        await board.power.on()
        exporters()[0].kill()
        with pytest.raises(jumplab.SessionLost, match='exporter "bench" of .* was killed by SIGKILL; start it again'):
            await waiting
        with pytest.raises(jumplab.SessionLost, match="was killed by SIGKILL"):
            await board.power.on()


def test_a_file_has_one_user_at_a_time(file: Path) -> None:
    with (
        jumplab.local(file),
        pytest.raises(jumplab.ConfigurationError, match="another jumplab-exporter runs"),
        jumplab.local(file),
    ):
        pass
    with jumplab.local(file) as board:
        board.power.on()


def test_a_hook_that_fails_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, hooks={"beforeLease": {"script": "exit 3", "onFailure": "endLease"}})
    with pytest.raises(jumplab.LeaseFailed, match="hook beforeLease failed with exit status 3"), jumplab.local(file):
        pass


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    missing = jumplab.local(tmp_path / "none.yaml")
    with pytest.raises(jumplab.ConfigurationError, match=r"none\.yaml: there is no such file"), missing:
        pass
    with pytest.raises(jumplab.ConfigurationError, match='config must be a string such as "bench.yaml", not 3'):
        jumplab.local(3)  # type: ignore[call-overload]
    with pytest.raises(jumplab.ConfigurationError, match='config must be a path such as "bench.yaml"'):
        jumplab.local("a\0b")
    with pytest.raises(jumplab.ConfigurationError, match="board"):
        jumplab.local("bench.yaml", board=PowerClient)  # type: ignore[type-var]


async def test_a_client_class_of_one_s_own_needs_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_lamp.py").write_text(LAMP)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    file = written(tmp_path, export=EXPORT | {"lamp": {"type": "acme_lamp.Lamp"}})
    async with jumplab.local(file) as board:
        assert await board.lamp.bright() == "lit: False"


LAMP = """
from abc import abstractmethod

from jumplab.driver import AsyncDriverClient, Driver, DriverInterface


class LampClient(AsyncDriverClient):
    async def bright(self) -> str:
        return f"lit: {await self.call('lit')}"


class LampInterface(DriverInterface):
    client = "acme_lamp.LampClient"

    @abstractmethod
    async def lit(self) -> bool: ...


class Lamp(LampInterface, Driver):
    async def lit(self) -> bool:
        return False
"""

TESTS = """
def test_first(board):
    board.power.on()


def test_second(board):
    assert board.power.is_on()
"""


def pytest_run(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_board.py").write_text(TESTS)
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, "test_board.py")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_pytest_has_one_board_for_the_whole_run(file: Path, tmp_path: Path) -> None:
    ran = pytest_run(tmp_path, "--jumplab-exporter-config", str(file))
    assert "2 passed" in ran.stdout, ran
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--jumplab-lease", "a=b"), "--jumplab-lease and --jumplab-exporter-config exclude each other"),
        ((), "2 skipped"),
    ],
)
def test_pytest_wants_one_board(file: Path, tmp_path: Path, options: Any, sentence: str) -> None:
    ran = pytest_run(tmp_path, *options, *(("--jumplab-exporter-config", str(file)) if options else ()))
    assert sentence in ran.stdout + ran.stderr


def test_an_exporter_that_dies_before_it_is_ready_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_crash.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = written(tmp_path, export={"lamp": {"type": "acme_crash.Lamp"}})
    sentence = "has ended with exit status 3 before it was ready; its output says why"
    with pytest.raises(jumplab.LeaseFailed, match=sentence), jumplab.local(file):
        pass


def test_a_hook_may_not_start_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUMPLAB_HOOK", "beforeLease")
    with pytest.raises(jumplab.ConfigurationError, match="a hook may not start an exporter"), jumplab.local(file):
        pass
