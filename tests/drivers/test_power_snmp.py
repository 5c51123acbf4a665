"""PDUs by SNMP, against snmpsim's agent: each model, each version, and what an agent refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.power.snmp import SnmpPower
from jumplab_exporter.drivers.power.snmp_models import MODELS
from tests.drivers.snmp_agent import GENERIC, agent_in

WORD = "private-do-not-show"
AUTH, PRIVACY = "authentication-word", "privacy-word"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with agent_in(tmp_path_factory.mktemp("snmpsim"), community=WORD, auth=AUTH, privacy=PRIVACY) as port:
        yield port


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, word in {
        "COMMUNITY": WORD,
        "AUTH": AUTH,
        "PRIVACY": PRIVACY,
        "WRONG": "hunter2-hunter2",
        "SHORT": "ab",
    }.items():
        monkeypatch.setenv(f"PDU_{name}", word)


def secret(name: str) -> dict[str, str]:
    return {"from": "env", "name": f"PDU_{name}"}


V3: dict[str, Any] = {"version": 3, "user": "lab", "auth_protocol": "sha256", "context": WORD}
BY_VERSION: dict[str, dict[str, Any]] = {
    "1": {"version": 1, "community": secret("COMMUNITY")},
    "2c": {"community": secret("COMMUNITY")},
    "3": {**V3, "auth_password": secret("AUTH"), "privacy_password": secret("PRIVACY")},
}


def pdu(port: int, version: str = "2c", **settings: Any) -> SnmpPower:
    return SnmpPower(**{"host": "127.0.0.1", "port": port, "timeout": "60s", **BY_VERSION[version], **settings})


def switches(driver: SnmpPower) -> None:
    with serve(power=driver) as board:
        board.power.on()
        assert board.power.is_on() is True
        board.power.off()
        assert board.power.is_on() is False
        board.power.cycle(off_seconds=0)
        assert board.power.is_on() is True


def refusal(driver: SnmpPower, method: str = "on", kind: type[OSError] = OSError) -> str:
    with serve(power=driver) as board, pytest.raises(kind) as refused:
        getattr(board.power, method)()
    assert WORD not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


def test_it_is_found_by_its_name() -> None:
    assert driver_class("power/snmp") is SnmpPower


@pytest.mark.parametrize("model", MODELS)
def test_an_outlet_of_each_model_is_switched(port: int, model: str) -> None:
    switches(pdu(port, model=model, outlet=2))


@pytest.mark.parametrize("version", BY_VERSION)
def test_each_version_switches(port: int, version: str) -> None:
    switches(pdu(port, version, model="raritan", outlet=1))


def test_an_outlet_of_any_other_pdu_is_switched(port: int) -> None:
    switches(pdu(port, oid=f"{GENERIC}.0", on_value=5, off_value=6))
    switches(pdu(port, oid=f".{GENERIC}.0", state_oid=f".{GENERIC}.0", on_value=5, off_value=6))


@pytest.mark.parametrize("version", BY_VERSION)
@pytest.mark.parametrize("method", ["on", "is_on"])
def test_an_outlet_that_is_not_there_is_told(port: int, version: str, method: str) -> None:
    said = refusal(pdu(port, version, model="apc", outlet=7), method)
    assert f"the PDU at 127.0.0.1:{port} has nothing at 1.3.6.1.4.1.318.1.1.12.3." in said
    assert "check `outlet`, `model` and `oid`" in said


def test_a_state_that_is_neither_is_told(port: int) -> None:
    said = refusal(pdu(port, oid=f"{GENERIC}.9", on_value=1, off_value=0), "is_on")
    assert f"says '77' at {GENERIC}.9, which is neither 1 (on) nor 0 (off)" in said


@pytest.mark.parametrize("version", ["1", "2c"])
def test_a_wrong_community_is_not_answered_and_the_message_knows_that(port: int, version: str) -> None:
    driver = pdu(port, version, model="apc", outlet=1, community=secret("WRONG"), timeout="300ms")
    said = refusal(driver, kind=TimeoutError)
    assert "did not answer within 0.3 s; most PDUs do not answer a wrong community or user, either" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "nobody"}, 'does not know the user "nobody"'),
        ({"auth_password": secret("WRONG")}, "refuses `auth_password` or `auth_protocol`"),
        ({"auth_protocol": "sha"}, "refuses `auth_password` or `auth_protocol`"),
        ({"auth_password": secret("SHORT")}, "the secret is shorter than 8 characters"),
    ],
)
def test_wrong_credentials_of_version_3_are_told(port: int, settings: dict[str, Any], said: str) -> None:
    driver = pdu(port, "3", model="apc", outlet=1, **settings)
    with serve(power=driver) as board, pytest.raises((OSError, ValueError), match=said) as refused:
        board.power.on()
    assert "hunter2" not in str(refused.value)


def test_a_host_that_is_not_there_is_told(port: int) -> None:
    said = refusal(pdu(port, model="apc", outlet=1, host="pdu.invalid"), kind=ConnectionError)
    assert f"the PDU at pdu.invalid:{port} can't be reached: there is no host of this name" in said


async def test_its_check_asks_and_switches_nothing(port: int) -> None:
    async with pdu(port, model="cyberpower", outlet=1) as driver:
        before = await driver.is_on()
        await driver.check()
        assert await driver.is_on() == before


OUTLET = {"host": "10.0.0.7", "model": "apc", "outlet": 1}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**OUTLET}, "version: 2c needs `community`"),
        ({**OUTLET, "version": 3}, "version: 3 needs `user`"),
        ({**OUTLET, "version": 2}, "version: must be"),
        ({**OUTLET, "community": WORD}, "community: must say where the secret is"),
        ({**OUTLET, "version": 3, "user": "a", "privacy_password": secret("PRIVACY")}, "needs `auth_password`, too"),
        ({"host": "10.0.0.7", "community": secret("COMMUNITY")}, "must have `model` and `outlet`, or `oid`"),
        ({"host": "10.0.0.7", "model": "apc", "community": secret("COMMUNITY")}, "outlet: is missing"),
        ({**OUTLET, "outlet": 0}, "outlet: must be at least 1"),
        ({**OUTLET, "oid": "1.3.6", "community": secret("COMMUNITY")}, "model: has its own OIDs"),
        ({"host": "10.0.0.7", "oid": "iso.org"}, "oid: must match"),
        ({**OUTLET, "model": "acme"}, "model: must be"),
        ({**OUTLET, "port": 70000}, "port: must be at most 65535"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said) as refused:
        SnmpPower(**settings)
    assert WORD not in str(refused.value)


@pytest.mark.nightly
@pytest.mark.parametrize("version", BY_VERSION)
def test_a_pdu_that_was_restarted_is_switched_again(tmp_path: Path, version: str) -> None:
    """Its clock begins anew."""

    def agent(port: int = 0) -> AbstractContextManager[int]:
        return agent_in(tmp_path, community=WORD, auth=AUTH, privacy=PRIVACY, port=port)

    with ExitStack() as board_stack:
        with agent() as port:
            board = board_stack.enter_context(serve(power=pdu(port, version, model="raritan", outlet=1)))
            board.power.on()
        with agent(port):
            board.power.off()
            assert board.power.is_on() is False
