"""A power switch on a coil of a Modbus device."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.modbus_coil import ModbusCoil


class ModbusPower(PowerInterface, ModbusCoil):
    """A coil of a device that speaks Modbus over TCP.  host, port: of the device;  coil: its address, from 0.

    unit: the number of the unit behind host;  timeout: for one call.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "10.0.0.6", "coil": 3}

    async def on(self) -> None:
        await self.write_coil(on=True)

    async def off(self) -> None:
        await self.write_coil(on=False)

    async def is_on(self) -> bool:
        return await self.coil_is_on()
