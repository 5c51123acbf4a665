"""The process that has started this one for itself alone: it gives a token, gets reports, and is not outlived."""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from jumplab_exporter.errors import ConfigurationError


class Parent:
    """Standard input is the parent's: a line with the token, then nothing until it ends, with the parent if not before.

    Standard output takes one line of JSON for each report. Both are taken from the rest of this process: what drivers
    print goes to standard error.
    """

    def __init__(self, token: str, lifeline: int, reports: int) -> None:
        self.token = token
        self._lifeline = lifeline
        self._reports = reports

    @classmethod
    def take(cls) -> Self:
        """Raises ConfigurationError where there is no parent that gives a token."""
        if os.isatty(0):
            raise ConfigurationError("`local` is started by `jumplab shell --exporter-config FILE`; use that")
        lifeline, reports = os.dup(0), os.dup(1)
        sys.stdout.flush()
        devnull = os.open(os.devnull, os.O_RDONLY)
        os.dup2(devnull, 0)
        os.dup2(2, 1)
        os.close(devnull)
        token = _line(lifeline)
        if not token:
            raise ConfigurationError("standard input has no token; use `jumplab shell --exporter-config FILE`")
        return cls(token, lifeline, reports)

    def report(self, **message: Any) -> None:
        """Does nothing where the parent has gone."""
        line = json.dumps(message).encode() + b"\n"
        try:
            os.write(self._reports, line)
        except BrokenPipeError:
            return

    def watch(self, gone: Callable[[], object], *, then_exit_seconds: float) -> None:
        """Calls `gone`, in a thread, when the parent has gone or wants no more.

        A process that goes on for `then_exit_seconds` after that, with a driver that blocks it for example, is ended.
        """

        def wait() -> None:
            while os.read(self._lifeline, 4096):
                continue
            gone()
            if not threading.Event().wait(then_exit_seconds):
                os.write(2, b"jumplab-exporter: a driver does not end; the process ends without it\n")
                os._exit(1)

        threading.Thread(target=wait, name="the parent's life", daemon=True).start()


def _line(descriptor: int) -> str:
    read = b""
    while not read.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            return ""
        read += byte
    return read.decode(errors="replace").strip()
