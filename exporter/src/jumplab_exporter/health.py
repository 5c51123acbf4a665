"""What an exporter has found out about its devices, and the last lines of its log, which show it."""

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from jumplab_exporter.log_format import ExporterFormatter

_LINES = 40
_LONGEST_LOG = 8192


class Check(IntEnum):
    """How the last health check went; the numbers are those of the wire's HealthCheck."""

    NONE = 0
    DUE = 1
    PASSED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Health:
    """failures: how many checks and hooks in a row have failed;  failed_at, message: when and how the last of them did.

    broken_drivers: which can't be used, and why;  log: the last lines, where something has failed.
    """

    check: Check = Check.NONE
    failures: int = 0
    failed_at: datetime | None = None
    message: str = ""
    broken_drivers: str = ""
    log: str = ""


class LastLines(logging.Handler):
    """Keeps the last lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(ExporterFormatter("%(asctime)s %(levelname)s %(message)s"))
        self._lines: deque[str] = deque(maxlen=_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def text(self) -> str:
        """They, cut at the front where they are long."""
        return "\n".join(self._lines)[-_LONGEST_LOG:]
