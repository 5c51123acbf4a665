"""A board in fastboot mode, simulated on this machine: the protocol over TCP, of version 1.

Protocol: https://android.googlesource.com/platform/system/core/+/main/fastboot/README.md, and Android's sparse images.
"""

import asyncio
import struct
from collections.abc import Mapping

from jumplab_exporter.testing.background import TcpInBackground

_HANDSHAKE = b"FB01"
_LENGTH = struct.Struct(">Q")
_SPARSE_MAGIC = 0xED26FF3A
_SPARSE_HEADER = struct.Struct("<IHHHHIIII")
_CHUNK_HEADER = struct.Struct("<HHII")
_RAW, _FILL, _SKIP = 0xCAC1, 0xCAC2, 0xCAC3
_ERASED = b"\xff"


class FastbootDevice(TcpInBackground):
    """A device whose partitions can be flashed and erased, on a free port of 127.0.0.1. Use as `with`, in plain code
    and in coroutines.

    partitions: the size of each, in bytes; they are erased first.  download_bytes: the most that it takes at once; a
    larger image comes in pieces.  tells_sizes: whether it knows the variable `partition-size`, as most do.
    refusal: when set, how it refuses to write.  hangs: whether it never ends a write.  leaves: whether it closes the
    connection instead.

    commands: those it has got so far.
    """

    def __init__(
        self, partitions: Mapping[str, int], *, download_bytes: int = 256 << 20, tells_sizes: bool = True
    ) -> None:
        self._contents = {name: bytearray(_ERASED * size_bytes) for name, size_bytes in partitions.items()}
        self._download_bytes = download_bytes
        self._tells_sizes = tells_sizes
        self.commands: list[str] = []
        self.refusal = ""
        self.hangs = False
        self.leaves = False

    @property
    def device(self) -> str:
        """Its name, for fastboot's option -s."""
        return f"tcp:127.0.0.1:{self._tcp_port}"

    def content(self, partition: str) -> bytes:
        """What a partition holds."""
        return bytes(self._contents[partition])

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(_HANDSHAKE))
        writer.write(_HANDSHAKE)
        downloaded = b""
        while True:
            command = (await _message(reader)).decode()
            self.commands.append(command)
            word, _, argument = command.partition(":")
            if word == "download":
                _send(writer, f"DATA{argument}")
                downloaded = await _download(reader, int(argument, 16))
                _send(writer, "OKAY")
            elif word in ("flash", "erase") and self.hangs:
                await asyncio.Event().wait()
            elif word in ("flash", "erase") and self.leaves:
                return
            else:
                _send(writer, self._answer(word, argument, downloaded))

    def _answer(self, word: str, argument: str, downloaded: bytes) -> str:
        match word:
            case "getvar":
                return self._variable(argument)
            case "flash" | "erase" if argument not in self._contents:
                return f"FAILno partition {argument}"
            case "flash" | "erase" if self.refusal:
                return f"FAIL{self.refusal}"
            case "flash":
                return self._flash(self._contents[argument], downloaded)
            case "erase":
                self._contents[argument][:] = _ERASED * len(self._contents[argument])
                return "OKAY"
            case _:
                return "FAILunknown command"

    def _variable(self, name: str) -> str:
        variable, _, partition = name.partition(":")
        if variable == "max-download-size":
            return f"OKAY{self._download_bytes:#x}"
        if variable == "partition-size" and partition in self._contents and self._tells_sizes:
            return f"OKAY{len(self._contents[partition]):#x}"
        return "FAILunknown variable"

    def _flash(self, content: bytearray, image: bytes) -> str:
        try:
            pieces = _sparse(image) if image[:4] == struct.pack("<I", _SPARSE_MAGIC) else [(0, image)]
        except struct.error:
            return "FAILthe sparse image is cut off"
        if any(offset + len(data) > len(content) for offset, data in pieces):
            return "FAILimage too large for the partition"
        for offset, data in pieces:
            content[offset : offset + len(data)] = data
        return "OKAY"


async def _message(reader: asyncio.StreamReader) -> bytes:
    (size_bytes,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(size_bytes)


def _send(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(_LENGTH.pack(len(text)) + text.encode())


async def _download(reader: asyncio.StreamReader, size_bytes: int) -> bytes:
    data = b""
    while len(data) < size_bytes:
        data += await _message(reader)
    return data


def _sparse(image: bytes) -> list[tuple[int, bytes]]:
    """The pieces of a sparse image that have data, with their offsets."""
    _, _, _, header_bytes, chunk_header_bytes, block_bytes, _, chunks, _ = _SPARSE_HEADER.unpack_from(image)
    pieces, position, offset = list[tuple[int, bytes]](), header_bytes, 0
    for _ in range(chunks):
        kind, _, blocks, total_bytes = _CHUNK_HEADER.unpack_from(image, position)
        data = image[position + chunk_header_bytes : position + total_bytes]
        if kind == _RAW:
            pieces.append((offset, data))
        elif kind == _FILL:
            pieces.append((offset, data * (blocks * block_bytes // len(data))))
        position += total_bytes
        offset += blocks * block_bytes if kind in (_RAW, _FILL, _SKIP) else 0
    return pieces
