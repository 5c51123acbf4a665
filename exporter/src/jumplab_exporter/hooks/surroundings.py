"""What a hook finds around it: its environment, and its own way to the drivers."""

import logging
import os
import secrets
import stat
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from jumplab.programs import folder_of
from jumplab.session.host import SessionHost
from jumplab.session.host.observing import ConnectionObserver
from jumplab.socket_folders import socket_base
from jumplab.system_errors import system_sentence
from jumplab.transport.listener import LocalListener, only
from jumplab_exporter.lifecycle_events import Lease
from jumplab_exporter.processes.clean_environment import clean_environment

_SOCKET_BYTES = len("/jumplab-hook-12345678/session.sock")
_MOTD_BYTES = 64 << 10
# What it starts is not to ask anybody.
_NOBODY_THERE = {"TERM": "dumb", "DEBIAN_FRONTEND": "noninteractive", "GIT_TERMINAL_PROMPT": "0"}

_log = logging.getLogger(__name__)


def environment_of(lease: Lease) -> dict[str, str]:
    """What a hook finds in its environment of its lease."""
    return {"LEASE_NAME": lease.name, "CLIENT_NAME": lease.client, "JUMPLAB_LEASE": lease.name}


def environment_for(name: str, own: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a hook: what any command sees, with its own `j` before others, and the hook's own."""
    inherited = clean_environment()
    path = os.pathsep.join(filter(None, (folder_of("j"), inherited.get("PATH", os.defpath))))
    return {**inherited, **_NOBODY_THERE, "PATH": path, "JUMPLAB_HOOK": name, **own}


class HookSession:
    """A session of the hook alone, beside those of the lease's clients: what comes by it is nobody's use of the lease.

    folder: for its socket; None: a new one in TMPDIR.  observer: of its connections.
    """

    def __init__(
        self, host: SessionHost, exporter_name: str, folder: Path | None, observer: ConnectionObserver
    ) -> None:
        self._host = host
        self._exporter_name = exporter_name
        self._folder = folder
        self._observer = observer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, str]]:
        """The variables by which `j` finds the drivers while the context lasts; leaving cancels what still runs.

        Without a place for a socket the hook is run all the same, without `j`.
        """
        own = {"JUMPLAB_EXPORTER": self._exporter_name, "JMP_DRIVERS_ALLOW": "UNSAFE"}
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._host)
            try:
                folder = self._folder or Path(stack.enter_context(_new_folder()))
                token = secrets.token_hex(16)
                listener = LocalListener(folder, only(token), partial(self._host.serve, observer=self._observer))
                path = (await stack.enter_async_context(listener)).path
                own |= {"JUMPLAB_SOCKET": str(path), "JUMPLAB_SOCKET_TOKEN": token}
                own |= {"JMP_MOTD_FILE": str(folder / "motd")}
            except OSError as error:
                _log.warning("a hook runs without `j`: %s", system_sentence(error))
            try:
                yield own
            finally:
                await self._host.end("the hook is over")


def motd_of(environment: Mapping[str, str]) -> str:
    """What the hook has written for those who attach, at most 64 KiB of it; the file is removed."""
    file = environment.get("JMP_MOTD_FILE")
    if file is None:
        return ""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""  # it has written none
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, _MOTD_BYTES).decode(errors="replace").strip() if is_file else ""
    finally:
        os.close(descriptor)
        with suppress(OSError):  # what it has made there is no file
            os.unlink(file)


def _new_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="jumplab-hook-", dir=socket_base(_SOCKET_BYTES))
