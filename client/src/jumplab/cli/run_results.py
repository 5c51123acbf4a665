"""The folder for the results of a run: what the consoles say, written as it comes, and what the command writes."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from jumplab.cli.console_log import ConsoleLog
from jumplab.cli.exit_status import print_note
from jumplab.cli.j.driver_tree import CONSOLE, DriverTree, TreeClient, walk
from jumplab.client.driver_source import DriverSource
from jumplab.client.errors import ClientError, ConfigurationError
from jumplab.driver import AsyncDriverClient
from jumplab.driver.errors import DriverError, SessionEnded, SessionLost
from jumplab.drivers.console.stream import ConsoleStream, joined
from jumplab.private_files import NotWritten
from jumplab.transport.errors import TransportError

DEFAULT_FOLDER = "jumplab-results"

_REST_BOUND_SECONDS = 5.0
_LOOK_SECONDS = 0.02


def folder_for(name: str) -> Path:
    """The folder of a run's results where none is named.  name: of the lease, else of the exporter."""
    return Path(DEFAULT_FOLDER, re.sub(r"[^\w.-]", "-", name))


@asynccontextmanager
async def recorded(source: DriverSource, folder: Path, within: timedelta) -> AsyncIterator[Mapping[str, str]]:
    """Makes the folder, and records all consoles there while the context lasts; gives the environment that names both.

    within: how long a lost connection may stay away. Raises ConfigurationError where the folder can't be made.
    """
    folder = _made(folder)
    environment = {"JUMPLAB_RESULTS": str(folder), "JUMPLAB_JUNIT_XML": str(folder / "junit.xml")}
    print_note(f"results, and what the consoles say, go to {folder}")
    async with AsyncExitStack() as stack:
        consoles: dict[str, AsyncDriverClient] = {}
        for member in source.member_names:
            consoles |= await _consoles(source, member, within, stack)
        for path, console in consoles.items():
            file = folder / ("console.log" if len(consoles) == 1 else f"console-{path}.log")
            log = stack.enter_context(ConsoleLog.opened(file))
            await stack.enter_async_context(_Recording(path, console, log).going_on(source.is_own))
            environment.setdefault("JUMPLAB_CONSOLE_LOG", str(file))
        yield environment


def _made(folder: Path) -> Path:
    """The folder as an absolute path. Raises ConfigurationError."""
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder for results {folder} can't be made: {error.strerror}; name another one with --results"
        ) from error
    return folder


async def _consoles(
    source: DriverSource, member: str, within: timedelta, stack: AsyncExitStack
) -> dict[str, AsyncDriverClient]:
    """A member's consoles that can be used, by their paths, in a session that lasts as long as the stack."""
    tree = DriverTree.allowing((), unsafe=False)
    try:
        session = await stack.enter_async_context(source.attached(tree, "jumplab run", member, within))
    except (ClientError, DriverError, TransportError) as error:
        print_note(f"the consoles are not recorded: {error}")
        return {}
    found: dict[str, AsyncDriverClient] = {}
    for client in walk(session.root):
        assert isinstance(client, TreeClient)
        if CONSOLE in tree.interfaces(client) and not client.is_alias and not client.failure:
            found[f"{member}.{client.path}" if member else client.path] = client
    return found


class _Recording:
    """One console, and the file that gets what it says."""

    def __init__(self, path: str, console: AsyncDriverClient, log: ConsoleLog) -> None:
        self._path = path
        self._console = console
        self._log = log
        self._stream: ConsoleStream | None = None

    @asynccontextmanager
    async def going_on(self, from_lease_begin: bool) -> AsyncIterator[None]:
        """Records while the context lasts; at its end what the console has said until then is still written."""
        attached_at = self._console.attached_at
        begin = 0 if from_lease_begin else None if attached_at is None else attached_at.offset
        task = asyncio.create_task(self._record(begin), name="record of a console")
        try:
            yield
            with suppress(DriverError, TimeoutError):
                async with asyncio.timeout(_REST_BOUND_SECONDS):
                    await self._until_written(task)
        finally:
            task.cancel()

    async def _record(self, begin: int | None) -> None:
        try:
            async with joined(self._console, begin, mark_gaps=True) as stream:
                self._stream = stream
                while data := await stream.receive():
                    self._log.append(data)
        except (SessionEnded, SessionLost):
            return  # whoever watches the lease says so
        except (DriverError, NotWritten) as error:
            print_note(f'console "{self._path}" is not recorded any more: {error}')

    async def _until_written(self, task: "asyncio.Task[None]") -> None:
        state = await self._console.call("state")
        end = state["end_offset"]
        while not task.done() and (self._stream is None or self._stream.offset < end):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(_LOOK_SECONDS)
