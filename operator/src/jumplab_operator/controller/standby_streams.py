"""Streams that leased exporters have opened ahead: whoever attaches next is joined to one at once.

An exporter that has none is told of a dial on its Status stream and comes then, which takes longer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jumplab_operator.router.tokens import StreamClaims


@dataclass(frozen=True, slots=True)
class Match:
    """The exporter's end of a session that a client has dialled. claims: what the token says."""

    claims: StreamClaims
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StandbyStream:
    """A stream that is open, for one lease, by its uid. match: what it is for; None where it will be for nothing."""

    lease: str
    match: "asyncio.Future[Match | None]"


class StandbyStreams:
    """One for each exporter, by the exporters' uids."""

    def __init__(self) -> None:
        self._spares: dict[str, StandbyStream] = {}

    @contextmanager
    def opened(self, exporter_uid: str, lease_uid: str) -> Iterator[StandbyStream]:
        """The exporter's spare from now on, in place of an earlier one, while the context lasts."""
        spare = StandbyStream(lease_uid, asyncio.get_running_loop().create_future())
        self._withdraw(exporter_uid)
        self._spares[exporter_uid] = spare
        try:
            yield spare
        finally:
            if self._spares.get(exporter_uid) is spare:
                del self._spares[exporter_uid]

    def take(self, exporter_uid: str, lease_uid: str) -> StandbyStream | None:
        """The exporter's spare for this lease, if it has one: it is the caller's to match."""
        spare = self._spares.get(exporter_uid)
        if spare is None or spare.lease != lease_uid or spare.match.done():  # its connection may be ending right now
            return None
        return self._spares.pop(exporter_uid)

    def end(self, lease_uid: str) -> None:
        """The lease is over: nobody will be joined to what was opened for it."""
        for exporter_uid in [uid for uid, spare in self._spares.items() if spare.lease == lease_uid]:
            self._withdraw(exporter_uid)

    def _withdraw(self, exporter_uid: str) -> None:
        spare = self._spares.pop(exporter_uid, None)
        if spare is not None and not spare.match.done():
            spare.match.set_result(None)
