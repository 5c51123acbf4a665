"""A power switch with Tasmota, by MQTT."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab.drivers.power import PowerInterface, PowerReading
from jumplab_exporter.drivers.mqtt_relay import MqttRelay, answer_in
from jumplab_exporter.drivers.power.tasmota import reading_in


class MqttPower(PowerInterface, MqttRelay):
    """A relay with Tasmota, by MQTT.  host, port: of the broker;  topic: of the device;  relay: which one, from 1.

    user, password: of the broker;  timeout: for one call.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "10.0.0.5", "topic": "bench-1"}

    async def on(self) -> None:
        await self.switch_relay(on=True)

    async def off(self) -> None:
        await self.switch_relay(on=False)

    async def is_on(self) -> bool:
        return await self.relay_is_on()

    async def measure(self) -> PowerReading:
        sensors = await self.ask("STATUS", "10", _sensors_in)
        reading = reading_in(sensors)
        return reading if reading is not None else await super().measure()


def _sensors_in(suffix: str, payload: str) -> Mapping[str, Any] | None:
    sensors = answer_in(payload).get("StatusSNS") if suffix == "STATUS10" else None
    return sensors if isinstance(sensors, dict) else None
