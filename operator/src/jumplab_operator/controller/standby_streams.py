"""Streams that leased exporters have opened ahead: the next client that attaches is joined to one at once.

An exporter that has none gets an offer on its Status stream and opens one then, which takes longer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jumplab_operator.router.tokens import StreamClaims


@dataclass(frozen=True, slots=True)
class Match:
    """The exporter's end of a session that a client has dialled. claims: those of the token."""

    claims: StreamClaims
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StandbyStream:
    """A stream that is open, for one lease, by its uid. credential: the exporter's, by its id.  match: what it is for;
    None where it will be for nothing."""

    lease: str
    credential: str
    match: "asyncio.Future[Match | None]"


class StandbyStreams:
    """One for each exporter, by the exporters' uids."""

    def __init__(self) -> None:
        self._standby_streams: dict[str, StandbyStream] = {}

    @contextmanager
    def opened(self, exporter_uid: str, lease_uid: str, credential: str) -> Iterator[StandbyStream]:
        """The exporter's standby stream from now on, instead of an earlier one, while the context lasts."""
        standby = StandbyStream(lease_uid, credential, asyncio.get_running_loop().create_future())
        self._withdraw(exporter_uid)
        self._standby_streams[exporter_uid] = standby
        try:
            yield standby
        finally:
            if self._standby_streams.get(exporter_uid) is standby:
                del self._standby_streams[exporter_uid]

    def pop(self, exporter_uid: str, lease_uid: str) -> StandbyStream | None:
        """The exporter's standby stream for this lease, if it has one: it is the caller's to match."""
        standby = self._standby_streams.get(exporter_uid)
        if (
            standby is None or standby.lease != lease_uid or standby.match.done()
        ):  # its connection may be ending right now
            return None
        return self._standby_streams.pop(exporter_uid)

    def end(self, lease_uid: str) -> None:
        """The lease is over: nobody will be joined to what was opened for it."""
        for exporter_uid in [uid for uid, standby in self._standby_streams.items() if standby.lease == lease_uid]:
            self._withdraw(exporter_uid)

    def _withdraw(self, exporter_uid: str) -> None:
        standby = self._standby_streams.pop(exporter_uid, None)
        if standby is not None and not standby.match.done():
            standby.match.set_result(None)
