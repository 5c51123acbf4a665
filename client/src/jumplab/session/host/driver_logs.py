"""Log lines of drivers: whose they are, and those that were said before there was a session."""

import logging
from collections import deque
from collections.abc import Container, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jumplab.session.call_errors import is_explained

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]

DRIVERS_LOGGER = logging.getLogger("jumplab.driver")
_KEPT_LINES = 100

driver_path: ContextVar[str] = ContextVar("driver_path", default="")
"""Whose code is running, by its path in the tree: lines of a library that it calls are the driver's, too."""


@contextmanager
def speaking(path: str) -> Iterator[None]:
    """What is logged inside is this driver's."""
    token = driver_path.set(path)
    try:
        yield
    finally:
        driver_path.reset(token)


def path_of(record: logging.LogRecord) -> str:
    """The path of the driver that a line is of, "" where it is of none."""
    return getattr(record, "driver_path", "") or driver_path.get()


def traceback_of(error: BaseException, log: Log) -> BaseException | None:
    """What belongs below a line on an error: a traceback where it is a fault of the code, or where debugging is on."""
    return error if log.isEnabledFor(logging.DEBUG) or not is_explained(error) else None


class EarlyLines(logging.Handler):
    """Keeps what these drivers log, until their session takes it."""

    def __init__(self, driver_uuids: Container[str]) -> None:
        super().__init__()
        self._driver_uuids = driver_uuids
        self._records: deque[logging.LogRecord] = deque(maxlen=_KEPT_LINES)

    def listen(self) -> None:
        """From now on."""
        DRIVERS_LOGGER.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "driver_uuid", "") in self._driver_uuids:
            self._records.append(record)

    def take(self) -> list[logging.LogRecord]:
        """The last of them, oldest first. Keeps none from now on."""
        DRIVERS_LOGGER.removeHandler(self)
        records = list(self._records)
        self._records.clear()
        return records
