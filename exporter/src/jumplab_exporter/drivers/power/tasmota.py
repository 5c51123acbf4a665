"""Relays with Tasmota. Protocol: https://tasmota.github.io/docs/Commands/."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.drivers.power import PowerInterface, PowerReading
from jumplab_exporter.drivers.http_device import HttpAddress, HttpDevice, Request
from jumplab_exporter.drivers.power.readings import number_of
from jumplab_exporter.drivers.secrets import Secret

_JOULES_PER_KILOWATT_HOUR = 3_600_000
_STATES = {"ON": True, "OFF": False}


class TasmotaPower(PowerInterface, HttpDevice):
    """A relay with Tasmota.  url: its address;  relay: which one, from 1;  user, password: of its web page."""

    example_configuration: ClassVar[Mapping[str, Any]] = {"url": "http://10.0.0.8", "relay": 1}

    url: HttpAddress
    relay: Annotated[int, Field(ge=1, le=32)] = 1
    user: str = "admin"
    password: Secret | None = None

    async def on(self) -> None:
        await self._switch(on=True)

    async def off(self) -> None:
        await self._switch(on=False)

    async def is_on(self) -> bool:
        return self._state_in(await self._command(f"Power{self.relay}"))

    async def measure(self) -> PowerReading:
        sensors = (await self._command("Status 10")).get("StatusSNS")
        reading = reading_in(sensors) if isinstance(sensors, Mapping) else None
        return reading if reading is not None else await super().measure()

    async def check(self) -> None:
        """Asks for the relay's state, and switches nothing."""
        await self.is_on()

    async def _switch(self, *, on: bool) -> None:
        if self._state_in(await self._command(f"Power{self.relay} {'On' if on else 'Off'}")) != on:
            raise OSError(f"{self.url} left its relay {self.relay} {'off' if on else 'on'}")

    async def _command(self, command: str) -> Mapping[str, Any]:
        query, secrets = {"cmnd": command}, []
        if self.password is not None:
            secrets = [self.password.read()]
            query = {"user": self.user, "password": secrets[0], **query}
        try:
            answer = await self.ask(Request(f"{self.url}/cm", query=query, secrets=secrets))
            said = answer.succeeded().object()
        except PermissionError:
            raise self._refusal() from None
        if "WARNING" in said:  # older ones say so with status 200
            raise self._refusal()
        return said

    def _refusal(self) -> PermissionError:
        if self.password is None:
            return PermissionError(f"{self.url} asks for a password; set `password`")
        return PermissionError(f'{self.url} refuses the password of the user "{self.user}"; correct it')

    def _state_in(self, answer: Mapping[str, Any]) -> bool:
        """A device with one relay may call it POWER; one without the relay answers for another, or not at all."""
        keys = {f"POWER{self.relay}", *(["POWER"] if self.relay == 1 else [])}
        state = next((value for key, value in answer.items() if key.upper() in keys), None)
        if not isinstance(state, str) or state.upper() not in _STATES:
            raise OSError(f"{self.url} has no relay {self.relay}, or is not Tasmota; `relay` counts from 1")
        return _STATES[state.upper()]


def reading_in(sensors: Mapping[str, Any]) -> PowerReading | None:
    """What Tasmota says of its meter; None where it has none."""
    energy = sensors.get("ENERGY")
    if not isinstance(energy, Mapping):
        return None
    kilowatt_hours = number_of(energy, "Total")
    return PowerReading(
        volts=number_of(energy, "Voltage"),
        amps=number_of(energy, "Current"),
        watts=number_of(energy, "Power"),
        joules=None if kilowatt_hours is None else kilowatt_hours * _JOULES_PER_KILOWATT_HOUR,
    )
