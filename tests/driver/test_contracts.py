"""What is derived from an interface."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from pydantic import HttpUrl

from jumplab.driver import Driver, DriverInterface, errors
from jumplab.driver.interface import MethodKind, interfaces_of, methods_of, name_of, version_of
from jumplab.drivers.power import AsyncPowerClient, PowerInterface
from tests.driver.boards import Meter, MeterInterface


class RelayInterface(DriverInterface):
    async def on(self) -> None: ...


class RelayInterfaceV2(DriverInterface):
    async def on(self, channel: int) -> None: ...


class Relay(RelayInterfaceV2, RelayInterface, Driver):
    url: HttpUrl
    timeout: float = 5.0
    attempts: ClassVar[int] = 3
    _state = "off"

    async def on(self, channel: int = 0) -> None: ...


def test_methods_have_the_kind_that_their_definition_says():
    kinds = {name: method.kind for name, method in methods_of(MeterInterface).items()}
    assert kinds == {
        "read": MethodKind.CALL,
        "watch": MethodKind.STREAMING,
        "raw": MethodKind.STREAM,
        "blob": MethodKind.CALL,
        "ping": MethodKind.CALL,
    }


def test_a_driver_takes_part_in_its_interfaces_newest_first_and_is_none_itself():
    assert interfaces_of(Relay) == [RelayInterfaceV2, RelayInterface]
    assert interfaces_of(Meter) == [MeterInterface]
    assert interfaces_of(AsyncPowerClient) == [PowerInterface]


def test_versions_of_an_interface_share_a_name():
    assert name_of(RelayInterface) == name_of(RelayInterfaceV2) == f"{__name__}.RelayInterface"
    assert (version_of(RelayInterface), version_of(RelayInterfaceV2)) == (1, 2)
    assert name_of(PowerInterface) == "jumplab.drivers.power.PowerInterface"


def test_the_schema_names_arguments_and_result():
    schema = methods_of(MeterInterface)["read"].schema()
    assert set(schema["arguments"]["properties"]) == {"channel", "label"}
    assert schema["arguments"]["required"] == ["channel"]
    assert schema["result"]["title"] == "Reading"


def test_a_drivers_annotated_attributes_are_its_configuration():
    relay = Relay(url="http://relay.example:8080")
    assert (str(relay.url), relay.timeout, relay.attempts) == ("http://relay.example:8080/", 5.0, 3)


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({}, "url: is missing"),
        ({"url": "nowhere"}, "url: must be a URL"),
        ({"url": "http://x", "colour": 1}, "colour: is not known"),
        ({"url": "http://x", "attempts": 1}, "attempts: is not known"),
    ],
)
def test_a_wrong_configuration_is_one_sentence_that_names_the_key(configuration, told):
    with pytest.raises(errors.ConfigurationInvalid, match=told) as refusal:
        Relay(**configuration)
    assert "its settings are: url, timeout" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_interface_whose_method_could_not_travel_is_refused_with_its_place():
    class Unfit(DriverInterface):
        def plain(self) -> int: ...

    with pytest.raises(TypeError, match="Unfit.plain: a method of an interface is `async def`"):
        methods_of(Unfit)


def test_an_abstract_async_method_that_returns_an_iterator_is_a_streaming_call():
    class Feed(DriverInterface):
        async def follow(self) -> AsyncIterator[int]: ...

    assert methods_of(Feed)["follow"].kind is MethodKind.STREAMING
