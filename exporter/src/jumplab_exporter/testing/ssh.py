"""A device that speaks SSH, simulated on this machine. It needs the extra `ssh`."""

import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncssh

from jumplab_exporter.testing.background import InBackground
from jumplab_exporter.testing.prompt_shell import PROMPT, PromptShell

_BLOCK_BYTES = 4096


class SshDevice(InBackground):
    """A device with an SSH server, on a free port of 127.0.0.1. Use as `with`, in plain code and in coroutines.

    answers: what each command prints on standard output, by its words as one line; any other is not found.  user,
    password: of its one account.  prompt: of the shell that a console gets.  commands: those that were run so far.
    connections: how many have logged in.  It has no files.
    Its ports are those of this machine.
    """

    def __init__(
        self,
        answers: Mapping[str, str] | None = None,
        *,
        password: str,
        user: str = "root",
        prompt: str = PROMPT,
    ) -> None:
        self.answers = dict(answers or {})
        self.prompt = prompt
        self.connections = 0
        self.commands: list[str] = []
        self.user = user
        self.password = password
        self.port = 0
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._logged_in: set[asyncssh.SSHServerConnection] = set()

    @property
    def host_key(self) -> str:
        """Its public host key, as the setting of a driver."""
        return self._key.export_public_key().decode().strip()

    def hang_up(self) -> None:
        """Ends all connections; new ones are accepted."""
        self._portal.run(self._end_connections())

    async def _end_connections(self) -> None:
        for connection in self._logged_in:
            connection.abort()

    def _note(self, connection: asyncssh.SSHServerConnection) -> None:
        self.connections += 1
        self._logged_in.add(connection)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Server(self),
            server_host_keys=[self._key],
            process_factory=self._serve,
            line_editor=False,
            errors="replace",
        )
        self.port = server.get_port()
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, process: "asyncssh.SSHServerProcess[Any]") -> None:
        if process.command is None and process.term_type is not None:
            await self._serve_console(process)
            return
        words = shlex.split(process.command or "")
        if words[:3] == ["exec", "sh", "-c"] and len(words) > 4:
            # As a shell runs `echo WORD $$ >&2`, with which drivers learn the number of a process.
            process.stderr.write(f"{words[3].split()[1]} 1\n")
            words = words[5:]
        line = shlex.join(words)
        self.commands.append(line)
        if line not in self.answers:
            process.stderr.write(f"sh: {words[0] if words else ''}: not found\n")
            process.exit(127)
            return
        process.stdout.write(self.answers[line])
        process.exit(0)

    async def _serve_console(self, process: "asyncssh.SSHServerProcess[Any]") -> None:
        shell = PromptShell(self.answers, self.prompt, self.commands.append)
        process.stdout.write(shell.begin().decode())
        while typed := await process.stdin.read(_BLOCK_BYTES):
            process.stdout.write(shell.feed(typed.encode()).decode(errors="replace"))
        process.exit(0)


class _Server(asyncssh.SSHServer):
    def __init__(self, device: SshDevice) -> None:
        self._device = device

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def auth_completed(self) -> None:
        self._device._note(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh's signature
        self._device._logged_in.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (self._device.user, self._device.password)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:  # noqa: ARG002
        return True
