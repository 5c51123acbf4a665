"""The log lines of a process that runs for weeks: as text, with a time that means the same everywhere, or as JSON."""

import json
import logging
import time
from typing import Any

from jumplab.control_sequences import printable

KEYS = ("lease", "exporter", "client", "driver", "session", "reason")
"""Those of a JSON line that tell of what it is; a record has them by the argument `extra`. Each is text."""


class UtcFormatter(logging.Formatter):
    """Writes times in UTC (ISO 8601): 2026-11-29T22:10:11Z."""

    converter = time.gmtime  # type: ignore[assignment] # typeshed wants the argument that it is called with

    def __init__(self, line_format: str) -> None:
        super().__init__(line_format, datefmt="%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        """A record as text that a terminal can show, whoever it quotes."""
        return printable(super().format(record))


class JsonFormatter(UtcFormatter):
    """Each record as one line of JSON: time, level, logger, message, those of KEYS that it has, and its traceback."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= self.keys_of(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)

    def keys_of(self, record: logging.LogRecord) -> dict[str, str]:
        """Those of KEYS that the record has."""
        return {key: value for key in KEYS if (value := getattr(record, key, ""))}


def set_up_logging(level: int, formatter: logging.Formatter) -> None:
    """Everything that is logged from `level` on goes to standard error. Does nothing where that is set up already."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
