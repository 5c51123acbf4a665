"""A qcow2 disk as a medium: its content by way of qemu-nbd, so that what leases write never is the image's own bytes.

The protocol is NBD's, the newstyle handshake and simple replies (NetworkBlockDevice's doc/proto.md).
"""

import asyncio
import os
import socket
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from jumplab_exporter.drivers.storage.qcow2 import absolute, program
from jumplab_exporter.processes.child import Child

_GREETING = struct.Struct(">8s8sH")
_OPTION = struct.Struct(">I8sII")
_EXPORT = struct.Struct(">QH")
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_FIXED_NEWSTYLE_WITHOUT_ZEROES = 3
_EXPORT_NAME = 1
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_MOST_BYTES = 1 << 20
_PATIENCE_SECONDS = 120.0
# qemu-nbd takes over a listening socket as systemd passes one: descriptor 3, and its own process' number.
_SCRIPT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class NbdMedium:
    """The content of a disk that an NBD server has; one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        """Shakes hands. Raises OSError."""
        self._connection = connection
        magic, version, _ = _GREETING.unpack(self._received(_GREETING.size))
        if (magic, version) != (b"NBDMAGIC", b"IHAVEOPT"):
            raise OSError("qemu-nbd does not speak NBD's newstyle")
        connection.sendall(_OPTION.pack(_FIXED_NEWSTYLE_WITHOUT_ZEROES, b"IHAVEOPT", _EXPORT_NAME, 0))
        self.size_bytes, _ = _EXPORT.unpack(self._received(_EXPORT.size))

    def read(self, position: int, size_bytes: int) -> bytes:
        size_bytes = min(size_bytes, _MOST_BYTES)
        self._request(_READ, position, size_bytes)
        return self._received(size_bytes)

    def write(self, data: memoryview, position: int) -> int:
        piece = data[:_MOST_BYTES]
        self._request(_WRITE, position, len(piece), piece)
        return len(piece)

    def flush(self) -> None:
        self._request(_FLUSH, 0, 0)

    def forget(self) -> None:
        """Nothing: what qemu-nbd has is its own."""

    def close(self) -> None:
        self._connection.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))

    def _request(self, kind: int, position: int, size_bytes: int, data: memoryview | None = None) -> None:
        self._connection.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, kind, 0, position, size_bytes))
        if data is not None:
            self._connection.sendall(data)
        magic, error, _ = _REPLY.unpack(self._received(_REPLY.size))
        if magic != _REPLY_MAGIC:
            raise OSError("qemu-nbd sent what is no reply")
        if error:
            raise OSError(error, os.strerror(error))

    def _received(self, size_bytes: int) -> bytes:
        received = bytearray()
        while len(received) < size_bytes:
            data = self._connection.recv(size_bytes - len(received))
            if not data:
                raise OSError("qemu-nbd has ended")
            received += data
        return bytes(received)


@asynccontextmanager
async def open_qcow2(path: Path) -> AsyncIterator[NbdMedium]:
    """The content of a qcow2 file, while the context lasts. Raises OSError."""
    command = (program("qemu-nbd"), "--format=qcow2", "--cache=writeback", absolute(path))
    with tempfile.TemporaryDirectory(prefix="jumplab-nbd-") as folder, socket.socket(socket.AF_UNIX) as listening:
        address = f"{folder}/socket"
        listening.bind(address)
        listening.listen(1)
        number = listening.fileno()
        passing_on = (sys.executable, "-I", "-S", "-c", _SCRIPT, str(number))
        server = await Child.start((*passing_on, *command), inherited_descriptors=(number,))
        listening.close()  # so that a server that ends hangs up
        async with server:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_PATIENCE_SECONDS)
                medium = await _connected(server, connection, address)
                try:
                    yield medium
                finally:
                    await _close(medium, server)


async def _close(medium: NbdMedium, server: Child) -> None:
    """Lets qemu-nbd write what it still has; one that has ended, or hangs, is left to be killed."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.to_thread(medium.close)
            await server.wait()


async def _connected(server: Child, connection: socket.socket, address: str) -> NbdMedium:
    try:
        connection.connect(address)
        return await asyncio.to_thread(NbdMedium, connection)
    except OSError as error:
        await server.kill()
        output = (await server.output.read()).decode(errors="replace")
        raise OSError(f"the disk can't be opened: {' '.join(output.split()) or error}") from error
