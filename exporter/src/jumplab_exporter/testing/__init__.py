"""Simulators of devices, for tests of drivers and for boards without hardware.

They behave like hardware at the wire. Drivers never import this package: a device that a driver needs itself is the
driver's, and re-exported here.
"""

from jumplab_exporter.drivers.console.serial_device import SerialDevice
from jumplab_exporter.testing.http_simulator import HttpSimulator
from jumplab_exporter.testing.relays import ShellyGen1, ShellyGen2, TasmotaDevice
from jumplab_exporter.testing.telnet import TelnetDevice

__all__ = ["HttpSimulator", "SerialDevice", "ShellyGen1", "ShellyGen2", "TasmotaDevice", "TelnetDevice"]
