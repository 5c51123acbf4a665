"""Typed boards: what a class declares, held against what the exporter has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

import jumplab
from jumplab.client.config import ClientConfig
from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.drivers.console import AsyncConsoleClient, ConsoleClient
from jumplab.drivers.network import TcpClient
from jumplab.drivers.power import AsyncPowerClient, PowerClient
from jumplab.drivers.storage import AsyncStorageClient, StorageClient
from jumplab.session.host import FailedDriver
from jumplab_exporter.drivers.composite.group import Composite
from tests.client.authority import Authority
from tests.client.bench import Bench, Disk, EchoConsole, Switch, Thermometer, bench_of
from tests.client.lab_double import LabDouble, config_for


class RebootingPower(PowerClient):
    """A client class of the test's own."""

    def reboot(self) -> bool:
        self.cycle(off_seconds=0)
        return self.is_on()


class AsyncRebootingPower(AsyncPowerClient):
    async def reboot(self) -> bool:
        await self.cycle(off_seconds=0)
        return await self.is_on()


class Dut(jumplab.Board):
    power: RebootingPower
    console: ConsoleClient


class Bare(jumplab.Board):
    disk: StorageClient


class Whole(Bare):
    dut: Dut
    usb_relay: PowerClient
    thermometer: DriverClient
    video: TcpClient | None
    spare: PowerClient | None = None
    LABEL: ClassVar[str] = "x"
    _attempts: int = 0

    def boot(self) -> str:
        self._attempts += 1
        assert self.dut.power.reboot()
        return self.dut.console.expect("=> ")


class AsyncDut(jumplab.AsyncBoard):
    power: AsyncRebootingPower
    console: AsyncConsoleClient


class AsyncWhole(jumplab.AsyncBoard):
    dut: AsyncDut
    disk: AsyncStorageClient
    usb_relay: AsyncPowerClient
    thermometer: AsyncDriverClient
    video: AsyncPowerClient | None


@pytest.fixture
async def board(lab: LabDouble, authority: Authority) -> AsyncIterator[Bench]:
    group = Composite()
    group.children = {"power": Switch(), "console": EchoConsole(), "unused": Switch()}
    drivers = {"dut": group, "usb-relay": Switch(), "disk": Disk(), "thermometer": Thermometer(), "spare": Switch()}
    drivers["broken"] = FailedDriver(reason="no such device: /dev/ttyUSB9")
    async with bench_of(lab, authority, drivers) as bench:
        yield bench


@pytest.fixture
def config(board: Bench, authority: Authority) -> ClientConfig:
    return config_for(board.port, authority)


async def test_plain_code_holds_the_board_that_its_class_declares(config: ClientConfig) -> None:
    def test_script() -> None:
        with jumplab.lease("board=x", board=Whole, client=config) as board:
            assert isinstance(board, Whole)
            assert board.boot() == "=> "
            board.usb_relay.on()
            assert board.usb_relay.is_on()
            assert board.disk.size() == 0
            assert board.video is None
            assert board.spare is not None
            assert not board.spare.is_on()
            assert board.thermometer.read_at(3) == {"C": 23.5}
            assert not hasattr(board, "broken")

    await asyncio.to_thread(test_script)


async def test_asyncio_holds_the_same_board(board: Bench, config: ClientConfig) -> None:
    async with jumplab.lease("board=x", board=AsyncWhole, name="demo", client=config) as leased:
        assert isinstance(leased.dut, AsyncDut)
        assert await leased.dut.power.reboot()
        assert await leased.dut.console.expect("=> ") == "=> "
        assert await leased.disk.size() == 0
        assert await leased.thermometer.call("read_at", 3) == {"C": 23.5}
        assert leased.video is None
        async with jumplab.attach("demo", board=AsyncWhole, client=config) as attached:
            await attached.usb_relay.on()
        assert await leased.usb_relay.is_on()
    assert board.lab.released == ["demo"]


