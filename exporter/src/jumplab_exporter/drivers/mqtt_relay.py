"""Relays with Tasmota, by MQTT. Topics: https://tasmota.github.io/docs/MQTT/."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints

from jumplab.driver import Driver
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.refusals import reason_of
from jumplab_exporter.drivers.secrets import Secret
from jumplab_exporter.drivers.shell_commands import CommandTimeout

with needing("mqtt"):
    import aiomqtt

T = TypeVar("T")

_STATES = {"ON": True, "OFF": False}
_REFUSALS = ("not auth", "bad user name", "bad username")
_QOS = 1


class MqttRelay(Driver):
    """A relay of a device with Tasmota, at an MQTT broker. Each call has a connection of its own, so that a broker that
    was away is no matter for the next one."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][^\s/]*$")]
    topic: Annotated[str, StringConstraints(pattern=r"^[^\s#+$/][^\s#+]*$", max_length=200)]
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    relay: Annotated[int, Field(ge=1, le=32)] = 1
    user: str | None = None
    password: Secret | None = None
    timeout: CommandTimeout = timedelta(seconds=5)

    async def check(self) -> None:
        """Asks for the relay's state, and switches nothing."""
        await self.relay_is_on()

    async def switch_relay(self, *, on: bool) -> None:
        """Returns once the device says that it has switched. Raises OSError."""
        last: list[bool] = []

        def switched(suffix: str, payload: str) -> bool | None:
            state = self._state_in(suffix, payload)
            last[:] = [] if state is None else [state]
            return True if state == on else None  # another client's switching may be told before ours

        try:
            await self.ask(f"POWER{self.relay}", "ON" if on else "OFF", switched)
        except TimeoutError:
            if not last:
                raise
            raise OSError(f"{self._place} left its relay {self.relay} {'off' if on else 'on'}") from None

    async def relay_is_on(self) -> bool:
        """Raises OSError."""
        return await self.ask(f"POWER{self.relay}", "", self._state_in)

    async def ask(self, command: str, payload: str, read: Callable[[str, str], T | None]) -> T:
        """Sends a command, and waits for its answer: the first that `read` makes something of.

        read: gets what follows stat/TOPIC/, and the payload. Raises OSError, ConnectionError, TimeoutError,
        PermissionError.
        """
        password = self.password.read() if self.password is not None else None
        limit = self.timeout.total_seconds()
        client = aiomqtt.Client(self.host, self.port, username=self.user, password=password, timeout=limit)
        deadline = asyncio.get_running_loop().time() + limit
        try:
            async with client:
                await client.subscribe([(f"stat/{self.topic}/#", _QOS), (f"tele/{self.topic}/LWT", _QOS)])
                await client.publish(f"cmnd/{self.topic}/{command}", payload, qos=_QOS)
                # Around this alone: what aiomqtt waits for before has a bound of its own, and may lose a cancellation.
                async with asyncio.timeout_at(deadline):
                    return await self._answer(client, read)
        except aiomqtt.MqttError as error:
            raise self._failure(error) from None
        except TimeoutError:
            raise TimeoutError(f"{self._place} did not answer within {limit:g} s") from None

    async def _answer(self, client: aiomqtt.Client, read: Callable[[str, str], T | None]) -> T:
        async for message in client.messages:
            payload = bytes(message.payload).decode(errors="replace") if isinstance(message.payload, bytes) else ""
            if message.topic.value == f"tele/{self.topic}/LWT":
                if payload == "Offline":
                    raise ConnectionError(f"{self._place} is offline, the broker says; has it power, and its network?")
            elif not message.retain:  # what was retained is an answer to somebody before
                found = read(message.topic.value.removeprefix(f"stat/{self.topic}/"), payload)
                if found is not None:
                    return found
        raise ConnectionError(f"{self._broker} has closed the connection")

    def _state_in(self, suffix: str, payload: str) -> bool | None:
        """The relay's state in an answer; None where it is about something else. Raises OSError.

        A device with one relay may call it POWER.
        """
        if suffix == "RESULT" and answer_in(payload).get("Command") == "Unknown":
            raise OSError(f"{self._place} has no relay {self.relay}; `relay` counts from 1")
        if suffix == f"POWER{self.relay}" or (suffix == "POWER" and self.relay == 1):
            return _STATES.get(payload.upper())
        return None

    def _failure(self, error: aiomqtt.MqttError) -> OSError:
        said = str(error)
        if any(refusal in said.lower() for refusal in _REFUSALS):
            whom = f'the user "{self.user}" with this password' if self.user else "clients without user and password"
            return PermissionError(f"{self._broker} refuses {whom}; correct `user` and `password`")
        if "timed out" in said:
            return TimeoutError(f"{self._broker} did not answer within {self.timeout.total_seconds():g} s")
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else None
        if isinstance(cause, socket.gaierror):
            return ConnectionError(f"{self._broker} was not found: {cause.strerror}; correct `host`")
        return ConnectionError(f"{self._broker} can't be used: {reason_of(cause) if cause is not None else said}")

    @property
    def _broker(self) -> str:
        return f"the MQTT broker {self.host}:{self.port}"

    @property
    def _place(self) -> str:
        return f'the device "{self.topic}" at {self._broker}'


def answer_in(payload: str) -> Mapping[str, Any]:
    """An answer of Tasmota, which is an object of JSON; empty for anything else."""
    with suppress(ValueError):
        read = json.loads(payload)
        return read if isinstance(read, dict) else {}
    return {}
