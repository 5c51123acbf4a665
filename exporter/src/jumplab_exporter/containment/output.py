"""Standard output and standard error that never block and never fail: threads write; what nobody reads is lost."""

import contextlib
import io
import queue
import sys
import threading
import time
from typing import TextIO

_WAITING_PIECES = 10_000
_LAST_WORDS_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class DetachedStream(io.TextIOBase):
    """Stands for a text stream. Writing to it takes a moment, whoever reads at the other end or does not."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pieces: queue.Queue[str] = queue.Queue(_WAITING_PIECES)
        self._lost = 0
        threading.Thread(target=self._write, name=f"writer of {stream.name}", daemon=True).start()

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has an attribute
        return self._stream.encoding

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Never waits. Raises TypeError for bytes: that is how others find out that this is a stream of text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        try:
            self._pieces.put_nowait(text)
        except queue.Full:
            self._lost += 1
        return len(text)

    def last_words(self) -> None:
        """Waits until all is written, for two seconds at the most."""
        end = time.monotonic() + _LAST_WORDS_SECONDS
        while self._pieces.unfinished_tasks and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)

    def _write(self) -> None:
        while True:
            text = self._pieces.get()
            with contextlib.suppress(OSError, ValueError):  # nobody reads there any more
                lost, self._lost = self._lost, 0
                if lost:
                    self._stream.write(f"({lost} pieces of output were dropped: nobody read them)\n")
                self._stream.write(text)
                if self._pieces.empty():
                    self._stream.flush()
            self._pieces.task_done()


def detach_output() -> None:
    """From now on this process's code writes to standard output and standard error by threads."""
    if sys.stdout is not None:
        sys.stdout = DetachedStream(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = DetachedStream(sys.stderr)


def last_words() -> None:
    """Lets out what was written, as far as somebody reads it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, DetachedStream):
            stream.last_words()
