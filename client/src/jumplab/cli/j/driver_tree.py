"""The drivers of a session as the command line sees them: generic clients, and a driver's own client when it is needed.

Loading every driver's client class would make each `j` slow, and one class that isn't allowed would hide the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import NotExported
from jumplab.protocol.labels import CLIENT_LABEL
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport
from jumplab.session.client import ClientClasses

CONSOLE = "jumplab.drivers.console.ConsoleInterface"
POWER = "jumplab.drivers.power.PowerInterface"
BOOT = "jumplab.drivers.boot.BootServerInterface"
DEBUG = "jumplab.drivers.debug.DebugInterface"
FLASHER = "jumplab.drivers.flasher.FlasherInterface"
SHELL = "jumplab.drivers.shell.ShellInterface"
STORAGE = "jumplab.drivers.storage.StorageInterface"
LISTENER = "jumplab.drivers.network.ListenerInterface"
PORTS = "jumplab.drivers.network.PortsInterface"
TCP = "jumplab.drivers.network.TcpInterface"
UDP = "jumplab.drivers.network.UdpInterface"
UNIX = "jumplab.drivers.network.UnixInterface"
NETWORK = frozenset((LISTENER, PORTS, TCP, UDP, UNIX))
"""The interfaces of network services."""


class TreeClient(AsyncDriverClient):
    """A driver of the tree, generic."""

    def as_class(self, client: type[AsyncDriverClient]) -> AsyncDriverClient:
        """The same driver, with a client of another class."""
        return client(self._node)

    @property
    def failure(self) -> str:
        """Why the driver can't be used; empty where it can."""
        return self._node.failure


@dataclass(frozen=True, slots=True)
class DriverTree(ClientClasses):
    """Hands out generic clients while attaching, and remembers what was reported. Its loading obeys the allow-list."""

    reports: dict[str, DriverInstanceReport] = field(default_factory=dict)

    @classmethod
    def allowing(cls, allow: tuple[str, ...], *, unsafe: bool) -> "DriverTree":
        return cls(allow=allow, unsafe=unsafe)

    def client_for(self, report: DriverInstanceReport, path: str) -> type[AsyncDriverClient]:
        self.reports[path] = report
        return TreeClient

    def interfaces(self, client: AsyncDriverClient) -> set[str]:
        """The names of the driver's interfaces."""
        return {interface.name for interface in self.reports[client.path].interfaces}

    def has_foreign_client(self, client: AsyncDriverClient) -> bool:
        """Whether the driver brings a client class of its own, beside the standard ones."""
        named = self.reports[client.path].labels.get(CLIENT_LABEL, "")
        return bool(named) and not named.startswith("jumplab.drivers.")

    def own(self, client: AsyncDriverClient) -> AsyncDriverClient:
        """The driver with a client of its class. Raises ClientNotAllowed, ClientMissing, InterfaceMismatch."""
        assert isinstance(client, TreeClient)
        classes = ClientClasses(self.allow, self.unsafe)
        return client.as_class(classes.client_for(self.reports[client.path], client.path))

    def console(self, root: AsyncDriverClient, path: str | None) -> AsyncDriverClient:
        """The console at `path`, or the only one there is. Raises NotExported."""
        consoles = {client.path: client for client in walk(root) if CONSOLE in self.interfaces(client)}
        return consoles[choose_console({name: client.is_alias for name, client in consoles.items()}, path)]


def choose_console(consoles: Mapping[str, bool], path: str | None) -> str:
    """The path of the console that is meant: `path`, or the only one there is.

    consoles: by path, whether it is a further name of another. Raises NotExported.
    """
    if path is not None and path in consoles:
        return path
    once = [name for name, is_alias in consoles.items() if not is_alias]
    if path is None and len(once) == 1:
        return once[0]
    known = ", ".join(once) or "none"
    if path is None and once:
        raise NotExported(f"there are several consoles: {known}; choose one with --driver")
    raise NotExported(f'there is no console "{path}" (there are: {known})' if path else "this exporter has no console")


def walk(client: AsyncDriverClient) -> Iterator[AsyncDriverClient]:
    """A driver and all below it, parents first."""
    yield client
    for child in client.children.values():
        yield from walk(child)
