"""The router's rules, without any I/O: which streams may be opened, and which are opposites.

A session's id comes with the tokens of its two peers; each stream number has one relay stream for either role. A
stream is refused or ended with an `Ending`: a gRPC status and a sentence.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from jumplab.protocol.grpc_loading import grpc
from jumplab.transport.used_numbers import UsedNumbers
from jumplab_operator.errors import OperatorError
from jumplab_operator.router.tokens import LIFETIME, Role, StreamClaims

MAX_WAITING_PER_LEASE = 64


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ends."""

    code: grpc.StatusCode
    sentence: str


FINISHED = Ending(grpc.StatusCode.OK, "")
PEER_GONE = Ending(grpc.StatusCode.UNAVAILABLE, "the other end's connection was lost; dial again")
LEASE_OVER = Ending(grpc.StatusCode.FAILED_PRECONDITION, "the lease has ended; create a new one")
HANDED_OVER = Ending(grpc.StatusCode.FAILED_PRECONDITION, "the lease belongs to another client now; create a new one")
CREDENTIAL_REPLACED = Ending(
    grpc.StatusCode.UNAVAILABLE, "the token by which this session was dialled was replaced; dial again with the new one"
)
ROUTER_STOPS = Ending(grpc.StatusCode.UNAVAILABLE, "the router is shutting down; dial again in a moment")


class StreamRefused(OperatorError):
    """A stream that may not be opened."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.ending = Ending(code, sentence)


class Wire(Protocol):
    """The way of messages to a peer."""

    async def write(self, message: bytes) -> None: ...


@dataclass(eq=False, slots=True)
class RelayStream:
    """One end of one stream, as long as its RPC lasts."""

    claims: StreamClaims
    number: int
    wire: Wire
    opposite: "asyncio.Future[RelayStream]"
    ended: asyncio.Future[Ending]
    finished_sending: bool = False

    @property
    def joined(self) -> bool:
        """Whether both ends are there."""
        return self.opposite.done()

    def end(self, ending: Ending) -> None:
        """Ends this stream's RPC; what came first counts."""
        if not self.ended.done():
            self.ended.set_result(ending)

    def finish_sending(self) -> None:
        """Its peer will send nothing more. Once the opposite won't either, the stream has ended well."""
        self.finished_sending = True
        opposite = self.opposite.result()
        if opposite.finished_sending:
            self.end(FINISHED)
            opposite.end(FINISHED)


@dataclass(eq=False, slots=True)
class _Session:
    lease: str
    exporter: str
    logs: bool
    expires: datetime
    streams: dict[tuple[int, Role], RelayStream] = field(default_factory=dict)
    used: dict[Role, UsedNumbers] = field(default_factory=lambda: {role: UsedNumbers() for role in Role})

    @property
    def established(self) -> bool:
        return any(stream.number == 0 and stream.joined for stream in self.streams.values())

    def forgettable(self, now: datetime) -> bool:
        return not self.streams and now >= self.expires


