"""A console server with one serial line, simulated on this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from jumplab.driver.portal import Portal
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    from serial.rfc2217 import PortManager
    from serial.urlhandler import protocol_loop

_BLOCK_BYTES = 4096


class SerialServer:
    """A server that speaks RFC 2217, on a free port of 127.0.0.1, whose line loops: what is sent comes back.

    Use as `with`, in plain code and in coroutines.  url: for a console or a line;  signals: each change of DTR and RTS
    so far, as ("dtr", True);  connections: how many there were.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._clients: set[asyncio.Task[None]] = set()
        self.url = ""
        self.signals: list[tuple[str, bool]] = []
        self.connections = 0

    @property
    def dtr(self) -> bool:
        """Whether DTR is raised now."""
        return dict(self.signals).get("dtr", False)

    @property
    def rts(self) -> bool:
        """Whether RTS is raised now."""
        return dict(self.signals).get("rts", False)

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(Portal())
        self.url = self._stack.enter_context(self._portal.entered(self._serving()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def hang_up(self) -> None:
        """Ends all connections; new ones are accepted."""
        self._portal.run(self._end_connections())

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        self._line = _Line(self.signals)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await self._end_connections()
            self._line.close()

    async def _end_connections(self) -> None:
        ending = set(self._clients)
        for client in ending:
            client.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        self.connections += 1
        manager = _port_manager(self._line, _Answers(writer))
        try:
            while received := await reader.read(_BLOCK_BYTES):
                self._line.write(b"".join(manager.filter(received)))
                writer.write(b"".join(manager.escape(self._line.read(self._line.in_waiting))))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            writer.transport.abort()


def _port_manager(line: Any, answers: Any) -> PortManager:
    """pyserial's types want a Serial for both, its code two of its methods."""
    return PortManager(line, answers)


class _Answers:
    """Where a PortManager writes."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.write = writer.write


class _Line(protocol_loop.Serial):
    """A line that loops, and notes its signals."""

    _dtr_state: bool
    _rts_state: bool

    def __init__(self, signals: list[tuple[str, bool]]) -> None:
        self._signals = signals
        super().__init__("loop://", timeout=0)

    def _update_dtr_state(self) -> None:
        self._note("dtr", self._dtr_state)

    def _update_rts_state(self) -> None:
        self._note("rts", self._rts_state)

    def _note(self, signal: str, raised: bool) -> None:
        if dict(self._signals).get(signal) != raised:
            self._signals.append((signal, raised))
