"""Serving a watch: what exists (where asked), then each change as it is committed, bookmarks, and the end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from jumplab_operator.standalone import errors, listing
from jumplab_operator.standalone.cluster import Cluster
from jumplab_operator.standalone.errors import Cause
from jumplab_operator.standalone.kinds import Object
from jumplab_operator.standalone.presentation import Presentation
from jumplab_operator.standalone.routes import Target
from jumplab_operator.standalone.store import Change
from jumplab_operator.standalone.writer import encode

_BATCH = 500
_BOOKMARK_SECONDS = 60.0
_LAST_BOOKMARK_SECONDS = 2.0
_SLOWEST_READER_SECONDS = 30.0


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
            raise errors.invalid_options(Cause("sendInitialEvents", "FieldValueForbidden", rule))
        since, timeout = query.get("resourceVersion") or "0", query.get("timeoutSeconds") or "0"
        if not since.isdecimal():
            raise errors.bad_request(f'resourceVersion: Invalid value: "{since}": must be a number')
        if not timeout.isdecimal():
            raise errors.bad_request(f'timeoutSeconds: Invalid value: "{timeout}": must be a number of seconds')
        spread = random.uniform(1800, 3600)
        return cls(int(since), float(timeout) or spread, query.get("allowWatchBookmarks") in ("true", "1"))


async def serve_watch(
    request: web.Request, target: Target, cluster: Cluster, presentation: Presentation
) -> web.StreamResponse:
    """Answer a watch until its time is over, its client goes, its history is gone, or the server stops."""
    options = _Options.asked(request.query)
    watch = _Watch(target, cluster, presentation, listing.selection(target, request.query), options.since)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        await _stream(response, watch, options)
        await response.write_eof()
    except (ConnectionError, TimeoutError):  # gone, or reading nothing
        if request.transport is not None:
            request.transport.abort()
    return response


async def _stream(response: web.StreamResponse, watch: _Watch, options: _Options) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.timeout_seconds
    bookmark_at = _next_bookmark(loop.time(), deadline)
    while not watch.ended:
        changed = watch.changed()
        try:
            lines = list(watch.read())
            if options.bookmarks and loop.time() >= bookmark_at and not watch.behind:
                lines.append(watch.bookmark())
                bookmark_at = _next_bookmark(loop.time(), deadline)
            if lines:
                async with asyncio.timeout(_SLOWEST_READER_SECONDS):
                    await response.write(b"".join(lines))
            if loop.time() >= deadline:
                return
            if not watch.behind and not watch.ended:
                await asyncio.wait({changed}, timeout=max(0.0, min(deadline, bookmark_at) - loop.time()))
        finally:
            changed.cancel()


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
        reader, resource, namespace = self._cluster.reader, self._target.kind.stored_in, self._target.namespace
        existing: list[bytes] = []
        changes: list[Change] = []
        with reader.snapshot() as version:
            if not self._since:
                existing = reader.objects(resource, namespace)
            else:
                changes = reader.changes(resource, namespace, self._since, _BATCH)
            compacted = reader.compacted(resource)
        if self._since and self._since < compacted:
            self._gone = True
            yield encode({"type": "ERROR", "object": errors.expired(self._since, compacted).status()}) + b"\n"
            return
        self.behind = len(changes) == _BATCH
        self._since = changes[-1].version if self.behind else max(version, self._since)
        for body in existing:
            obj = json.loads(body)
            if self._admits is None or self._admits(obj):
                yield self._presentation.event("ADDED", body, int(obj["metadata"]["resourceVersion"]))
        for change in changes:
            yield from self._line(change)

    def _line(self, change: Change) -> Iterator[bytes]:
        if self._admits is None:
            yield self._presentation.event(change.type, change.body, change.version)
            return
        now = self._admits(json.loads(change.body))
        before = change.previous is not None and self._admits(json.loads(change.previous))
        if change.type == "DELETED" or (now and before):
            if before:
                yield self._presentation.event(change.type, change.body, change.version)
        elif now:
            yield self._presentation.event("ADDED", change.body, change.version)
        elif before and change.previous is not None:
            yield self._presentation.event("DELETED", change.previous, change.version)
