"""The exporter's end of the control socket."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from jumplab_exporter.control.place import ControlPlace
from jumplab_exporter.errors import RequestRefused

LONGEST_REQUEST_BYTES = 64 << 10

# Gets the request's further keys; what it returns is the answer's `result`. Raises RequestRefused.
Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

_log = logging.getLogger(__name__)


async def serve_requests(place: ControlPlace | None, handlers: Mapping[str, Handler]) -> None:
    """Answers requests by their names until it is cancelled. Where there can't be a socket, it logs that and returns.

    A request whose asker has left is cancelled.
    """
    if place is None:
        return
    async with asyncio.TaskGroup() as tasks:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.create_task(_converse(reader, writer, handlers), name="a request at the control socket")

        try:
            place.announce()
            server = await asyncio.start_unix_server(connected, place.socket, limit=LONGEST_REQUEST_BYTES)
            place.socket.chmod(0o600)
        except OSError as error:
            _log.warning("other commands can't reach this exporter: %s: %s", place.socket, error)
            return
        async with server:
            await server.serve_forever()


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Handler]
) -> None:
    try:
        with suppress(ConnectionError):
            answer = await _answer(reader, handlers)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, handlers: Mapping[str, Handler]) -> Mapping[str, Any]:
    try:
        name, further = _read(await _line(reader))
        handler = handlers.get(name)
        if handler is None:
            known = ", ".join(sorted(handlers)) or "none"
            raise RequestRefused(f"the running exporter does not know the request {name!r}; it knows {known}")
        return {"result": await _unless_left(handler(further), reader)}
    except RequestRefused as refusal:
        return {"refused": str(refusal)}
    except ConnectionError:
        raise
    except Exception:  # noqa: BLE001 - a mistake in a handler is not the end of the exporter
        _log.exception("a request at the control socket failed")
        return {"refused": "the request failed by a mistake of the exporter's own; its log has the details"}


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError as error:  # asyncio's for a line above the reader's limit
        raise RequestRefused(f"the request is longer than {LONGEST_REQUEST_BYTES} bytes") from error


def _read(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """A request's name, and the rest of it. Raises RequestRefused."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestRefused("the request is not a line of JSON") from error
    if not isinstance(request, dict) or not isinstance(request.get("request"), str):
        raise RequestRefused("the request is not a mapping with the key `request`")
    name: str = request.pop("request")
    return name, request


async def _unless_left(handled: Awaitable[Mapping[str, Any]], reader: asyncio.StreamReader) -> Mapping[str, Any]:
    """The handler's result; the handler is cancelled when the asker goes away before. Raises ConnectionError then."""
    handling = asyncio.ensure_future(handled)
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((handling, leaving), return_when=asyncio.FIRST_COMPLETED)
        if handling.done():
            return handling.result()
        raise ConnectionResetError("the asker has left")
    finally:
        for task in (handling, leaving):
            task.cancel()
        await asyncio.gather(handling, leaving, return_exceptions=True)
