"""Shelly relays, of all generations.

Protocols: https://shelly-api-docs.shelly.cloud/gen1/ and https://shelly-api-docs.shelly.cloud/gen2/.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab.drivers.power import PowerInterface, PowerReading
from jumplab_exporter.drivers.http_device import Answer, Credentials, HttpAddress, HttpDevice, Request
from jumplab_exporter.drivers.power.readings import number_of
from jumplab_exporter.drivers.secrets import Secret

_JOULES_PER_WATT_MINUTE = 60
_JOULES_PER_WATT_HOUR = 3600
_USER_OF_NEWER = "admin"  # cannot be changed from the second generation on


class ShellyPower(PowerInterface, HttpDevice):
    """A relay of Shelly, of any generation.  url: its address;  relay: which one, from 0;  password: of its web page;
    user: needed for the first generation only."""

    example_configuration: ClassVar[Mapping[str, Any]] = {"url": "http://10.0.0.7", "relay": 0}

    url: HttpAddress
    relay: Annotated[int, Field(ge=0)] = 0
    user: str = "admin"
    password: Secret | None = None
    _is_first_generation: bool | None = None

    async def on(self) -> None:
        await self._switch(on=True)

    async def off(self) -> None:
        await self._switch(on=False)

    async def is_on(self) -> bool:
        if await self._first_generation():
            return self._truth(await self._first("relay"), "ison")
        return self._truth(await self._newer("Switch.GetStatus"), "output")

    async def measure(self) -> PowerReading:
        if await self._first_generation():
            return await self._measure_first()
        status = await self._newer("Switch.GetStatus")
        if "apower" not in status:
            return await super().measure()
        energy = status.get("aenergy")
        watt_hours = number_of(energy, "total") if isinstance(energy, Mapping) else None
        return PowerReading(
            volts=number_of(status, "voltage"),
            amps=number_of(status, "current"),
            watts=number_of(status, "apower"),
            joules=None if watt_hours is None else watt_hours * _JOULES_PER_WATT_HOUR,
        )

    async def check(self) -> None:
        """Asks for the relay's state, and switches nothing."""
        await self.is_on()

    async def _switch(self, *, on: bool) -> None:
        if not await self._first_generation():
            await self._newer("Switch.Set", {"on": on})
        elif self._truth(await self._first("relay", {"turn": "on" if on else "off"}), "ison") != on:
            raise OSError(f"{self.url} left its relay {self.relay} {'off' if on else 'on'}")

    async def _measure_first(self) -> PowerReading:
        answer = await self.ask(self._request(f"/meter/{self.relay}", self.user, "basic"))
        meter = {} if answer.status == 404 else answer.succeeded().object()
        if not meter.get("is_valid", "power" in meter):
            return await super().measure()
        watt_minutes = number_of(meter, "total")
        return PowerReading(
            volts=number_of(meter, "voltage"),
            watts=number_of(meter, "power"),
            joules=None if watt_minutes is None else watt_minutes * _JOULES_PER_WATT_MINUTE,
        )

    async def _first_generation(self) -> bool:
        """Whether the device is of the first generation. All answer this without a password."""
        if self._is_first_generation is None:
            about = (await self.ask(Request(f"{self.url}/shelly"))).succeeded().object()
            if "gen" not in about and "type" not in about:
                raise OSError(f"{self.url} is no Shelly: it does not say which generation it is of")
            self._is_first_generation = "gen" not in about
        return self._is_first_generation

    async def _first(self, kind: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        answer = await self.ask(self._request(f"/{kind}/{self.relay}", self.user, "basic", query))
        if answer.status == 404:
            raise self._no_relay()
        return answer.succeeded().object()

    async def _newer(self, method: str, arguments: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        body = json.dumps({"id": self.relay, **(arguments or {})}).encode()
        answer = await self.ask(self._request(f"/rpc/{method}", _USER_OF_NEWER, "digest", body=body))
        if answer.status >= 400:
            raise self._explained(answer)
        return answer.object()

    def _request(
        self,
        path: str,
        user: str,
        scheme: Any,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Request:
        credentials = None if self.password is None else Credentials(scheme, user, self.password.read())
        method = "GET" if body is None else "POST"
        return Request(f"{self.url}{path}", method, query or {}, body, credentials=credentials)

    def _explained(self, answer: Answer) -> OSError:
        try:
            said = answer.object()
        except OSError as error:
            return error
        if answer.status == 404 or said.get("code") in (-105, 404):
            return self._no_relay()
        return OSError(f"{self.url} refuses: {said.get('message', answer.shown())}")

    def _no_relay(self) -> OSError:
        return OSError(f"{self.url} has no relay {self.relay}; `relay` counts from 0")

    def _truth(self, answer: Mapping[str, Any], key: str) -> bool:
        value = answer.get(key)
        if not isinstance(value, bool):
            raise OSError(f"{self.url} does not tell the state of its relay {self.relay}")
        return value
