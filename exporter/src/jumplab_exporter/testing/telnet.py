"""A device that speaks telnet, simulated on this machine."""

import asyncio
from collections.abc import Mapping

from jumplab_exporter.drivers.console.telnet import BINARY, ECHO, SUPPRESS_GO_AHEAD, Telnet
from jumplab_exporter.testing.background import TcpInBackground
from jumplab_exporter.testing.prompt_shell import PROMPT, PromptShell

_BLOCK_BYTES = 4096


class TelnetDevice(TcpInBackground):
    """A device with a telnet server (RFC 854), on a free port of 127.0.0.1. Use as `with`, in plain code and in
    coroutines.

    answers: what each command prints, by its line; any other is not found.  prompt: what its shell waits with.
    commands: those that were run so far.  connections: how many there were.
    """

    def __init__(self, answers: Mapping[str, str] | None = None, *, prompt: str = PROMPT) -> None:
        self.answers = dict(answers or {})
        self.prompt = prompt
        self.commands: list[str] = []
        self.connections = 0
        self._open: set[_Connection] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._tcp_port

    def say(self, text: str) -> None:
        """Says something by itself, to everybody who is connected."""
        self._portal.run(self._say(text.encode()))

    def hang_up(self) -> None:
        """Ends all connections; new ones are accepted."""
        self._portal.run(self._end_connections())

    async def _say(self, data: bytes) -> None:
        for connection in self._open:
            connection.say(data)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = _Connection(writer, PromptShell(self.answers, self.prompt, self.commands.append))
        self._open.add(connection)
        try:
            while received := await reader.read(_BLOCK_BYTES):
                connection.receive(received)
                await writer.drain()
        finally:
            self._open.remove(connection)


class _Connection:
    """The device's end of a connection."""

    def __init__(self, writer: asyncio.StreamWriter, shell: PromptShell) -> None:
        self._writer = writer
        self._shell = shell
        self._telnet = Telnet(performs=(BINARY, ECHO, SUPPRESS_GO_AHEAD), accepts=(BINARY, SUPPRESS_GO_AHEAD))
        self._telnet.ask(perform=(ECHO, SUPPRESS_GO_AHEAD, BINARY), accept=(BINARY, SUPPRESS_GO_AHEAD))
        self.say(shell.begin())

    def receive(self, received: bytes) -> None:
        for data in self._telnet.receive(received):
            if isinstance(data, bytes):  # else an option, of which it has none
                self.say(self._shell.feed(data))
        self.say(b"")

    def say(self, data: bytes) -> None:
        self._writer.write(self._telnet.pop_outgoing() + self._telnet.encode(data))
