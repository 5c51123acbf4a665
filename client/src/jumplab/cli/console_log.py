"""A console's output, written to a file."""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from jumplab.control_sequences import ControlSequenceFilter
from jumplab.driver import AsyncDriverClient
from jumplab.drivers.console.stream import joined
from jumplab.private_files import NotWritten
from jumplab.standard_streams import OutputFailed


class ConsoleLog:
    """Writes bytes of a console as they come.

    write: takes bytes away, blocking.  timestamps: each line begins with the local time at which its first byte came.
    control_sequences: colours and other control sequences stay in it.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        timestamps: bool = False,
        control_sequences: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._write = write
        self._now = now
        self._timestamps = timestamps
        self._filter = None if control_sequences else ControlSequenceFilter()
        self._at_line_start = True

    @classmethod
    @contextmanager
    def opened(
        cls, file: Path | None, *, timestamps: bool = False, control_sequences: bool = False
    ) -> Iterator["ConsoleLog"]:
        """One on a file, behind what it contains, or on standard output. All of it raises what `write_all` does."""
        name = "" if file is None else f"the console's log {file}"
        with _descriptor_of(file, name) as descriptor:
            log = cls(partial(write_all, descriptor, name), timestamps=timestamps, control_sequences=control_sequences)
            try:
                yield log
            finally:
                log.close()

    def append(self, data: bytes) -> None:
        """Writes what the console says next."""
        self._put(data if self._filter is None else self._filter.feed(data))

    def close(self) -> None:
        """Writes what was held back, since it could have been the begin of a control sequence."""
        if self._filter is not None:
            self._put(self._filter.flush())

    def _put(self, data: bytes) -> None:
        if data:
            self._write(self._stamped(data) if self._timestamps else data)

    def _stamped(self, data: bytes) -> bytes:
        stamp = self._now().isoformat(timespec="milliseconds").encode() + b" "
        stamped = b""
        for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
            stamped += (stamp if self._at_line_start else b"") + line
            self._at_line_start = line.endswith(b"\n")
        return stamped


@contextmanager
def _descriptor_of(file: Path | None, name: str) -> Iterator[int]:
    if file is None:
        yield sys.stdout.fileno()
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise NotWritten(f"{name} can't be written: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_all(descriptor: int, name: str, data: bytes) -> None:
    """Writes bytes, blocking.  name: of the file, for the message; empty for standard output.

    Raises NotWritten, OutputFailed where it is standard output, and BrokenPipeError.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise (NotWritten(f"{name} can't be written: {error.strerror}") if name else OutputFailed(error)) from error


async def copy_log(console: AsyncDriverClient, offset: int, log: ConsoleLog, *, follow: bool) -> None:
    """Writes what a console has said from `offset` on.

    offset: a negative one counts back from now.  follow: goes on until the console ends, or this is cancelled.
    """
    state = await console.call("state")
    end = state["end_offset"] if isinstance(state, dict) else state.end_offset
    begin = offset if offset >= 0 else max(0, end + offset)
    if begin >= end and not follow:
        return
    async with joined(console, begin, mark_gaps=True) as stream:
        while follow or stream.offset < end:
            before = stream.offset
            data = await stream.receive()
            if not data:
                return
            surplus = 0 if follow or stream.offset == before else max(0, stream.offset - end)
            await asyncio.to_thread(log.append, data[: len(data) - surplus])
