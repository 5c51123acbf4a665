"""One run of QEMU: from power on to power off."""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jumplab.socket_folders import socket_base
from jumplab_exporter.drivers.console.ports import SocketPort
from jumplab_exporter.drivers.extras import needing
from jumplab_exporter.processes.child import Child

with needing("qemu"):
    from qemu.qmp import ExecuteError, QMPClient, QMPError

_STARTING_BOUND_SECONDS = 20.0
_QUITTING_BOUND_SECONDS = 5.0
_DEBUGGER_BOUND_SECONDS = 5.0
_DEBUGGER_RETRY_SECONDS = 0.02
_GDB = "gdb"
"""What QEMU calls the connection of its gdbstub."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of machine that QEMU emulates, with what Debian calls its parts."""

    binary: str
    binary_package: str
    arguments: tuple[str, ...]
    firmware: Path
    firmware_package: str = "u-boot-qemu"


PROFILES = {
    "qemu_arm64": Profile(
        binary="qemu-system-aarch64",
        binary_package="qemu-system-arm",
        arguments=("-machine", "virt", "-cpu", "cortex-a57"),
        firmware=Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin"),
    ),
    "qemu_arm": Profile(
        binary="qemu-system-arm",
        binary_package="qemu-system-arm",
        arguments=("-machine", "virt", "-cpu", "cortex-a15"),
        firmware=Path("/usr/lib/u-boot/qemu_arm/u-boot.bin"),
    ),
}


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A machine's disk.  format: never left to QEMU to find out.  descriptor: the open file that `path` leads to."""

    path: str
    format: str
    descriptor: int | None = None

    @classmethod
    def of_descriptor(cls, descriptor: int) -> "DiskFile":
        """A raw disk that is open."""
        return cls(f"/proc/self/fd/{descriptor}", "raw", descriptor)

    def drive(self) -> str:
        """The value of QEMU's -drive, in which a comma is written twice."""
        return f"file={self.path.replace(',', ',,')},format={self.format},if=none,id=disk"


