"""A console at the other end of telnet: a console server, or a device with a telnet server."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from jumplab_exporter.drivers.console.ports import Port
from jumplab_exporter.drivers.console.reconnecting import ReconnectingConsole
from jumplab_exporter.drivers.console.telnet_port import TelnetPort
from jumplab_exporter.drivers.terminals import TerminalType


class TelnetConsole(ReconnectingConsole):
    """A console over telnet.  host, port: of the server;  terminal: what it is told of the terminal's type.

    required: a server that is not there when a lease begins fails the driver.
    A server that is not there yet is connected to when it comes, and again when its connection was lost.
    """

    example_configuration: ClassVar[Mapping[str, Any]] = {"host": "10.0.7.2", "port": 4001}

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 23
    terminal: TerminalType = "vt100"

    @property
    def _place(self) -> str:
        return f"telnet://{self.host}:{self.port}"

    async def _open(self) -> Port:
        return await TelnetPort.open(self.host, self.port, self.terminal)
