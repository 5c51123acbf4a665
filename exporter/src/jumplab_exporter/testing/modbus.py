"""A device with coils that speaks Modbus over TCP, by pymodbus's own server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.testing.background import InBackground

with needing("modbus"):
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

_READ_COILS = 1


class ModbusDevice(InBackground):
    """A device with this many coils, all off first, as unit 1 on a port of 127.0.0.1. Use as `with`, in plain code and
    in coroutines.

    port: 0 for a free one; the device's from then on.
    """

    def __init__(self, coils: int = 8, *, port: int = 0) -> None:
        self.port = port
        self._count = coils
        self._server: Any = None  # the library leaves types out

    @property
    def coils(self) -> list[bool]:
        """Whether each is on."""
        read = self._portal.run(self._server.context.async_getValues(1, _READ_COILS, 0, self._count))
        return [bool(value) for value in read]

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        def bits() -> list[SimData]:
            return [SimData(0, values=[False] * self._count, datatype=DataType.BITS)]

        registers = [SimData(0, datatype=DataType.REGISTERS)]
        device = SimDevice(1, (bits(), bits(), registers, registers))
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        if not await self._server.listen():
            raise OSError(f"port {self.port} can't be listened at")
        self.port = self._server.transport.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            await self._server.shutdown()
