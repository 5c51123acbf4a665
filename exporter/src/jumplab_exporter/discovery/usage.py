"""Which of the found things exporters have that run now."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jumplab_exporter.config import DriverEntry, Entries, RefEntry, load_local
from jumplab_exporter.control.place import running_configurations
from jumplab_exporter.discovery.host import GpioChip, SdMux, SerialPort, Thing, UsbHub
from jumplab_exporter.errors import ConfigurationError


class Usage:
    """What the settings of running exporters name. in_use: the exporter's file, by a device's real path, an SDWire's
    name, or a hub's location."""

    def __init__(self, in_use: Mapping[str, str]) -> None:
        self._in_use = in_use

    @classmethod
    def now(cls) -> "Usage":
        """Of the exporters that this user can reach. A file that can't be read any more names nothing."""
        in_use: dict[str, str] = {}
        for path in running_configurations():
            try:
                entries = load_local(path).export
            except ConfigurationError:
                continue
            in_use |= dict.fromkeys(named_in(entries), str(path))
        return cls(in_use)

    def user_of(self, thing: Thing) -> str:
        """The configuration file of the exporter that has it; empty where none has. Of GPIO chips and hubs, it may use
        other lines and ports."""
        return next((file for key in _keys(thing) if (file := self._in_use.get(key))), "")


def _keys(thing: Thing) -> list[str]:
    match thing:
        case SerialPort() | GpioChip():
            return [os.path.realpath(thing.device)]
        case SdMux(control=control, card=card):
            return [os.path.realpath(control), control, *([os.path.realpath(card)] if card else [])]
        case UsbHub(usb=usb):
            return [f"hub {usb.location}"]


def named_in(entries: Entries) -> Iterator[str]:
    """The devices that the drivers' settings name."""
    for entry in entries.values():
        if isinstance(entry, RefEntry):
            continue
        if isinstance(entry, DriverEntry):
            yield from (_device_of(key, text) for key, text in _texts(entry.config))
        yield from named_in(entry.children)


def _device_of(key: str, text: str) -> str:
    if key == "hub":
        return f"hub {text}"
    path = re.sub(r"^[a-z]+://(?=/)", "", text)  # pyserial's spy:///dev/ttyUSB0
    return os.path.realpath(path) if path.startswith("/") else text


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)
