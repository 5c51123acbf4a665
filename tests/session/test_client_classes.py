"""Which client class a driver gets."""

from abc import abstractmethod
from typing import ClassVar

import pytest

from jumplab.driver import AsyncGenericClient, Driver, DriverInterface, errors
from jumplab.session.client import ClientClasses
from tests.driver.boards import AsyncMeterClient, Meter
from tests.session.links import attached, hosted


def test_packages_match_by_whole_components():
    classes = ClientClasses(allow=("acme",))
    assert classes.admits("acme.boards.Client")
    assert not classes.admits("acme_evil.Client")
    assert classes.admits("jumplab.drivers.power.PowerClient")
    assert not classes.admits("jumplab.cli.main.Main")
    assert ClientClasses(unsafe=True).admits("anything.at.All")


async def test_a_class_that_is_not_allowed_is_named_with_the_setting_that_would_allow_it():
    async with hosted(meter=Meter()) as host:
        with pytest.raises(errors.ClientNotAllowed, match="tests.driver.boards.MeterClient.*drivers.allow"):
            async with attached(host, ClientClasses()):
                pass


async def test_a_class_that_is_not_installed_is_named_with_its_package():
    class Elsewhere(DriverInterface):
        client: ClassVar[str] = "acme_boards.clients.Nowhere"

    class There(Elsewhere, Driver):
        pass

    async with hosted(there=There()) as host:
        with pytest.raises(errors.ClientMissing, match='acme_boards.clients.Nowhere.*install "acme_boards"'):
            async with attached(host):
                pass


async def test_an_allowed_class_is_loaded_and_without_any_every_driver_has_the_generic_one():
    async with hosted(meter=Meter()) as host:
        async with attached(host, ClientClasses(allow=("tests.driver",))) as session:
            assert type(session.root.meter) is AsyncMeterClient
        async with attached(host, ClientClasses(allow=None)) as session:
            assert type(session.root.meter) is AsyncGenericClient
            assert (await session.root.meter.read(1))["volts"] == 1.0
            assert [item async for item in session.root.meter.watch(2)] == [0, 1]


class GaugeInterface(DriverInterface):
    client: ClassVar[str] = f"{__name__}.AsyncGaugeClient"

    @abstractmethod
    async def read(self, channel: int) -> int: ...


class AsyncGaugeClient(AsyncGenericClient, GaugeInterface):
    pass


async def test_disagreement_about_a_method_is_one_sentence_at_attach_time(monkeypatch):
    class Older(DriverInterface):
        client: ClassVar[str] = GaugeInterface.client

        @abstractmethod
        async def read(self, socket: int) -> int: ...

    Older.__module__, Older.__qualname__ = GaugeInterface.__module__, GaugeInterface.__qualname__

    class Gauge(Older, Driver):
        async def read(self, socket: int) -> int:
            return socket

    async with hosted(gauge=Gauge()) as host:
        with pytest.raises(errors.InterfaceMismatch, match=r"disagree on .*GaugeInterface.read.*channel.*socket"):
            async with attached(host):
                pass


async def test_a_version_that_this_client_does_not_know_is_one_sentence_at_attach_time():
    class Newer(DriverInterface):
        client: ClassVar[str] = GaugeInterface.client

    Newer.__module__, Newer.__qualname__ = GaugeInterface.__module__, "GaugeInterfaceV3"

    class Gauge(Newer, Driver):
        pass

    async with hosted(gauge=Gauge()) as host:
        with pytest.raises(errors.InterfaceMismatch, match="offers .*version 3, and this client needs .*version 1"):
            async with attached(host):
                pass


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            f"{__name__}.Nowhere",
            f"and {__name__} has no Nowhere; correct `client` of the driver's interface, or update \"",
        ),
        (f"{__name__}.GaugeInterface", "as its client class, and it is none; write class GaugeInterface(DriverClient)"),
    ],
)
async def test_a_class_that_does_not_work_says_what_to_mend(path, sentence):
    class Named(DriverInterface):
        client: ClassVar[str] = path

    class There(Named, Driver):
        pass

    async with hosted(there=There()) as host:
        with pytest.raises(errors.ClientDefect) as refused:
            async with attached(host):
                pass
    assert sentence in str(refused.value)
