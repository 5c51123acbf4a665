"""What a driver's author gets wrong the first time: it works all the same, or a sentence says what to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jumplab.driver import AsyncDriverClient, Driver, DriverClient, DriverInterface, errors
from jumplab.drivers.power import PowerClient, PowerInterface
from jumplab.testing import serve, serve_async
from tests.cli.user import User
from tests.driver.boards import AsyncMeterClient, Meter, MeterClient, MeterInterface


class LampInterface(DriverInterface):
    client: ClassVar[str] = f"{__name__}.LampClient"

    async def shine(self, lumen: int) -> int:
        """How bright it is."""
        return lumen


class Lamp(LampInterface, Driver):
    """A lamp."""


class LampClient(DriverClient):
    """Has methods of its own, and no class for asyncio."""

    def brightest(self) -> int:
        return int(self.shine(800)) + int(self.call("shine", 1))


class FilterInterface(MeterInterface):
    client: ClassVar[str] = f"{__name__}.FilterClient"


class Filter(FilterInterface, Meter):
    """A meter with a client that adds to a meter's."""


class FilterClient(MeterClient):
    """Adds to a client that has a class for asyncio."""

    def doubled(self, channel: int) -> float:
        return 2 * float(self.volts(channel))


class Bare(Driver):
    """Names no interface."""

    async def on(self) -> None: ...


class Group(Driver):
    """Names none either, and has children."""

    def make_children(self) -> dict[str, Driver]:
        return {"lamp": Lamp()}


class Forgetful(LampInterface, Driver):
    """Leaves Driver's __init__ out."""

    def __init__(self, **configuration: Any) -> None:
        self.volts = configuration


class Careless(LampInterface, Driver):
    """Hands nothing on."""

    volts: float

    def __init__(self, **configuration: Any) -> None:
        super().__init__()


class Childless(LampInterface, Driver):
    """Returns no children."""

    def make_children(self) -> dict[str, Driver]:
        return None  # type: ignore[return-value] # the mistake


class Parent(LampInterface, Driver):
    """Has a child that is wrong."""

    def make_children(self) -> dict[str, Driver]:
        return {"child": Forgetful()}


def test_a_client_class_without_one_for_asyncio_works() -> None:
    with serve(lamp=Lamp(), filter=Filter()) as board:
        assert type(board.lamp) is LampClient
        assert board.lamp.brightest() == 801
        assert board.filter.doubled(3) == 6.0
        assert board.filter.ping() == "pong"


async def test_what_it_inherits_is_there_for_asyncio() -> None:
    async with serve_async(lamp=Lamp(), filter=Filter()) as board:
        assert await board.lamp.shine(3) == 3
        assert await board.filter.volts(3) == 3.0
        assert isinstance(board.filter, AsyncMeterClient)


def test_each_such_class_has_its_own() -> None:
    assert PowerClient.asynchronous is not DriverClient.asynchronous
    assert LampClient.asynchronous is not DriverClient.asynchronous is AsyncDriverClient
    assert issubclass(FilterClient.asynchronous, AsyncMeterClient)


def test_a_client_for_plain_code_that_names_an_interface_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Mixed is for plain code, .* write class Mixed\(DriverClient\)"):

        class Mixed(DriverClient, PowerInterface):  # type: ignore[misc] # the mistake
            pass


@pytest.mark.parametrize(
    ("driver", "path", "sentence"),
    [
        (Bare, "it", "Bare names no interface, and only an interface's methods can be called; write class Bare(Power"),
        (Group, "it", "Group names no interface"),
        (Forgetful, "it", "Forgetful.__init__ does not call Driver's; write super().__init__(**configuration)"),
        (Parent, "it.child", "Forgetful.__init__ does not call Driver's; write super().__init__(**configuration)"),
    ],
)
def test_a_driver_that_can_not_work_is_named_with_what_to_write(
    driver: Callable[[], Driver], path: str, sentence: str
) -> None:
    with pytest.raises(errors.DriverFailed) as refused, serve(it=driver()):
        pass
    assert str(refused.value).startswith(f'driver "{path}" did not start: {__name__}.{sentence}')


def test_a_driver_that_hands_no_settings_on_is_told() -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=r"Careless: volts: is missing.*super\(\).__init__\(\*\*con"):
        Careless(volts=3)


def test_children_that_are_none_are_refused() -> None:
    with pytest.raises(TypeError, match="Childless.make_children must return a dict of drivers by name, not None"):
        Childless()


async def test_an_exporter_says_the_same_and_serves_the_others(stranger: User, tmp_path: Path) -> None:
    config = tmp_path / "bench.yaml"
    names = ("Bare", "Forgetful", "Childless", "Parent", "Lamp")
    entries = "".join(f"  {name.lower()}: {{type: {__name__}.{name}}}\n" for name in names)
    config.write_text(
        "apiVersion: jumpstarter.dev/v1alpha1\nkind: ExporterConfig\nmetadata: {namespace: lab, name: demo}\n"
        f"endpoint: 127.0.0.1:1\ntoken: any\nexport:\n{entries}"
    )
    checked = await stranger.run("jumplab-exporter", "check", str(config), PYTHONPATH=str(Path(__file__).parents[2]))
    assert checked.status == 2
    assert "Traceback" not in checked.out + checked.err
    said = dict(line.strip().split(": ", 1) for line in checked.out.splitlines())
    assert said["lamp"] == "Lamp"
    assert said["parent"] == "Parent"
    for name in ("bare", "forgetful", "childless", "child"):
        assert said[name].startswith("can't be used: "), said
        assert f"{__name__}." in said[name]


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    return User(tmp_path)
