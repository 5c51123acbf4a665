"""A configuration of what was found, as the text of a file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from jumplab_exporter.discovery.host import GpioChip, SdMux, SerialPort, Thing, UsbHub
from jumplab_exporter.discovery.usage import Usage

_HEAD = """\
# Proposed by `jumplab-exporter discover`. The names of the entries are yours to choose.
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
"""


def proposal_of(things: Sequence[Thing], usage: Usage, remarks: Mapping[Thing, Sequence[str]]) -> str:
    """The file. Its entries are the things that can be served as they are; the others are comments.

    remarks: further lines for the comments.
    """
    entries: list[str] = []
    comments: list[str] = []
    names: set[str] = set()
    for thing in things:
        about = [*_about(thing), *remarks.get(thing, ())]
        if user := usage.user_of(thing):
            about.append(f"in use by the exporter of {user}")
        entry = None if user else _entry(thing)
        if entry is None:
            comments += ["", *about, *_suggestion(thing)]
        else:
            name = _free(_name_of(thing), names)
            entries += [*(f"# {line}" for line in about), *_yaml({name: entry}), ""]
    export = "".join(f"  {line}\n" if line else "\n" for line in entries[:-1]) if entries else ""
    tail = "".join(f"# {line}".rstrip() + "\n" if line else "\n" for line in comments)
    return f"{_HEAD}export:{'' if entries else ' {}'}\n{export}{tail}"


def _about(thing: Thing) -> Iterator[str]:
    """What the thing is, line by line."""
    match thing:
        case SerialPort(usb=usb, device=device):
            yield f"{device}: {usb.title}, at {usb.location} of the USB" if usb else f"{device}: a port of this machine"
            if not thing.is_stable:
                yield "udev has made no stable name for it: after a restart this name may be that of another port"
        case GpioChip(device=device, label=label, lines=lines):
            yield f"GPIO chip {device}: {label or 'without a label'}, {lines or 'unknown number of'} lines"
        case SdMux(usb=usb, control=control, card=card):
            yield f"SD mux {usb.title}, at {usb.location} of the USB"
            if control.startswith("/dev/sg"):
                yield "install the udev rules of usbsdmux: without them its control device has no stable name"
            if card is None:
                yield "its card is not seen: insert one, switch the mux to the host, and discover again"
        case UsbHub(usb=usb, ports=ports, attached=attached):
            yield f"USB hub {usb.location}: {usb.title}, {ports} ports"
            yield from (f"  port {port}: {title}" for port, title in attached)


def _entry(thing: Thing) -> dict[str, Any] | None:
    """The thing's entry; None where something about it has to be decided or found out first."""
    match thing:
        case SerialPort(name=name):
            return {"type": "console/serial", "config": {"url": str(name)}}
        case SdMux(kind=kind, control=control, card=card) if card is not None and control:
            key = "device_serial" if kind == "storage-mux/sdwire" else "control"
            return {"type": kind, "config": {key: control, "path": str(card)}}
        case _:
            return None


def _suggestion(thing: Thing) -> list[str]:
    """How an entry could be written, as a comment."""
    match thing:
        case GpioChip(device=device):
            config: dict[str, Any] = {"chip": str(device), "line": 0}
            return ["one of its lines:", *_yaml({"reset": {"type": "reset/gpio", "config": config}})]
        case UsbHub(usb=usb):
            config = {"hub": usb.location, "port": 1}
            return ["if it switches its ports:", *_yaml({"power": {"type": "power/uhubctl", "config": config}})]
        case _:
            return []


def _yaml(entry: dict[str, Any]) -> list[str]:
    return yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=1000).splitlines()


def _name_of(thing: Thing) -> str:
    kind = "console" if isinstance(thing, SerialPort) else "card" if isinstance(thing, SdMux) else "thing"
    usb = thing.usb if isinstance(thing, SerialPort | SdMux | UsbHub) else None
    own = (usb.serial or usb.location) if usb else thing.device.name if isinstance(thing, SerialPort) else ""
    port = thing.interface if isinstance(thing, SerialPort) and thing.interface not in ("", "00") else ""
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}-{own}-{port}".lower()).strip("-")


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of NAME-2, NAME-3, … that nothing else has."""
    free = next(each for each in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if each not in taken)
    taken.add(free)
    return free
