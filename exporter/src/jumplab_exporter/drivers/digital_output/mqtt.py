"""A digital output on a relay with Tasmota, by MQTT."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab.drivers.digital_output import DigitalOutputInterface
from jumplab_exporter.drivers.mqtt_relay import MqttRelay


class MqttDigitalOutput(DigitalOutputInterface, MqttRelay):
    """A digital output on a relay with Tasmota, by MQTT; active while the relay is on.

    host, port: of the broker;  topic: of the device;  relay: which one, from 1.  user, password: of the broker;
    timeout: for one call.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "10.0.0.5", "topic": "bench-1", "relay": 2}

    async def set(self, active: bool) -> None:
        await self.switch_relay(on=active)

    async def get(self) -> bool:
        return await self.relay_is_on()