class Switchboard:
    """All streams of one router. now: the time, on the clock of the tokens."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._sessions: dict[str, _Session] = {}
        self._of_lease: dict[str, set[RelayStream]] = {}
        self._cut: dict[str, tuple[datetime, str | None]] = {}
        self._cut_credentials: dict[str, datetime] = {}

    def register(self, claims: StreamClaims, number: int, wire: Wire) -> RelayStream:
        """The stream that the token opens, joined to the opposite one where that is open. Raises StreamRefused."""
        now = self._now()
        self._forget(now)
        session = self._sessions.get(claims.session)
        self._admit(claims, number, session, now)
        if session is None:
            session = self._sessions[claims.session] = _Session(
                claims.lease, claims.exporter, claims.logs, claims.expires
            )
        loop = asyncio.get_running_loop()
        stream = RelayStream(claims, number, wire, loop.create_future(), loop.create_future())
        session.used[claims.role].add(number)
        session.streams[number, claims.role] = stream
        self._of_lease.setdefault(claims.lease, set()).add(stream)
        opposite = session.streams.get((number, _opposite(claims.role)))
        if opposite is not None:
            stream.opposite.set_result(opposite)
            opposite.opposite.set_result(stream)
        return stream

    def unregister(self, stream: RelayStream) -> None:
        """The stream's RPC is over; the opposite one's ends as well."""
        claims = stream.claims
        del self._sessions[claims.session].streams[stream.number, claims.role]
        self._of_lease[claims.lease].remove(stream)
        if not self._of_lease[claims.lease]:
            del self._of_lease[claims.lease]
        if stream.joined:
            stream.opposite.result().end(PEER_GONE)

    def cut(self, lease: str, holder: str | None = None) -> None:
        """Ends all streams of a lease, by its uid, and admits none any more; `holder`: but those of this client.

        Those that read its console logs stay where it ends, and go with the others where it gets another holder.
        """
        # No token of the lease outlives this moment by more than its lifetime, and no session its streams.
        self._cut[lease] = self._now() + LIFETIME, holder
        for stream in self._of_lease.get(lease, ()):
            if _is_cut(stream.claims, holder):
                stream.end(LEASE_OVER if holder is None else HANDED_OVER)

    def cut_credentials(self, credentials: Collection[str]) -> None:
        """Ends all streams of peers that came by these credentials, by their ids, and admits none any more."""
        self._cut_credentials |= dict.fromkeys(credentials, self._now() + LIFETIME)
        for streams in self._of_lease.values():
            for stream in streams:
                if stream.claims.credential in credentials:
                    stream.end(CREDENTIAL_REPLACED)

    def close(self) -> None:
        """Ends all streams."""
        for streams in self._of_lease.values():
            for stream in streams:
                stream.end(ROUTER_STOPS)

    def _admit(self, claims: StreamClaims, number: int, session: _Session | None, now: datetime) -> None:
        if claims.lease in self._cut and _is_cut(claims, holder := self._cut[claims.lease][1]):
            over = LEASE_OVER if holder is None else HANDED_OVER
            raise StreamRefused(over.code, over.sentence)
        if claims.credential in self._cut_credentials:
            raise StreamRefused(CREDENTIAL_REPLACED.code, CREDENTIAL_REPLACED.sentence)
        # A session outlives its token: it goes on opening streams, also while no controller could give it a new one.
        if now >= claims.expires and not (session and session.established):
            raise StreamRefused(
                _DENIED,
                f"the stream token has expired by the router's clock, {now:%Y-%m-%d %H:%M:%S} UTC; dial again for a "
                "new one, and check that clock if that does not help",
            )
        if session is not None and (session.lease, session.exporter, session.logs) != (
            claims.lease,
            claims.exporter,
            claims.logs,
        ):
            raise StreamRefused(_DENIED, "the stream token belongs to another lease; dial again for a new one")
        if session is not None and number in session.used[claims.role]:
            raise StreamRefused(
                _DENIED, f"the {claims.role.value} has already opened stream {number} of this session; dial again"
            )
        awaited = session is not None and (number, _opposite(claims.role)) in session.streams
        waiting = sum(not stream.joined for stream in self._of_lease.get(claims.lease, ()))
        if waiting >= MAX_WAITING_PER_LEASE and not awaited:
            raise StreamRefused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{waiting} streams of this lease already wait for their other end; close some",
            )

    def _forget(self, now: datetime) -> None:
        """Drops what no token can refer to any more."""
        for name in [name for name, session in self._sessions.items() if session.forgettable(now)]:
            del self._sessions[name]
        for lease in [lease for lease, (until, _) in self._cut.items() if now >= until]:
            del self._cut[lease]
        for credential in [each for each, until in self._cut_credentials.items() if now >= until]:
            del self._cut_credentials[credential]


def _is_cut(claims: StreamClaims, holder: str | None) -> bool:
    """Whether a lease that ended (None), or went to a holder, takes this stream with it."""
    return not claims.logs if holder is None else claims.holder != holder


_DENIED = grpc.StatusCode.PERMISSION_DENIED


def _opposite(role: Role) -> Role:
    return Role.EXPORTER if role is Role.CLIENT else Role.CLIENT
