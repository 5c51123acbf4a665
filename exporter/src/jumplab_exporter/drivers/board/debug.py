"""The debug port of a board in QEMU: its gdbstub, and what its monitor does to the processor."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from jumplab.driver import ByteStream, Driver, progress
from jumplab.drivers.debug import DebugInterface, Loaded
from jumplab.drivers.network.joining import join
from jumplab_exporter.drivers.board.machine import Machine
from jumplab_exporter.drivers.debug.gate import GatedStream
from jumplab_exporter.drivers.debug.remote import connected


class BoardDebug(DebugInterface, Driver):
    """The debug port of a board in QEMU."""

    def __init__(self, running: Callable[[], Machine | None]) -> None:
        super().__init__()
        self._running = running
        self._busy_with = ""

    async def connect(self, stream: ByteStream) -> None:
        with self._at_work("a debugger is connected"):
            machine = self._machine()
            gated = GatedStream(stream)
            try:
                await join(gated, *await machine.open_debugger())
            except OSError as error:
                raise ConnectionResetError("the board's debug port has closed the connection") from error
            finally:
                if not gated.gate.detached:
                    await self._run_on(machine)

    async def halt(self) -> None:
        await self._machine().halt()

    async def resume(self) -> None:
        with self._at_work("it is resumed"):
            await self._machine().resume()

    async def is_halted(self) -> bool:
        return not await self._machine().is_running()

    async def reset(self, *, halt: bool = False) -> None:
        machine = self._machine()
        if halt:
            await machine.halt()
        await machine.reset()
        if not halt and not self._busy_with:
            await machine.resume()

    async def load(self, stream: ByteStream, *, address: int, size_bytes: int | None = None) -> Loaded:
        if address < 0:
            raise ValueError(f"an address is not negative, as {address} is")
        sha256, loaded_bytes = hashlib.sha256(), 0
        with self._at_work("memory is loaded"):
            machine = self._machine()
            was_running = await machine.is_running()
            try:
                async with connected(machine.open_debugger) as remote:
                    while block := await stream.receive():
                        await remote.write_memory(address + loaded_bytes, block)
                        sha256.update(block)
                        loaded_bytes += len(block)
                        progress(loaded_bytes, size_bytes, "loading")
            finally:
                if was_running and machine is self._running():
                    await machine.resume()
        if not loaded_bytes:
            raise ValueError("there is nothing to load: the image is empty")
        return Loaded(address=address, size_bytes=loaded_bytes, sha256=sha256.hexdigest())

    def _machine(self) -> Machine:
        machine = self._running()
        if machine is None:
            raise ConnectionError("the board is powered off; power it on first")
        return machine

    @contextmanager
    def _at_work(self, doing: str) -> Iterator[None]:
        if self._busy_with:
            raise ValueError(f"{self._busy_with} already; wait for the end of that")
        self._busy_with = doing
        try:
            yield
        finally:
            self._busy_with = ""

    async def _run_on(self, machine: Machine) -> None:
        """A debugger has gone without a word: its breakpoints would stop the board for nobody."""
        if machine is not self._running():
            return
        with suppress(OSError):  # it is being switched off
            async with connected(machine.open_debugger) as remote:
                await remote.detach()
