"""What can only be found out by opening devices."""

import os
from collections.abc import Iterator
from datetime import timedelta

from jumplab_exporter.discovery.host import GpioChip, SerialPort, Thing, UsbHub
from jumplab_exporter.drivers.power.uhubctl import UHUBCTL

_TOOL_BOUND = timedelta(seconds=30)


async def probe(thing: Thing) -> list[str]:
    """Remarks on a thing, after it was opened. Opening a serial port raises DTR and RTS, which can reset a board."""
    match thing:
        case SerialPort(device=device) | GpioChip(device=device):
            return list(_opened(str(device), os.O_RDWR if isinstance(thing, SerialPort) else os.O_RDONLY))
        case UsbHub(usb=usb):
            return [await _switching(usb.location)]
        case _:
            return []


def _opened(device: str, mode: int) -> Iterator[str]:
    try:
        os.close(os.open(device, mode | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
        yield "it can be opened"
    except OSError as error:
        yield f"it can't be opened: {error.strerror}"


async def _switching(location: str) -> str:
    try:
        ended = await UHUBCTL.run("-l", location, timeout=_TOOL_BOUND)
    except OSError as error:
        return f"uhubctl can't tell whether it switches its ports: {error}"
    if f"Current status for hub {location} " in ended.output:
        return "uhubctl can switch its ports"
    return "uhubctl does not list it: it doesn't switch its ports, or this user may not use it"
