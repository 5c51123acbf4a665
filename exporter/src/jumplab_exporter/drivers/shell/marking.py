"""Commands on a device that say their process first, so that they can be ended.

SSH has a request for signals, which sshd refuses to root, as whom one logs in at most boards.
"""

import re
import secrets
import shlex
from collections.abc import Sequence

from jumplab_exporter.drivers.shell.streaming import Reader

_LONGEST_BYTES = 64 << 10


class MarkedCommand:
    """A command for a POSIX shell.  line: what the device runs: it writes a mark on standard error before all else.

    process: its number, once `errors` has read that far; a process group of its own has that number, too.
    """

    def __init__(self, words: Sequence[str]) -> None:
        mark = f"jumplab-{secrets.token_hex(8)}"
        script = f'echo {mark} $$ >&2; exec "$@"'
        self.line = f"exec sh -c {shlex.quote(script)} sh {shlex.join(words)}"
        self.process: int | None = None
        self._mark = re.compile(rf"{mark} ([0-9]+)\n".encode())

    def errors(self, reader: Reader) -> Reader:
        """Standard error without the mark."""
        return _Unmarked(self, reader, self._mark)


class _Unmarked:
    def __init__(self, command: MarkedCommand, reader: Reader, mark: "re.Pattern[bytes]") -> None:
        self._command = command
        self._reader = reader
        self._mark = mark
        self._looking = True

    async def read(self, size_bytes: int) -> bytes:
        if self._looking and (before := await self._first(size_bytes)):
            return before
        return await self._reader.read(size_bytes)

    async def _first(self, size_bytes: int) -> bytes:
        """What stands around the mark, as greetings of the login shell; all, where none comes."""
        read = b""
        while (found := self._mark.search(read)) is None and len(read) < _LONGEST_BYTES:
            if not (data := await self._reader.read(size_bytes)):
                break
            read += data
        self._looking = False
        if found is None:
            return read
        self._command.process = int(found[1])
        return read[: found.start()] + read[found.end() :]