class Machine:
    """A running QEMU, its console connected before the first instruction ran. `console` is its console's port."""

    def __init__(self, child: Child, qmp: QMPClient, console: SocketPort, qmp_socket: socket.socket) -> None:
        self.console = console
        self._qmp_socket = qmp_socket
        self._child = child
        self._qmp = qmp
        self._switched_off = False

    @classmethod
    async def start(cls, command: Sequence[str], disk: DiskFile) -> Self:
        """Starts `command` with `disk` as its disk. Raises OSError with what QEMU says against it."""
        with ExitStack() as theirs:
            qmp_own, qmp_end = _pair(theirs)
            console_own, console_end = _pair(theirs)
            gdb_end = _unreachable_listener(theirs)
            wiring = (
                *("-display", "none", "-nodefaults", "-S"),
                *("-chardev", f"socket,id=qmp,fd={qmp_end}", "-mon", "chardev=qmp,mode=control"),
                *("-chardev", f"socket,id=console,fd={console_end}", "-serial", "chardev:console"),
                *("-chardev", f"socket,id={_GDB},fd={gdb_end},server=on,wait=off", "-gdb", f"chardev:{_GDB}"),
                *("-drive", disk.drive()),
                *("-device", "virtio-blk-device,drive=disk"),
            )
            inherited = (qmp_end, console_end, gdb_end, *(() if disk.descriptor is None else (disk.descriptor,)))
            child = await Child.start((*command, *wiring), inherited_descriptors=inherited)
        qmp_socket = qmp_own.dup()  # for `_offer_debugger`: the library's way to pass descriptors fails with uvloop
        qmp = QMPClient("board")
        try:
            async with asyncio.timeout(_STARTING_BOUND_SECONDS):
                await qmp.connect(qmp_own)
                await qmp.execute("cont")
        except (QMPError, EOFError, TimeoutError) as error:
            await child.kill()
            output = (await child.output.read()).decode(errors="replace").strip()
            await child.__aexit__(None, None, None)
            console_own.close()
            qmp_socket.close()
            await _disconnect(qmp)
            raise OSError(f"QEMU did not start: {output or error}") from error
        return cls(child, qmp, await SocketPort.of(console_own), qmp_socket)

    async def watch(self, on_line: Callable[[str], None]) -> str:
        """Waits for the end; each line of QEMU's own output goes to `say`. Why it ended, "" if it was switched off."""
        async with self._child as child:
            while line := await child.output.readline():
                on_line(line.decode(errors="replace").rstrip())
            code = await child.wait()
        await self.console.aclose()
        self._qmp_socket.close()
        await _disconnect(self._qmp)
        if self._switched_off:
            return ""
        return "the board powered itself off" if code == 0 else f"QEMU has ended with exit status {code}"

    async def open_debugger(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to QEMU's gdbstub, which halts the processor. It takes one at a time.

        Raises TimeoutError where it has one already, ConnectionError where QEMU is gone.
        """
        try:
            async with asyncio.timeout(_DEBUGGER_BOUND_SECONDS):
                while True:
                    if (connection := await self._offer_debugger()) is not None:
                        return await asyncio.open_unix_connection(sock=connection)
                    await asyncio.sleep(_DEBUGGER_RETRY_SECONDS)  # QEMU has not noticed the end of the last one yet
        except TimeoutError as error:
            raise TimeoutError(f"QEMU's debug port took no connection within {_DEBUGGER_BOUND_SECONDS:g} s") from error

    async def halt(self) -> None:
        await self._ask("stop")

    async def resume(self) -> None:
        await self._ask("cont")

    async def reset(self) -> None:
        """Resets the board, which stays halted where it is."""
        await self._ask("system_reset")

    async def is_running(self) -> bool:
        status = await self._ask("query-status")
        return bool(status["running"])

    async def quit(self) -> None:
        """Switches off: asks QEMU to quit, kills it if it doesn't. `watch` returns then."""
        self._switched_off = True
        with suppress(QMPError, EOFError, TimeoutError):
            async with asyncio.timeout(_QUITTING_BOUND_SECONDS):
                await self._qmp.execute("quit")
                await self._child.wait()
        await self._child.kill()

    async def _offer_debugger(self) -> socket.socket | None:
        """Hands QEMU one end of a new connection, and returns the other one; None where it does not take it."""
        own, end = socket.socketpair()
        try:
            with end, _of_qemu():
                socket.send_fds(self._qmp_socket, [b" "], [end.fileno()])
                await self._qmp.execute("getfd", {"fdname": _GDB})
            with _of_qemu(), suppress(ExecuteError):
                await self._qmp.execute("add_client", {"protocol": _GDB, "fdname": _GDB})
                return own
        except BaseException:
            own.close()
            raise
        own.close()
        return None

    async def _ask(self, command: str) -> Any:
        with _of_qemu():
            return await self._qmp.execute(command)


@contextmanager
def _of_qemu() -> Iterator[None]:
    """What QEMU's monitor refuses, or can't answer any more, as an error of the system."""
    try:
        yield
    except ExecuteError as error:
        raise OSError(f"QEMU refuses it: {error}") from error
    except (QMPError, EOFError) as error:
        raise ConnectionError("QEMU does not answer any more; look whether the board is still powered on") from error


def _unreachable_listener(theirs: ExitStack) -> int:
    """A listening socket that has no name any more: QEMU wants one, and gets its connections from us alone."""
    listener = theirs.enter_context(socket.socket(socket.AF_UNIX))
    base = socket_base(len("/jumplab-12345678/gdb"))
    with tempfile.TemporaryDirectory(prefix="jumplab-", dir=base) as folder:
        listener.bind(f"{folder}/gdb")
    listener.listen(1)
    return listener.fileno()


def _pair(theirs: ExitStack) -> tuple[socket.socket, int]:
    """Our end of a socket pair, and the descriptor of the child's, closed here when `theirs` is left."""
    own, end = socket.socketpair()
    theirs.enter_context(end)
    return own, end.fileno()


async def _disconnect(qmp: QMPClient) -> None:
    """The library tells here how the connection ended, which is known."""
    with suppress(QMPError, EOFError, OSError):
        await qmp.disconnect()
