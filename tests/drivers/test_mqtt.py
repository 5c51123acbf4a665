"""Relays with Tasmota by MQTT: a real broker, and a simulated device at it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jumplab.driver import errors
from jumplab.testing import serve
from jumplab_exporter.driver_factory import driver_class
from jumplab_exporter.drivers.digital_output.mqtt import MqttDigitalOutput
from jumplab_exporter.drivers.power.mqtt import MqttPower
from jumplab_exporter.testing.mqtt import TasmotaMqttDevice
from tests.drivers.mosquitto import PASSWORD, USER, Mosquitto

TOPIC = "bench/one"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "another-word")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def settings(port: int, **more: Any) -> dict[str, Any]:
    password = {"from": "env", "name": "BROKER_PASSWORD"}
    return {"host": "127.0.0.1", "port": port, "topic": TOPIC, "user": USER, "password": password, **more}


def device(broker: Mosquitto, relays: int = 1) -> TasmotaMqttDevice:
    return TasmotaMqttDevice("127.0.0.1", broker.port, TOPIC, relays=relays, user=USER, password=PASSWORD)


def publish(broker: Mosquitto, topic: str, payload: str) -> None:
    """As another client does, with a message that the broker keeps."""
    words = ["-h", "127.0.0.1", "-p", str(broker.port), "-u", USER, "-P", PASSWORD, "-r", "-t", topic, "-m", payload]
    subprocess.run(["mosquitto_pub", *words], check=True)


def test_they_are_found_by_their_names() -> None:
    assert driver_class("power/mqtt") is MqttPower
    assert driver_class("digital-output/mqtt") is MqttDigitalOutput


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize(("relays", "relay"), [(1, 1), (2, 2)])
def test_relays_are_switched_and_tell_their_state(broker: Mosquitto, relays: int, relay: int) -> None:
    wanted = settings(broker.port, relay=relay, timeout="30s")
    with device(broker, relays) as tasmota, serve(power=MqttPower(**wanted), line=MqttDigitalOutput(**wanted)) as board:
        board.power.on()
        assert tasmota.relays == [*[False] * (relays - 1), True]
        assert (board.power.is_on(), board.line.get()) == (True, True)
        board.line.set(False)
        assert (board.power.is_on(), tasmota.relays) == (False, [False] * relays)
        board.power.cycle(off_seconds=0)
        assert tasmota.relays[-1] is True


@pytest.mark.needs("mosquitto")
def test_the_meter_is_read_where_there_is_one(broker: Mosquitto) -> None:
    with device(broker) as tasmota, serve(power=MqttPower(**settings(broker.port, timeout="30s"))) as board:
        with pytest.raises(NotImplementedError, match="no meter"):
            board.power.measure()
        tasmota.meter = {"Voltage": 230, "Current": 0.5, "Power": 115, "Total": 2}
        reading = board.power.measure()
        assert (reading.volts, reading.amps, reading.watts, reading.joules) == (230, 0.5, 115, 7_200_000)


@pytest.mark.needs("mosquitto")
def test_what_the_broker_has_kept_is_no_answer(broker: Mosquitto) -> None:
    publish(broker, f"stat/{TOPIC}/POWER", "ON")
    with device(broker), serve(power=MqttPower(**settings(broker.port, timeout="30s"))) as board:
        assert board.power.is_on() is False


@pytest.mark.needs("mosquitto")
def test_a_relay_that_sticks_or_is_not_there_is_told(broker: Mosquitto) -> None:
    short, none = settings(broker.port, timeout="4s"), settings(broker.port, relay=5, timeout="30s")
    with device(broker) as tasmota, serve(power=MqttPower(**short), none=MqttPower(**none)) as board:
        tasmota.sticks = True
        with pytest.raises(OSError, match='the device "bench/one" at the MQTT broker .* left its relay 1 off'):
            board.power.on()
        with pytest.raises(OSError, match="has no relay 5; `relay` counts from 1"):
            board.none.is_on()


@pytest.mark.needs("mosquitto")
def test_a_device_that_goes_away_is_told_and_serves_again_when_it_is_back(broker: Mosquitto) -> None:
    wanted = settings(broker.port, timeout="30s")
    with serve(power=MqttPower(**wanted), hasty=MqttPower(**{**wanted, "timeout": "300ms"})) as board:
        with pytest.raises(TimeoutError, match="did not answer within 0.3 s"):
            board.hasty.is_on()
        publish(broker, f"tele/{TOPIC}/LWT", "Offline")
        with pytest.raises(ConnectionError, match='"bench/one" at the MQTT broker .* is offline, the broker says'):
            board.power.is_on()
        with device(broker):
            board.power.on()
            assert board.power.is_on() is True


@pytest.mark.needs("mosquitto")
def test_a_broker_that_goes_away_is_told_and_serves_again_when_it_is_back(broker: Mosquitto) -> None:
    with device(broker), serve(power=MqttPower(**settings(broker.port, timeout="30s"))) as board:
        board.power.on()
        broker.stop()
        with pytest.raises(ConnectionError, match="the MQTT broker 127.0.0.1:[0-9]+ can't be used: .*refused"):
            board.power.is_on()
        broker.start()
        with device(broker):  # whenever the first one comes back
            board.power.on()
            assert board.power.is_on() is True


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"password": {"from": "env", "name": "WRONG_PASSWORD"}}, 'refuses the user "bench" with this password'),
        ({"user": None, "password": None}, "refuses clients without user and password"),
    ],
)
def test_wrong_credentials_are_told_without_them(broker: Mosquitto, more: dict[str, Any], said: str) -> None:
    with (
        serve(power=MqttPower(**settings(broker.port, timeout="30s", **more))) as board,
        pytest.raises(OSError, match=said) as caught,
    ):
        board.power.on()
    assert "-word" not in str(caught.value)


@pytest.mark.needs("mosquitto")
async def test_the_check_switches_nothing(broker: Mosquitto) -> None:
    with device(broker) as tasmota:
        await MqttPower(**settings(broker.port, timeout="30s")).check()
        assert tasmota.relays == [False]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"topic": "bench/#"}, "topic"),
        ({"topic": "+"}, "topic"),
        ({"topic": ""}, "topic"),
        ({"relay": 0}, "relay: must be at least 1"),
        ({"host": "-x"}, "host"),
        ({"password": "in the open"}, "password: must say where the secret is"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(more: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.ConfigurationInvalid, match=said):
        MqttPower(**settings(1883, **more))
