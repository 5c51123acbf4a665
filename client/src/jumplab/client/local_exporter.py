"""Drivers without a controller: an exporter of our own, in a child process that ends with this one.

The child is the exporter's program, `jumplab_exporter local FILE`. It reads a token from its standard input, whose end
ends it, and writes lines of JSON to its standard output: `{"ending_seconds"}`, then `{"ready", "exporter"}` with the
path of its socket, or `{"failed", "status"}`. Its log goes to our standard error.
"""

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jumplab.children import Spawned
from jumplab.client.errors import ConfigurationError, LeaseFailed
from jumplab.driver.errors import SessionLost
from jumplab.session.client import RECONNECT_WITHIN, ClientClasses, Reconnecting, Session, attach
from jumplab.transport.errors import NotPossibleNow
from jumplab.transport.links import Link
from jumplab.transport.local import LocalLink
from jumplab.transport.same_machine import is_usable

_ENDING_SECONDS = 30.0
"""How long the child has to end before it has said how long it may need."""
_GRACE_SECONDS = 5.0
_DYING_SECONDS = 1.0
_USAGE_STATUS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalDrivers:
    """A DriverSource: the drivers of a configuration file, in a child process."""

    exporter_name: str
    file: str
    _process: Spawned
    _socket: Path
    _token: str = field(repr=False)
    lease_name: str = ""
    member_names: Sequence[str] = ("",)
    is_own: bool = True

    async def dial(self, member: str) -> Link:  # noqa: ARG002 - there is only one
        try:
            if not await is_usable(self._socket):
                await self._raise_if_dying()
            return await self._dial_again()
        except SessionLost as lost:
            raise NotPossibleNow(str(lost)) from lost

    @asynccontextmanager
    async def attached(
        self,
        classes: ClientClasses,
        client: str,
        member: str = "",  # noqa: ARG002 - there is only one
        within: timedelta = RECONNECT_WITHIN,
        notify: Callable[[str], None] = _log.info,
    ) -> AsyncIterator[Session]:
        again = Reconnecting(self._dial_again, within, notify)
        async with AsyncExitStack() as stack:
            attaching = attach(await self._dial_again(), classes=classes, client=client, reconnecting=again)
            try:
                session = await stack.enter_async_context(attaching)
            except SessionLost:
                await self._raise_if_dying()
                raise
            yield session

    def attaching(self, classes: ClientClasses, client: str) -> AbstractAsyncContextManager[Session]:
        """One more session, in whichever event loop, for as long as its connection lasts. It reads consoles from where
        they end now."""
        return attach(LocalLink(self._socket, self._token), classes=classes, client=client, from_lease_begin=False)

    async def announce_end(self, notify: Callable[[str], None]) -> None:
        await self._process.wait()
        notify(self._ended() or "")

    async def _dial_again(self) -> Link:
        if (ended := self._ended()) is not None:
            raise SessionLost(ended)
        return LocalLink(self._socket, self._token)

    async def _raise_if_dying(self) -> None:
        """The child's sockets are gone a moment before it has ended. Raises SessionLost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DYING_SECONDS):
                await self._process.wait()
        await self._dial_again()

    def _ended(self) -> str | None:
        """A sentence, where the child has ended."""
        status = self._process.returncode
        if status is None:
            return None
        return f'exporter "{self.exporter_name}" of {self.file} {_how_it_ended(status)}; start it again'


@asynccontextmanager
async def local_drivers(file: str) -> AsyncIterator[LocalDrivers]:
    """The drivers of an exporter's configuration file, once its beforeLease hook is done.

    file: a path, or a name in the places of exporters' files. Leaving the context runs the afterLease hook, and waits
    until the drivers are down, for as long as their bounds allow. Raises ConfigurationError, LeaseFailed.
    """
    token = secrets.token_hex(16)
    async with _child(file, token) as child:
        report = await child.first_report()
        if "ready" not in report:
            raise _failure(report, file, child.process)
        yield LocalDrivers(report["exporter"], file, child.process, Path(report["ready"]), token)


@dataclass(slots=True)
class _Child:
    """The child, and what it reports."""

    process: Spawned
    reports: asyncio.StreamReader
    ending_seconds: float = _ENDING_SECONDS

    async def first_report(self) -> Mapping[str, Any]:
        """Whether the drivers are ready; empty where the child has ended without a word."""
        while line := await self.reports.readline():
            report: dict[str, Any] = json.loads(line)
            if "ending_seconds" not in report:
                return report
            self.ending_seconds = report["ending_seconds"] + _GRACE_SECONDS
        await self.process.wait()
        return {}


@asynccontextmanager
async def _child(file: str, token: str) -> AsyncIterator[_Child]:
    process = _started([*_program(), "local", "--", _as_path(file)])
    assert process.stdin is not None
    assert process.stdout is not None
    child = _Child(Spawned(process), asyncio.StreamReader())
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(child.reports), process.stdout
        )
        with closing(transport):
            with suppress(BrokenPipeError):  # it has ended; its status says why
                process.stdin.write(token.encode() + b"\n")
            yield child
    finally:
        process.stdin.close()
        await _wait_for_end(child)


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """In a session of its own: Ctrl-C at the terminal is not for the drivers. Raises ConfigurationError."""
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, start_new_session=True)
    except OSError as error:
        raise ConfigurationError(f"can't run {command[0]}: {error.strerror}") from error


async def _wait_for_end(child: _Child) -> None:
    try:
        async with asyncio.timeout(child.ending_seconds):
            await child.process.wait()
    except TimeoutError:
        child.process.kill()
        await child.process.wait()


def _program() -> list[str]:
    """The exporter's program: of this Python, else on PATH. Raises ConfigurationError."""
    if sys.executable and find_spec("jumplab_exporter") is not None:
        return [sys.executable, "-P", "-m", "jumplab_exporter"]  # -P: modules of the working directory are not meant
    if (program := shutil.which("jumplab-exporter")) is not None:
        return [program]
    raise ConfigurationError(
        "the exporter is not installed here, and drivers without a controller run in it; install it with "
        "`pip install jumplab-exporter`"
    )


def _as_path(file: str) -> str:
    """A file that is there is meant even if it looks like a name."""
    return file if "/" in file or not os.path.exists(file) else f"./{file}"


def _failure(report: Mapping[str, Any], file: str, process: Spawned) -> ConfigurationError | LeaseFailed:
    if "failed" not in report:
        how = _how_it_ended(process.returncode or 0)
        return LeaseFailed(f"the exporter of {file} {how} before it was ready; its output says why")
    if report["status"] == _USAGE_STATUS:
        return ConfigurationError(report["failed"])
    return LeaseFailed(f"the exporter of {file} can't be used: {report['failed']}")


def _how_it_ended(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"has ended with exit status {status}"
