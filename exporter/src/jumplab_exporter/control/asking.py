"""A command's end of the control socket."""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jumplab_exporter.control.place import control_sockets
from jumplab_exporter.errors import RequestRefused


def ask(configuration: Path, request: str, **further: Any) -> Mapping[str, Any] | None:
    """The answer of the exporter that runs with this configuration; None if this user finds none.

    Waits as long as the exporter works on it. Raises RequestRefused, also where the exporter ends meanwhile.
    """
    for path in control_sockets(configuration):
        with suppress(ConnectionRefusedError, FileNotFoundError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))  # refused: of an exporter that was killed
            return _answer(connection, {"request": request, **further})
    return None


def _answer(connection: socket.socket, request: Mapping[str, Any]) -> Mapping[str, Any]:
    line = b""
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answer:
            line = answer.readline()
    except ConnectionError:
        pass  # as where it ends without an answer
    if not line.endswith(b"\n"):
        raise RequestRefused("the exporter has ended before it answered; ask again when it runs")
    answered: Mapping[str, Any] = json.loads(line)
    if "refused" in answered:
        raise RequestRefused(answered["refused"])
    result: Mapping[str, Any] = answered["result"]
    return result
