"""The boot loader in the ROM of an ESP32, simulated on this machine, behind a TCP port.

Protocol: https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/serial-protocol.html
"""

import asyncio
import hashlib
import struct

from jumplab_exporter.testing.background import TcpInBackground

SECTOR_BYTES = 4096
_ERASED = b"\xff"
_END, _ESCAPE = 0xC0, 0xDB
_ESCAPED_END, _ESCAPED_ESCAPE = b"\xdb\xdc", b"\xdb\xdd"
_HEADER = struct.Struct("<BBHI")
_ANSWER = 1
_BEGIN, _DATA, _SYNC, _WRITE_REGISTER, _READ_REGISTER, _SET_FLASH, _ATTACH, _MD5 = 2, 3, 8, 9, 10, 11, 13, 0x13
_DONE, _UNKNOWN = b"\0\0\0\0", b"\x01\x05\0\0"
_SYNC_ANSWERS, _SYNC_VALUE = 8, 0x20120707
_REGISTERS = {0x3FF42080: 0x1640EF}
"""What registers hold that are not 0: the answer of the flash chip, with 4 MiB, to the question what it is."""


class EspDevice(TcpInBackground):
    """A chip that waits in its boot loader, on a free port of 127.0.0.1, for esptool with `--chip esp32 --no-stub`. Use
    as `with`, in plain code and in coroutines.

    hangs: whether it answers nothing that writes.  commands: the numbers of those it has got so far.
    """

    def __init__(self, flash_bytes: int = 4 << 20) -> None:
        self._flash = bytearray(_ERASED * flash_bytes)
        self._place = 0
        self.commands: list[int] = []
        self.hangs = False

    def content(self, offset: int, size_bytes: int) -> bytes:
        """What the flash memory holds."""
        return bytes(self._flash[offset : offset + size_bytes])

    @property
    def port(self) -> str:
        """Where it is, for esptool's option --port."""
        return f"socket://127.0.0.1:{self._tcp_port}"

    @property
    def is_written(self) -> bool:
        """Whether a write has begun."""
        return _BEGIN in self.commands

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(bytes((_END,)))
            frame = (await reader.readuntil(bytes((_END,))))[:-1]
            request = frame.replace(_ESCAPED_END, bytes((_END,))).replace(_ESCAPED_ESCAPE, bytes((_ESCAPE,)))
            _, command, _, _ = _HEADER.unpack_from(request)
            self.commands.append(command)
            if self.hangs and command == _BEGIN:
                continue
            writer.write(self._answer(command, request[_HEADER.size :]))
            await writer.drain()

    def _answer(self, command: int, data: bytes) -> bytes:
        """The frames that answer a command."""
        if command == _SYNC:
            return _framed(command, _SYNC_VALUE, _DONE) * _SYNC_ANSWERS
        if command == _READ_REGISTER:
            (address,) = struct.unpack_from("<I", data)
            return _framed(command, _REGISTERS.get(address, 0), _DONE)
        if command == _BEGIN:
            size_bytes, _, _, self._place = struct.unpack_from("<IIII", data)
            whole = -(-size_bytes // SECTOR_BYTES) * SECTOR_BYTES
            self._write(_ERASED * whole)
        elif command == _DATA:
            (size_bytes,) = struct.unpack_from("<I", data)
            self._write(data[16 : 16 + size_bytes])
            self._place += size_bytes
        elif command == _MD5:
            offset, size_bytes = struct.unpack_from("<II", data)
            told = hashlib.md5(self.content(offset, size_bytes), usedforsecurity=False).hexdigest()
            return _framed(command, 0, told.encode() + _DONE)
        elif command not in (_WRITE_REGISTER, _SET_FLASH, _ATTACH):
            return _framed(command, 0, _UNKNOWN)
        return _framed(command, 0, _DONE)

    def _write(self, data: bytes) -> None:
        room = data[: max(len(self._flash) - self._place, 0)]
        self._flash[self._place : self._place + len(room)] = room


def _framed(command: int, value: int, data: bytes) -> bytes:
    """An answer as SLIP (RFC 1055) frames it."""
    packet = _HEADER.pack(_ANSWER, command, len(data), value) + data
    escaped = packet.replace(bytes((_ESCAPE,)), _ESCAPED_ESCAPE).replace(bytes((_END,)), _ESCAPED_END)
    return bytes((_END, *escaped, _END))
