"""A line of the exporter's log: when, how bad, and which driver's."""

import logging

from jumplab.log_format import JsonFormatter, UtcFormatter
from jumplab.session.host import driver_logs

LINE = "%(asctime)s %(levelname)-7s %(message)s"


class ExporterFormatter(UtcFormatter):
    """Names the driver that a line is of by its path, `[board.console]`, and keeps each message on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        path = driver_logs.path_of(record)
        text = " ".join(record.message.splitlines())
        record.message = f"[{path}] {text}" if path else text
        return super().formatMessage(record)


class ExporterJsonFormatter(JsonFormatter):
    """Names the driver that a line is of, by its path."""

    def keys_of(self, record: logging.LogRecord) -> dict[str, str]:
        path = driver_logs.path_of(record)
        return {**super().keys_of(record), **({"driver": path} if path else {})}
