"""Serving a watch: what exists (where asked), then each change as it is committed, bookmarks, and the end."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from jumplab_operator.standalone.base import errors
from jumplab_operator.standalone.base.errors import Cause
from jumplab_operator.standalone.base.kinds import Object
from jumplab_operator.standalone.controllers.server_state import Cluster
from jumplab_operator.standalone.http import listing, queries
from jumplab_operator.standalone.http.presentation import Presentation
from jumplab_operator.standalone.objects.routes import Target
from jumplab_operator.standalone.storage.store import Change, Most
from jumplab_operator.standalone.storage.writer import encode

_BATCH = Most(changes=500, bytes=1024 * 1024)
_PIECE_BYTES = 256 * 1024
_BOOKMARK_SECONDS = 60.0
_LAST_BOOKMARK_SECONDS = 2.0
_LOOK_SECONDS = 4.0
"""How often it is looked whether who watches may still."""
SLOWEST_READER_SECONDS = 30.0
"""Who takes nothing of what is written for so long is dropped."""


@dataclass(frozen=True, slots=True)
class _Options:
    since: int
    """The resource version to begin after; 0 begins with what exists."""
    timeout_seconds: float
    bookmarks: bool

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> _Options:
        if "sendInitialEvents" in query:
            rule = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            raise errors.invalid_options("ListOptions", [Cause("sendInitialEvents", "FieldValueForbidden", rule)])
        since = queries.whole_number(query, "resourceVersion")
        timeout = queries.whole_number(query, "timeoutSeconds", "a number of seconds")
        spread = random.uniform(1800, 3600)
        return cls(since, float(timeout) or spread, query.get("allowWatchBookmarks") in ("true", "1"))


async def serve_watch(
    request: web.Request, target: Target, cluster: Cluster, presentation: Presentation, is_revoked: Callable[[], bool]
) -> web.StreamResponse:
    """Answer a watch until its time is over, its client goes, its history is gone, or the server stops.

    is_revoked: whether who watches may no longer.
    """
    options = _Options.asked(request.query)
    watch = _Watch(target, cluster, presentation, listing.selection(target, request.query), options.since)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        await _stream(response, watch, options, is_revoked)
        async with asyncio.timeout(SLOWEST_READER_SECONDS):
            await response.write_eof()
    except (ConnectionError, TimeoutError):  # gone, or reading nothing
        if request.transport is not None:
            _drop(request.transport)
    return response


def _drop(transport: asyncio.Transport) -> None:
    """End a connection with what it still holds: the kernel would go on offering that to who reads nothing."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _stream(
    response: web.StreamResponse, watch: _Watch, options: _Options, is_revoked: Callable[[], bool]
) -> None:
    loop = asyncio.get_running_loop()
    deadline, look_at = loop.time() + options.timeout_seconds, loop.time() + _LOOK_SECONDS
    bookmark_at = _next_bookmark(loop.time(), deadline)
    while not watch.ended:
        if loop.time() >= look_at:
            if is_revoked():
                return
            look_at = loop.time() + _LOOK_SECONDS
        changed = watch.changed()
        try:
            lines = list(watch.read())
            if options.bookmarks and loop.time() >= bookmark_at and not watch.behind:
                lines.append(watch.bookmark())
                bookmark_at = _next_bookmark(loop.time(), deadline)
            await _write(response, b"".join(lines))
            lines.clear()  # nothing of it is held while the watch waits
            if loop.time() >= deadline:
                return
            if not watch.behind and not watch.ended:
                await asyncio.wait({changed}, timeout=max(0.0, min(deadline, bookmark_at, look_at) - loop.time()))
        finally:
            changed.cancel()


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Write in pieces: a TLS transport takes one write whole, however large, and has nobody wait for it."""
    for start in range(0, len(data), _PIECE_BYTES):
        async with asyncio.timeout(SLOWEST_READER_SECONDS):
            await response.write(data[start : start + _PIECE_BYTES])


def _next_bookmark(now: float, deadline: float) -> float:
    """Once a minute, and shortly before the end."""
    last = deadline - _LAST_BOOKMARK_SECONDS
    return last if now < last < now + _BOOKMARK_SECONDS else now + _BOOKMARK_SECONDS


class _Watch:
    """Where a watch stands in the history, and what it shows of it."""

    def __init__(
        self,
        target: Target,
        cluster: Cluster,
        presentation: Presentation,
        admits: Callable[[Object], bool] | None,
        since: int,
    ) -> None:
        self._target = target
        self._cluster = cluster
        self._presentation = presentation
        self._admits = admits
        self._since = since
        self._gone = False
        self.behind = False
        """Whether there is more to read at once."""

    @property
    def ended(self) -> bool:
        return self._gone or self._cluster.closing

    def changed(self) -> asyncio.Future[None]:
        return self._cluster.changed.next(self._target.kind.stored_in)

    def bookmark(self) -> bytes:
        return self._presentation.bookmark(self._since)

    def read(self) -> Iterator[bytes]:
        """The lines of what happened since the last time."""
        resource, namespace = self._target.kind.stored_in, self._target.namespace
        if not self._since:
            with self._cluster.reader.snapshot() as self._since:
                existing = self._cluster.reader.objects(resource, namespace)
            for body in existing:
                if self._admits is None or self._admits(json.loads(body)):
                    yield self._presentation.event("ADDED", body)
            return
        step = self._cluster.steps.since(resource, namespace, self._since, _BATCH)
        if self._since < step.compacted:
            self._gone = True
            yield encode({"type": "ERROR", "object": errors.expired(self._since, step.compacted).status()}) + b"\n"
            return
        self.behind = step.behind
        self._since = step.changes[-1].version if step.behind else max(step.version, self._since)
        for change in step.changes:
            yield from self._line(change)

    def _line(self, change: Change) -> Iterator[bytes]:
        if self._admits is None:
            yield self._presentation.event(change.type, change.body)
            return
        now = self._admits(json.loads(change.body))
        before = change.previous is not None and self._admits(json.loads(change.previous))
        if change.type == "DELETED" or (now and before):
            if before:
                yield self._presentation.event(change.type, change.body)
        elif now:
            yield self._presentation.event("ADDED", change.body)
        elif before and change.previous is not None:
            yield self._presentation.event_at(change.version, "DELETED", change.previous)
