"""A shell in which `j` reaches an exporter: through sockets of this process, which dials for each `j`."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from jumplab.children import Spawned, spawn
from jumplab.cli.exit_status import print_note
from jumplab.cli.j.console_places import ConsolePlaces, attach_points
from jumplab.cli.j.delegated_call_server import DelegatedCallServer, serving_delegated_calls
from jumplab.client.config import DriverSettings
from jumplab.client.driver_source import DriverSource
from jumplab.client.errors import ClientError, ConfigurationError
from jumplab.programs import folder_of
from jumplab.socket_folders import socket_base
from jumplab.transport.errors import NotPossibleNow, TransportError
from jumplab.transport.listener import AcceptedLink, LocalListener, only, turn_away
from jumplab.transport.relay import relay

_ENDING_BOUND_SECONDS = 5.0
_PREFIX = "jumplab-"
_CALL_SOCKET = ".calls"  # no member's name begins with a dot


async def open_shell(
    source: DriverSource,
    drivers: DriverSettings,
    command: Sequence[str],
    reconnect_within: timedelta,
    client: str | None = None,
) -> int:
    """Runs a command, the user's shell where there is none, until it ends: its exit status.

    reconnect_within: how long a connection of a `j` in it may stay away.  client: the name of the configuration that
    was asked for; the programs in the shell use it too.
    Prints when the drivers can't be used any more, since the lease has ended for example; the shell goes on. Cancelling
    ends the command.
    """
    token, members = secrets.token_hex(16), source.member_names
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(_socket_folder(members)))
        sockets = {}
        for member in members:
            listener = LocalListener(folder / member, only(token), _serving(source, member))
            sockets[member] = (await stack.enter_async_context(listener)).path
        call_socket = folder / _CALL_SOCKET
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        points = tasks.create_task(attach_points(source)) if not source.is_own else None
        calls = DelegatedCallServer(source, reconnect_within, folder, ConsolePlaces(points))
        await stack.enter_async_context(serving_delegated_calls(call_socket, token, calls.run))
        watching = tasks.create_task(source.announce_end(print_note), name="watch of the lease")
        try:
            patience = {"JUMPLAB_RECONNECT_SECONDS": f"{reconnect_within.total_seconds():g}"}
            ours = _environment(sockets, token, source, drivers) | patience | {"JUMPLAB_CALL_SOCKET": str(call_socket)}
            # A shell within a leased shell, without a lease of its own, is not in that lease.
            environment = {name: value for name, value in os.environ.items() if name != "JUMPLAB_LEASE"}
            chosen = {"JMP_CLIENT": client, "JMP_CLIENT_CONFIG": ""} if client else {}
            environment |= _path_to_j() | ours | chosen
            return await _run(command or [os.environ.get("SHELL") or "/bin/sh"], environment)
        finally:
            watching.cancel()
            if points is not None:
                points.cancel()


def _socket_folder(members: Sequence[str]) -> tempfile.TemporaryDirectory[str]:
    """Raises ConfigurationError."""
    longest = max(len(f"/{name}/session.sock".encode()) for name in members)
    try:
        return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=socket_base(len(f"/{_PREFIX}12345678") + longest))
    except OSError as error:
        raise ConfigurationError(f"there is no place for the shell's sockets: {error}") from error


def _serving(source: DriverSource, member: str) -> Callable[[AcceptedLink], Awaitable[None]]:
    async def serve(accepted: AcceptedLink) -> None:
        try:
            link = await source.dial(member)
        except (ClientError, TransportError) as error:
            why = error if isinstance(error, TransportError) else NotPossibleNow(str(error))
            await turn_away((await accepted.accept()).stream, why)
            return
        try:
            await relay(accepted, link)
        finally:
            await link.aclose()

    return serve


def _path_to_j() -> dict[str, str]:
    """PATH, with this installation's programs at its end where it leads to no `j`."""
    path = os.environ.get("PATH", os.defpath)
    return {} if shutil.which("j") else {"PATH": os.pathsep.join((path, folder_of("j")))}


def _environment(
    sockets: Mapping[str, Path], token: str, source: DriverSource, drivers: DriverSettings
) -> dict[str, str]:
    """The environment for programs. JUMPLAB_SOCKET is the first member's, JUMPLAB_MEMBERS is NAME=PATH of each."""
    members = os.pathsep.join(f"{name}={path}" for name, path in sockets.items() if name)
    lease = {"JUMPLAB_LEASE": source.lease_name} if source.lease_name else {}
    return lease | {
        "JUMPLAB_SOCKET": str(next(iter(sockets.values()))),
        "JUMPLAB_MEMBERS": members,
        "JUMPLAB_SOCKET_TOKEN": token,
        "JUMPLAB_EXPORTER": source.exporter_name,
        "JMP_DRIVERS_ALLOW": "UNSAFE" if drivers.unsafe else ",".join(drivers.allow),
    }


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    # Ctrl-C at the terminal is for the command, which gets it too; what follows the command is not to be interrupted.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    try:
        process = spawn(command, environment=environment)
    except OSError as error:
        raise ConfigurationError(f"can't run {command[0]}: {error.strerror}") from error
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return status if status >= 0 else 128 - status


async def _end(process: Spawned) -> None:
    """Ends a command whose time is over: an interactive shell gets SIGHUP and passes it on to its jobs."""
    process.send_signal(signal.SIGHUP)
    try:
        async with asyncio.timeout(_ENDING_BOUND_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
