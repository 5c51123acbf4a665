"""Standard streams that fail in order: closed ones, full disks, readers that leave, letters that can't be encoded."""

import errno
import io
import os
import sys
from typing import Any, TextIO

from jumplab.errors import JumplabError


class OutputFailed(JumplabError):
    """Standard output can't be written.  reader_left: it is a pipe that nobody reads any more."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output can't be written: {error.strerror}")
        self.reader_left = error.errno == errno.EPIPE


class _Output(io.TextIOWrapper):
    """Says by the type of its error that it was standard output that failed, and nothing else."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputFailed(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputFailed(error) from error


def make_streams_usable() -> None:
    """Opens standard streams that are closed, so that no socket gets their numbers. Standard output raises OutputFailed
    from now on, also where it was closed, and escapes what its character set lacks."""
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is not None:
            continue
        # Writing to standard output fails: it was not opened for that.
        descriptor = os.open(os.devnull, flags)
        if descriptor != number:
            os.dup2(descriptor, number)
        stream = os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)  # which keeps its buffer open
    out: Any = sys.stdout
    if not isinstance(out, io.TextIOWrapper) or isinstance(out, _Output):
        return
    sys.stdout = _Output(
        out.buffer,
        encoding=out.encoding,
        errors=out.errors if out.encoding.lower() == "utf-8" else "backslashreplace",
        line_buffering=out.line_buffering,
        write_through=out.write_through,
    )


def discard(stream: TextIO) -> None:
    """What a stream still has goes nowhere: writing it at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
