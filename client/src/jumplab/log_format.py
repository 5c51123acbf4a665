"""How log lines of a process that runs for weeks begin: with a time that means the same everywhere."""

import logging
import time

from jumplab.control_sequences import printable


class UtcFormatter(logging.Formatter):
    """Writes times in UTC (ISO 8601): 2026-11-29T22:10:11Z."""

    converter = time.gmtime  # type: ignore[assignment] # typeshed wants the argument that it is called with

    def __init__(self, line_format: str) -> None:
        super().__init__(line_format, datefmt="%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        """A record as text that a terminal can show, whoever it quotes."""
        return printable(super().format(record))


def set_up_logging(level: int, formatter: logging.Formatter) -> None:
    """Everything that is logged from `level` on goes to standard error. Does nothing where that is set up already."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
