"""A device with Tasmota at an MQTT broker, simulated on this machine. The broker is a real one, and yours."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.testing.background import InBackground

with needing("mqtt"):
    import aiomqtt

_AGAIN_SECONDS = 0.05


class TasmotaMqttDevice(InBackground):
    """A device at the broker of this host and port. Use as `with`, in plain code and in coroutines.

    relays: of each whether it is on, all off first.  meter: what its meter says, or None.  sticks: whether it says what
    it is asked to, and switches nothing.  It connects again where the broker was away.
    """

    def __init__(
        self, host: str, port: int, topic: str, *, relays: int = 1, user: str | None = None, password: str | None = None
    ) -> None:
        self._broker = (host, port)
        self._user = user
        self._password = password
        self._topic = topic
        self.relays = [False] * relays
        self.meter: dict[str, float] | None = None
        self.sticks = False
        self._left = False

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        """Begins when the device is at the broker."""
        ready = asyncio.Event()
        serving = asyncio.create_task(self._serve(ready), name="a device at a broker")
        try:
            await ready.wait()
            yield
        finally:
            self._left = True
            # asyncio.wait_for, which aiomqtt uses, may lose a cancellation before Python 3.12.
            while not serving.done():
                serving.cancel()
                await asyncio.wait([serving], timeout=_AGAIN_SECONDS)

    async def _serve(self, ready: asyncio.Event) -> None:
        last_word = aiomqtt.Will(f"tele/{self._topic}/LWT", "Offline", qos=1, retain=True)
        while not self._left:
            try:
                client = aiomqtt.Client(*self._broker, username=self._user, password=self._password, will=last_word)
                async with client:
                    await client.subscribe(f"cmnd/{self._topic}/+", qos=1)
                    await client.publish(f"tele/{self._topic}/LWT", "Online", qos=1, retain=True)
                    ready.set()
                    async for message in client.messages:
                        payload = bytes(message.payload).decode() if isinstance(message.payload, bytes) else ""
                        await self._obey(client, message.topic.value.rpartition("/")[2].upper(), payload)
            except aiomqtt.MqttError:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _obey(self, client: aiomqtt.Client, command: str, payload: str) -> None:
        number = command.removeprefix("POWER")
        if command == "STATUS" and payload == "10":
            sensors = {} if self.meter is None else {"ENERGY": self.meter}
            await self._say(client, "STATUS10", json.dumps({"StatusSNS": sensors}))
        elif command.startswith("POWER") and number.isdecimal() and 1 <= int(number) <= len(self.relays):
            index = int(number) - 1
            if payload and not self.sticks:
                self.relays[index] = payload.upper() == "ON"
            name = "POWER" if len(self.relays) == 1 else command
            state = "ON" if self.relays[index] else "OFF"
            await self._say(client, "RESULT", json.dumps({name: state}))
            await self._say(client, name, state)
        else:
            await self._say(client, "RESULT", json.dumps({"Command": "Unknown"}))

    async def _say(self, client: aiomqtt.Client, suffix: str, payload: str) -> None:
        await client.publish(f"stat/{self._topic}/{suffix}", payload, qos=1)
