"""Who may write to a console."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from jumplab.drivers.console.errors import ConsoleInUse


class Writers:
    """The clients that are attached to one console: all of them may write, or only the one that has asked for it."""

    def __init__(self) -> None:
        self._only: object | None = None

    @contextmanager
    def joined(self, *, exclusive: bool) -> Iterator[Callable[[], None]]:
        """For as long as a client is attached; gives a check to make before each write, which raises ConsoleInUse.

        exclusive: from now on nobody else may write. Raises ConsoleInUse where another client has that right.
        """
        client = object()
        if exclusive:
            self._check(client)
            self._only = client
        try:
            yield partial(self._check, client)
        finally:
            if self._only is client:
                self._only = None

    def _check(self, client: object) -> None:
        if self._only is not None and self._only is not client:
            raise ConsoleInUse(
                "another client of this lease has the exclusive right to write, so this one's input has not reached "
                "the device; attach again to read, and write when the other has left"
            )
