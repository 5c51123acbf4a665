"""What can be said of the drivers' devices without touching them."""

from collections import defaultdict
from typing import Protocol, runtime_checkable

from jumplab.session.host import DriverTree


@runtime_checkable
class UsesDevice(Protocol):
    """A driver that has a device for itself."""

    def exclusive_device(self) -> str:
        """Its real path, or a server's host:port; "" where that can't be told."""
        ...

    def missing_device(self) -> str:
        """The device, in the words of the configuration, where it can be seen that it is not there; else ""."""
        ...

    def device_problem(self) -> str:
        """Why the configuration names no device that could ever be there, as a sentence, or ""."""
        ...


def shared_devices(tree: DriverTree) -> list[tuple[str, list[str]]]:
    """The devices that several entries have for themselves, with the paths of these entries."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, driver in _drivers(tree):
        if device := driver.exclusive_device():
            found[device].append(path)
    return [(device, paths) for device, paths in found.items() if len(paths) > 1]


def missing_devices(tree: DriverTree) -> list[tuple[str, str]]:
    """The entries whose device is not there now, each with the device."""
    return [(path, device) for path, driver in _drivers(tree) if (device := driver.missing_device())]


def wrong_devices(tree: DriverTree) -> list[tuple[str, str]]:
    """The entries that can't ever find their device, each with the reason."""
    return [(path, problem) for path, driver in _drivers(tree) if (problem := driver.device_problem())]


def _drivers(tree: DriverTree) -> list[tuple[str, UsesDevice]]:
    """Each once, in whatever places of the tree it stands."""
    found: dict[int, tuple[str, UsesDevice]] = {}
    for node in tree.nodes.values():
        if isinstance(node.driver, UsesDevice):
            found.setdefault(id(node.driver), (node.path, node.driver))
    return list(found.values())