async def test_a_dash_in_a_name_is_an_underscore_without_a_class_too(config: ClientConfig) -> None:
    def test_script() -> None:
        with jumplab.lease("board=x", client=config) as board:
            board.usb_relay.on()
            assert "usb_relay" in dir(board)

    await asyncio.to_thread(test_script)
    async with jumplab.lease("board=x", client=config) as board:
        await board.usb_relay.on()


async def test_a_board_that_was_given_back_says_so(config: ClientConfig) -> None:
    def test_script() -> None:
        with jumplab.lease("board=x", board=Whole, client=config) as board:
            pass
        with pytest.raises(jumplab.SessionEnded, match="can't be used any more"):
            board.dut.power.on()
        with pytest.raises(jumplab.SessionEnded, match="can't be used any more"), board.dut.console.connect():
            raise AssertionError("it must not be entered")

    await asyncio.to_thread(test_script)


class WrongDut(jumplab.Board):
    power: ConsoleClient
    fan: PowerClient


class Wrong(jumplab.Board):
    dut: WrongDut
    disk: StorageClient
    flasher: DriverClient
    broken: Dut
    spare: StorageClient | None


async def test_all_that_does_not_fit_is_one_sentence_and_the_lease_is_released(
    board: Bench, config: ClientConfig
) -> None:
    def test_script() -> str:
        with (
            pytest.raises(jumplab.BoardMismatch) as caught,
            jumplab.lease("board=x", board=Wrong, name="demo", client=config),
        ):
            raise AssertionError("it must not be entered")
        assert board.lab.released == ["demo"]
        return str(caught.value)

    assert await asyncio.to_thread(test_script) == (
        'exporter "bench-1" does not fit board Wrong: '
        '"dut.power" offers jumplab.drivers.power.PowerInterface, and ConsoleClient needs '
        "jumplab.drivers.console.ConsoleInterface; "
        '"dut.fan" is missing, "dut" has power, console, unused; '
        '"flasher" is missing, it has dut, usb-relay, disk, thermometer, spare, broken; '
        '"broken" did not start: no such device: /dev/ttyUSB9; '
        '"spare" offers jumplab.drivers.power.PowerInterface, and StorageClient needs '
        "jumplab.drivers.storage.StorageInterface"
    )


class WrongAsync(jumplab.AsyncBoard):
    dut: AsyncPowerClient


async def test_asyncio_is_told_the_same(board: Bench, config: ClientConfig) -> None:
    with pytest.raises(jumplab.BoardMismatch, match="AsyncPowerClient needs jumplab.drivers.power.PowerInterface"):
        async with jumplab.lease("board=x", board=WrongAsync, name="demo", client=config):
            raise AssertionError("it must not be entered")
    assert board.lab.released == ["demo"]


class WithBroken(jumplab.Board):
    broken: PowerClient


async def test_a_driver_that_did_not_start_says_so_when_it_is_called(config: ClientConfig) -> None:
    def test_script() -> None:
        with (
            jumplab.lease("board=x", board=WithBroken, client=config) as board,
            pytest.raises(jumplab.DriverFailed, match="no such device"),
        ):
            board.broken.on()

    await asyncio.to_thread(test_script)


class WithNumber(jumplab.Board):
    baud: int


class WithTwo(jumplab.Board):
    power: PowerClient | ConsoleClient


class WithNone(jumplab.Board):
    power: None


class Mixed(jumplab.Board):
    power: AsyncPowerClient


class MixedAsync(jumplab.AsyncBoard):
    dut: Dut


class Below(jumplab.Board):
    number: WithNumber


class Unknown(jumplab.Board):
    power: NotImported  # type: ignore[name-defined] # noqa: F821 - what is tried


