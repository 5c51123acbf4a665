"""What to use in place of Jumpstarter's drivers, which are no drivers here."""

import re

_OF_JUMPSTARTER = re.compile(r"jumpstarter(_driver_\w+)?(\.|$)")

COUNTERPARTS = {
    "jumpstarter_driver_composite.driver.Composite": "leave out `type` and keep `children`",
    "jumpstarter_driver_composite.driver.Proxy": "use `ref` in place of `type`",
    "jumpstarter_driver_gpiod.driver.DigitalInput": 'use "digital-input/gpio" with `chip` and `line`',
    "jumpstarter_driver_gpiod.driver.DigitalOutput": 'use "digital-output/gpio", "reset/gpio" or "button/gpio"',
    "jumpstarter_driver_gpiod.driver.PowerSwitch": 'use "digital-output/gpio" with `chip` and `line`',
    "jumpstarter_driver_http_power.driver.HttpPower": 'use "power/http", or "power/shelly" for a relay of Shelly',
    "jumpstarter_driver_network.driver.TcpNetwork": 'use "network/tcp" with `host` and `port`',
    "jumpstarter_driver_network.driver.UdpNetwork": 'use "network/udp" with `host` and `port`',
    "jumpstarter_driver_network.driver.UnixNetwork": 'use "network/unix" with `path`',
    "jumpstarter_driver_opendal.driver.MockStorageMux": 'use "storage/disk"',
    "jumpstarter_driver_opendal.driver.MockFlasher": 'use "storage/disk"',
    "jumpstarter_driver_power.driver.MockPower": 'use "power/virtual"',
    "jumpstarter_driver_power.driver.SyncMockPower": 'use "power/virtual"',
    "jumpstarter_driver_pyserial.driver.PySerial": 'use "console/serial" with `url` and `baudrate`',
    "jumpstarter_driver_qemu.driver.Qemu": 'use "board/qemu"',
    "jumpstarter_driver_sdwire.driver.SDWire": 'use "storage-mux/sdwire" with `device_serial` and `path`',
    "jumpstarter_driver_snmp.driver.SNMPServer": 'use "power/snmp" with `model` or `oid`',
    "jumpstarter_driver_shell.driver.Shell": 'use "shell/local" with `commands`, or "power/command" to switch power',
    "jumpstarter_driver_ssh.driver.SSHWrapper": 'use "shell/ssh" with `host`, `user` and `host_key`',
}


def is_of_jumpstarter(path: str) -> bool:
    """Whether a module or class is Jumpstarter's."""
    return _OF_JUMPSTARTER.match(path) is not None


def advice_on(kind: str) -> str:
    """Why a driver type made for Jumpstarter can't be hosted, and what to write instead, as a sentence."""
    instead = COUNTERPARTS.get(kind.replace(":", "."), "use one of Jumplab's drivers, or write your own for it")
    return f"driver type {kind!r} is made for Jumpstarter, whose drivers can't be hosted here; {instead}"
