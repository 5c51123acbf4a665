"""A shell or a command in which `j` reaches an exporter: through sockets of this process, which dials for each `j`."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jumplab.cli import job
from jumplab.cli.exit_status import LEASE_LOST
from jumplab.cli.j.console_places import ConsolePlaces, attach_points
from jumplab.cli.j.delegated_call_server import DelegatedCallServer, serving_delegated_calls
from jumplab.cli.leased_command import LeasedCommand
from jumplab.cli.run_results import recorded
from jumplab.cli.running import Interruptions
from jumplab.cli.shell_prompts import shell_with_prompt
from jumplab.cli.terminal_lines import print_above
from jumplab.client.config import DriverSettings
from jumplab.client.driver_source import DriverSource
from jumplab.client.errors import ClientError, ConfigurationError
from jumplab.programs import folder_of
from jumplab.socket_folders import socket_base
from jumplab.transport.errors import NotPossibleNow, TransportError
from jumplab.transport.listener import AcceptedLink, LocalListener, only, turn_away
from jumplab.transport.relay import relay

_PREFIX = "jumplab-"
_CALL_SOCKET = ".calls"  # no member's name begins with a dot


@dataclass(frozen=True, slots=True)
class Commission:
    """What is to run with drivers.

    command: empty for the user's shell.  client: the name of the configuration that was asked for; the programs use it
    too.  ends_with_drivers: the command is ended where the drivers can't be used any more.  results: the folder for its
    results, or what makes its name of those of the lease and the exporter; None: there are none.
    """

    command: Sequence[str]
    interruptions: Interruptions
    client: str | None = None
    ends_with_drivers: bool = False
    results: Callable[[str], Path] | None = None


def check_command(command: Sequence[str]) -> None:
    """Raises ConfigurationError where there is no such program: before anybody waits for a lease for it."""
    path = _path_to_j().get("PATH") or os.environ.get("PATH", os.defpath)
    if command and shutil.which(command[0], path=path) is None:
        raise ConfigurationError(f"can't run {command[0]}: there is no such program, or it can't be executed")


async def open_shell(
    source: DriverSource, drivers: DriverSettings, reconnect_within: timedelta, commission: Commission
) -> int:
    """Runs a command until it ends: its exit status, LEASE_LOST where it was ended since the drivers were lost.

    reconnect_within: how long a connection of a `j` in it may stay away.
    Prints when the drivers can't be used any more, since the lease has ended for example, and before the end. Once the
    command runs, interruptions are its own.
    """
    async with _reachable(source, reconnect_within) as (folder, environment):
        environment |= _environment(source, drivers)
        environment |= {"JUMPLAB_RECONNECT_SECONDS": f"{reconnect_within.total_seconds():g}"}
        # A shell within a leased shell, without a lease of its own, is not in that lease.
        inherited = {name: value for name, value in os.environ.items() if name != "JUMPLAB_LEASE"}
        chosen = {"JMP_CLIENT": commission.client, "JMP_CLIENT_CONFIG": ""} if commission.client else {}
        environment = inherited | _path_to_j() | environment | chosen
        async with AsyncExitStack() as stack:
            if commission.results is not None:
                results = commission.results(source.lease_name or source.exporter_name)
                environment |= await stack.enter_async_context(recorded(source, results, reconnect_within))
            command = commission.command
            if not command:
                command, more = shell_with_prompt(folder, source, environment)
                environment |= more
            return await _run(source, command, environment, commission)


@asynccontextmanager
async def _reachable(source: DriverSource, reconnect_within: timedelta) -> AsyncIterator[tuple[Path, dict[str, str]]]:
    """Serves the drivers at sockets: a folder of the command's own, with the environment that leads there."""
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
        try:
            yield folder, _addresses(sockets, call_socket, token)
        finally:
            if points is not None:
                points.cancel()


async def _run(
    source: DriverSource, command: Sequence[str], environment: Mapping[str, str], commission: Commission
) -> int:
    with job.started(command, environment, guarded=commission.interruptions.with_parent) as running:
        leased = LeasedCommand(running, interactive=not commission.command)
        commission.interruptions.take_over(leased.interrupted)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(source, leased, commission), name="watch of the lease")
            try:
                status = await leased.wait()
            finally:
                watching.cancel()
        return LEASE_LOST if leased.lease_lost else status


async def _watch(source: DriverSource, leased: LeasedCommand, commission: Commission) -> None:
    await source.announce_end(print_above)
    if commission.ends_with_drivers:
        leased.lose_lease()


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


def _addresses(sockets: Mapping[str, Path], call_socket: Path, token: str) -> dict[str, str]:
    """How programs reach the drivers. JUMPLAB_SOCKET is the first member's, JUMPLAB_MEMBERS is NAME=PATH of each."""
    return {
        "JUMPLAB_SOCKET": str(next(iter(sockets.values()))),
        "JUMPLAB_MEMBERS": os.pathsep.join(f"{name}={path}" for name, path in sockets.items() if name),
        "JUMPLAB_SOCKET_TOKEN": token,
        "JUMPLAB_CALL_SOCKET": str(call_socket),
    }


def _environment(source: DriverSource, drivers: DriverSettings) -> dict[str, str]:
    lease = {"JUMPLAB_LEASE": source.lease_name} if source.lease_name else {}
    return lease | {
        "JUMPLAB_EXPORTER": source.exporter_name,
        "JMP_DRIVERS_ALLOW": "UNSAFE" if drivers.unsafe else ",".join(drivers.allow),
    }
