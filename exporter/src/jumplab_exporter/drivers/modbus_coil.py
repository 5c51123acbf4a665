"""Coils of devices that speak Modbus over TCP. Protocol: https://modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from jumplab.driver import Driver
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.drivers.shell_commands import CommandTimeout

with needing("modbus"):
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.exceptions import ModbusException
    from pymodbus.pdu import ExceptionResponse, ModbusPDU

_EXCEPTIONS = {
    1: "it does not have this function",
    2: "it has no such coil; `coil` counts from 0",
    4: "it has failed",
    6: "it is busy",
    10: "its gateway has no way to this unit",
    11: "the unit does not answer its gateway",
}


class ModbusCoil(Driver):
    """One coil. Each call has a connection of its own, so that a device that was away is no matter for the next one."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][^\s/]*$")]
    coil: Annotated[int, Field(ge=0, le=65535)]
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    timeout: CommandTimeout = timedelta(seconds=5)

    async def check(self) -> None:
        """Reads the coil, and writes nothing."""
        await self.coil_is_on()

    async def write_coil(self, *, on: bool) -> None:
        """Writes the coil and reads it back. Raises OSError."""
        async with self._connected() as client:
            self._require_success(await client.write_coil(self.coil, on, device_id=self.unit))
            if await self._read(client) != on:
                raise OSError(f"{self._place} is {'off' if on else 'on'} after it was written")

    async def coil_is_on(self) -> bool:
        """Raises OSError."""
        async with self._connected() as client:
            return await self._read(client)

    async def _read(self, client: AsyncModbusTcpClient) -> bool:
        answer = await client.read_coils(self.coil, count=1, device_id=self.unit)
        self._require_success(answer)
        return bool(answer.bits[0])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncModbusTcpClient]:
        """Raises ConnectionError and TimeoutError, also for what is asked inside."""
        limit = self.timeout.total_seconds()
        # Neither repeats nor connects again: the whole call has one bound.
        client = AsyncModbusTcpClient(self.host, port=self.port, timeout=limit, retries=0, reconnect_delay=0)
        try:
            async with asyncio.timeout(limit):
                if not await client.connect():
                    raise ConnectionError(
                        f"{self._device} can't be reached; is it on, and are `host` and `port` right?"
                    )
                yield client
        except TimeoutError:
            raise TimeoutError(f"{self._device} did not answer within {limit:g} s") from None
        except ModbusException as error:
            raise ConnectionError(f"{self._device} has not answered as it should: {error}") from None
        finally:
            client.close()

    def _require_success(self, answer: ModbusPDU) -> None:
        if not answer.isError():
            return
        code = answer.exception_code if isinstance(answer, ExceptionResponse) else 0
        raise OSError(f"{self._place} is refused: {_EXCEPTIONS.get(code, f'exception {code}')}")

    @property
    def _device(self) -> str:
        return f"the Modbus device {self.host}:{self.port}"

    @property
    def _place(self) -> str:
        return f"coil {self.coil} of unit {self.unit} at {self._device}"
