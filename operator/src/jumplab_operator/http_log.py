"""The log of aiohttp's servers: what a peer sends wrongly is no failure of ours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

if TYPE_CHECKING:
    Adapter = logging.LoggerAdapter[logging.Logger]
else:
    Adapter = logging.LoggerAdapter  # generic in the stubs alone

_FAULTS_OF_PEERS = (HttpProcessingError, RequestPayloadError)


class HttpLog(Adapter):
    """For aiohttp, as its server's logger.

    It logs an error with a traceback for each request that it can't read. Here that is one line, at DEBUG. Everything
    else is logged as it says.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})

    def log(self, level: int, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        if isinstance(exc_info, _FAULTS_OF_PEERS):
            level, msg, args = logging.DEBUG, f"{msg}: %s", (*args, _reason(exc_info))
            exc_info = None
        super().log(level, msg, *args, exc_info=exc_info, **more)


def _reason(error: Exception) -> str:
    return " ".join((error.message if isinstance(error, HttpProcessingError) else str(error)).split())