@pytest.mark.parametrize(
    ("board", "sentence"),
    [
        (WithNumber, "WithNumber.baud is annotated with int, which is no client class"),
        (WithTwo, r"WithTwo.power is annotated with .*PowerClient \| .*ConsoleClient, which is no client class"),
        (WithNone, "WithNone.power is annotated with NoneType, which is no client class"),
        (Mixed, "Mixed.power is annotated with AsyncPowerClient, which is for asyncio"),
        (MixedAsync, "MixedAsync.dut is annotated with Dut, which is for plain code"),
        (Below, "WithNumber.baud is annotated with int"),
        (Unknown, "annotations of board Unknown can't be read .*NotImported.* at the top level of tests.client.test_b"),
        (object, "board must be a class derived from jumplab.Board or AsyncBoard, not <class 'object'>"),
        (Dut(), "board must be a class derived from jumplab.Board or AsyncBoard, not <.*Dut object"),
        (PowerClient, "board must be a class derived from jumplab.Board"),
        ("Dut", "board must be a class derived from jumplab.Board"),
    ],
)
def test_a_class_that_is_no_board_is_refused_before_anything_is_leased(board: Any, sentence: str) -> None:
    with pytest.raises(jumplab.ConfigurationError, match=sentence):
        jumplab.lease("board=x", board=board)
    with pytest.raises(jumplab.ConfigurationError, match=sentence):
        jumplab.attach("demo", board=board)


class Tree(jumplab.Board):
    power: PowerClient
    below: Tree | None


class Pair(jumplab.Board):
    left_one: Dut
    right: Dut
    third: Dut | None


def test_a_board_of_boards_names_the_members_of_its_lease(authority: Authority) -> None:
    config = config_for(1, authority)
    jumplab.lease("board=x", board=Tree, client=config)
    jumplab.lease(exporters={"left-one": "a=b", "right": "a=b"}, board=Pair, client=config)
    with pytest.raises(jumplab.ConfigurationError, match='"right", which is no member .* are left-one, b'):
        jumplab.lease(exporters={"left-one": "a=b", "b": "a=b"}, board=Pair, client=config)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"selector": ["board=x"]}, r"selector must be a string such as \"board=x,rev=2\", not \['board=x'\]"),
        ({"selector": None}, "selector must be a string"),
        ({"exporter": 3}, "exporter must be a string"),
        ({"exporters": ["board=x"]}, "exporters must be a dict such as"),
        ({"exporters": {"dut": 3}}, r'exporters\["dut"\] must be a string such as "board=x"'),
        ({"exporters": {3: "board=x"}}, "a member's name in exporters must be a string"),
        ({"duration": 30}, 'duration must be a string such as "30m", or a timedelta, not 30'),
        ({"duration": None}, "duration must be a string"),
        ({"max": 2}, "max must be a string"),
        ({"keep_detached": "2h"}, "keep_detached must be True or False, not '2h'"),
        ({"tags": ["ticket"]}, 'tags must be a dict such as {"ticket": "4711"}, not'),
        ({"tags": {"ticket": 4711}}, r'tags\["ticket"\] must be a string such as "4711", not 4711'),
        ({"wait_timeout": 1.5}, "wait_timeout must be a string"),
        ({"reconnect_within": 60}, "reconnect_within must be a string"),
        ({"name": 7}, "name must be a string"),
        ({"name": ""}, "name must be a string"),
        ({"client": b"ci"}, "client must be the name of a client configuration, or a ClientConfig"),
        ({"client": "c\0i"}, "can't be the name of a client configuration"),
        ({"name": "a/b"}, 'lease "a/b": the name is not valid'),
        ({"selector": "board in (a"}, "a comma or [)] is missing at the end, in the selector"),
        ({"selector": " "}, "say what to lease"),
        ({"tell": "loudly"}, "tell must be a function"),
    ],
)
async def test_a_wrong_argument_is_a_sentence(config: ClientConfig, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(jumplab.ConfigurationError, match=sentence):
        jumplab.lease(**{"selector": "board=x", "client": config, **arguments})
    if arguments.keys() <= {"client", "wait_timeout", "reconnect_within", "tell", "name"}:
        with pytest.raises(jumplab.ConfigurationError, match=sentence):
            jumplab.attach(**{"name": "demo", **arguments})
