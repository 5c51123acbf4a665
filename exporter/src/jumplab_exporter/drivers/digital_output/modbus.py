"""A digital output on a coil of a Modbus device."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jumplab.drivers.digital_output import DigitalOutputInterface
from jumplab_exporter.drivers.modbus_coil import ModbusCoil


class ModbusDigitalOutput(DigitalOutputInterface, ModbusCoil):
    """A coil of a device that speaks Modbus over TCP; the output is active while the coil is on.

    host, port: of the device;  coil: its address, from 0;  unit: the number of the unit behind host;  timeout: for one
    call.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "10.0.0.6", "coil": 4}

    async def set(self, active: bool) -> None:
        await self.write_coil(on=active)

    async def get(self) -> bool:
        return await self.coil_is_on()
