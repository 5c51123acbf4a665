"""power/pdudaemon against the real daemon, whose PDU is a command that writes a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.power.pdudaemon import PduDaemonPower
from tests.drivers.http_servers import answering
from tests.drivers.pdudaemon import daemon_in


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pdudaemon")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with daemon_in(folder) as url:
        yield url


def test_it_is_found_by_its_name() -> None:
    assert driver_class("power/pdudaemon") is PduDaemonPower


@pytest.mark.needs("pdudaemon")
@pytest.mark.parametrize(("settings", "file"), [({"pdu": "rack-1", "outlet": 3}, "3"), ({"alias": "board"}, "8")])
def test_the_daemon_switches_the_outlet(url: str, folder: Path, settings: dict[str, Any], file: str) -> None:
    with serve(power=PduDaemonPower(url=url, **settings)) as board:
        assert board.power.is_on() is False
        board.power.on()
        assert ((folder / file).read_text(), board.power.is_on()) == ("on\n", True)
        board.power.off()
        assert ((folder / file).read_text(), board.power.is_on()) == ("off\n", False)
        board.power.cycle(off_seconds=0)
        assert (folder / file).read_text() == "on\n"


@pytest.mark.needs("pdudaemon")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pdu": "no such", "outlet": 3}, 'does not know outlet 3 of "no such", or its PDU fails'),
        ({"alias": "no such"}, 'does not know alias "no such", or its PDU fails'),
        ({"pdu": "broken", "outlet": 1}, 'does not know outlet 1 of "broken", or its PDU fails'),
    ],
)
def test_what_the_daemon_refuses_is_told(url: str, settings: dict[str, Any], said: str) -> None:
    with serve(power=PduDaemonPower(url=url, **settings)) as board:
        with pytest.raises(OSError, match=f"pdudaemon at {url} {said}"):
            board.power.off()
        assert board.power.is_on() is False


@pytest.mark.needs("pdudaemon")
async def test_its_check_asks_the_daemon_and_switches_nothing(url: str, folder: Path) -> None:
    async with PduDaemonPower(url=url, pdu="rack-1", outlet=77) as driver:
        await driver.check()
    assert not (folder / "77").exists()


def test_another_server_at_the_address_is_told() -> None:
    with answering("hello") as server, serve(power=PduDaemonPower(url=server.url, alias="a")) as board:
        with pytest.raises(OSError, match='answers "hello", which pdudaemon does not'):
            board.power.on()
        assert board.power.is_on() is False


async def test_a_daemon_that_is_not_there_fails_the_check() -> None:
    with answering("") as server:
        url = server.url
    async with PduDaemonPower(url=url, alias="a") as driver:
        with pytest.raises(ConnectionError, match=f"{url} can't be reached: Connection refused"):
            await driver.check()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pdu": "a"}, "must have `pdu` and `outlet`, or `alias`"),
        ({"outlet": 1}, "must have `pdu` and `outlet`, or `alias`"),
        ({"alias": "a", "outlet": 1}, "alias: stands for `pdu` and `outlet`"),
        ({"pdu": "a", "outlet": -1}, "outlet: must be at least 0"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        PduDaemonPower(url="http://10.0.0.2:16421", **settings)
