"""Servers as inetd starts them: a process for each connection, which is its standard input and output."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

# Debian puts it where only root looks.
TELNETD = shutil.which("telnetd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


class Inetd:
    """Listens at a port of this machine until its context is left.  command: what serves a connection.

    port: stays the same where it closes and listens again.  connections: how many have come so far.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._serving: list[tuple[socket.socket, subprocess.Popen[bytes], threading.Thread]] = []
        self._changed = threading.Condition()
        self.connections = 0
        self.port = 0

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def listen(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="inetd")
        self._thread.start()

    def close(self) -> None:
        """Ends all connections and their processes, and listens no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Ends all connections, and the processes that serve them."""
        with self._changed:
            serving, self._serving = self._serving, []
        for connection, process, ending in serving:
            _hang_up(connection)
            process.kill()
            ending.join()
            connection.close()

    def wait_for(self, connections: int) -> None:
        """Waits until so many have come."""
        with self._changed:
            self._changed.wait_for(lambda: self.connections >= connections)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            process = subprocess.Popen(
                self._command, stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL
            )
            ending = threading.Thread(target=_hang_up_after, args=(connection, process), name="inetd's connection")
            ending.start()
            with self._changed:
                self._serving.append((connection, process, ending))
                self.connections += 1
                self._changed.notify_all()


def _hang_up_after(connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    """The connection ends with its process, though this process has it, too."""
    process.wait()
    _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
