"""The gRPC service: takes streams in, copies messages between joined ones, and ends them.

Messages pass undecoded, one at a time in either direction: what a slow reader hasn't taken is not read from the other
end, so flow control reaches from peer to peer and nothing gathers here.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport.tokens import presented_token
from jumplab_operator.audit import SILENT, OperatorAudit, address_of
from jumplab_operator.departures import peer_may_leave
from jumplab_operator.router import tokens
from jumplab_operator.router.switchboard import Ending, RelayStream, StreamRefused, Switchboard
from jumplab_operator.router.tokens import InvalidStreamToken, Role, StreamClaims, TokenReader

_log = logging.getLogger(__name__)

SERVICE = "jumplab.v1.RouterService"

# How long a stream waits for its other end.
MEETING_BOUND = timedelta(seconds=30)

_DEADLINE = Ending(grpc.StatusCode.FAILED_PRECONDITION, "the lease has ended; create a new one")
_LOGS_DEADLINE = Ending(
    grpc.StatusCode.FAILED_PRECONDITION,
    "the time for reading the lease's console logs is over, or they are its client's no more; ask for them again",
)

Prolonged = Callable[[StreamClaims], datetime | None]
Context: TypeAlias = "aio.ServicerContext[Any, Any]"
Metadata = tuple[tuple[str, str | bytes], ...]


class Router:
    """RouterService.

    key: verifies stream tokens;  prolonged: asked when a stream has reached the deadline of its token, answers with the
    deadline that holds now, or None where the lease is over;  now: the time;  known: reads tokens, and knows those that
    the controller beside it makes;  audit: gets a record of each session.
    """

    def __init__(
        self,
        key: EllipticCurvePublicKey,
        *,
        prolonged: Prolonged = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        meeting_bound: timedelta = MEETING_BOUND,
        known: TokenReader | None = None,
        audit: OperatorAudit = SILENT,
    ) -> None:
        self._audit = audit
        self._tokens = known or TokenReader(key)
        self._prolonged = prolonged
        self._now = now
        self._meeting_bound = meeting_bound
        self._switchboard = Switchboard(now)

    def add_to(self, server: aio.Server) -> None:
        """Serves RouterService on `server`."""
        # Neither serializer nor deserializer: messages stay bytes.
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._stream)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Stream": handler}),))
        server.add_registered_method_handlers(SERVICE, {"Stream": handler})

    def cut(self, lease_uid: str, holder: str | None = None) -> None:
        """The lease has ended: ends its streams at once and refuses new ones. `holder`: its new holder, the only client
        that still has and opens streams."""
        self._switchboard.cut(lease_uid, holder)

    def cut_credentials(self, credentials: Collection[str]) -> None:
        """Ends the streams of peers that came by these credentials, and refuses new ones: each has to dial again."""
        self._switchboard.cut_credentials(credentials)

    def close(self) -> None:
        """Ends all streams, with a sentence that asks the peers to come back."""
        self._switchboard.close()

    async def _stream(self, _: object, context: Context) -> None:
        with peer_may_leave():
            await self._answer(context)

    async def _answer(self, context: Context) -> None:
        try:
            claims, number = self._identify(list(context.invocation_metadata() or ()))
        except StreamRefused as refusal:
            if self._audit.is_kept:
                address = address_of(context.peer())
                self._audit.refused_stranger(str(refusal), code=refusal.ending.code.name, address=address)
            await context.abort(refusal.ending.code, refusal.ending.sentence)
        await self.serve(claims, number, context)

    async def serve(self, claims: StreamClaims, number: int, context: Context, *, metadata: Metadata = ()) -> None:
        """Serves a stream whose peer has proved these claims, to its end.  metadata: the first that the peer gets."""
        # Before anybody writes to it: gRPC could not end an RPC any more whose first message was given up half-way.
        await context.send_initial_metadata(metadata)
        try:
            stream = self._switchboard.register(claims, number, context)
        except StreamRefused as refusal:
            if self._audit.is_kept:
                self._audit.refused(str(refusal), code=refusal.ending.code.name, **_fields(claims, context))
            await context.abort(refusal.ending.code, refusal.ending.sentence)
        try:
            ending = await self._serve(stream, context)
        finally:
            self._switchboard.unregister(stream)
        if ending.code is not grpc.StatusCode.OK:
            await context.abort(ending.code, ending.sentence)

    def _identify(self, metadata: Sequence[tuple[str, str | bytes]]) -> tuple[StreamClaims, int]:
        given = dict(metadata)
        token = presented_token(str(given.get("authorization", "")))
        if not token:
            raise StreamRefused(
                grpc.StatusCode.UNAUTHENTICATED,
                "the router needs a stream token (authorization: Bearer TOKEN); dial first",
            )
        try:
            claims = self._tokens.read(token)
        except InvalidStreamToken as error:
            raise StreamRefused(grpc.StatusCode.PERMISSION_DENIED, str(error)) from error
        number = str(given.get("x-jumplab-stream", "0"))
        if not (number.isascii() and number.isdigit() and len(number) <= 10):
            raise StreamRefused(
                grpc.StatusCode.INVALID_ARGUMENT, f'x-jumplab-stream is "{number[:20]}"; it must be a stream\'s number'
            )
        return claims, int(number)

    async def _serve(self, stream: RelayStream, context: Context) -> Ending:
        met: set[asyncio.Future[Any]] = {stream.opposite, stream.ended}
        await asyncio.wait(
            met,
            timeout=self._meeting_bound.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if stream.ended.done():
            return stream.ended.result()
        if not stream.joined:
            return self._unmatched(stream)
        if stream.number != 0:
            return await self._relayed(stream, context)
        fields = _fields(stream.claims, context) if self._audit.is_kept else {}
        code = "CANCELLED"  # by the peer, if it is not ended here
        self._audit.add("attach", **fields)
        _log_session(stream.claims, "is connected")
        try:
            ending = await self._relayed(stream, context)
            code = ending.code.name
        finally:
            self._audit.add("detach", code=code, **fields)
            _log_session(stream.claims, f"has ended: {code}")
        return ending

    async def _relayed(self, stream: RelayStream, context: Context) -> Ending:
        async with asyncio.TaskGroup() as tasks:
            name = f"router {stream.claims.lease_name} stream {stream.number} from {stream.claims.role}"
            pump = tasks.create_task(_copy(stream, context), name=name)
            ending = await self._ended(stream)
            pump.cancel()
        return ending

    async def _ended(self, stream: RelayStream) -> Ending:
        """Waits for the end of the stream, and for its deadline meanwhile: a lease always has one."""
        deadline = stream.claims.deadline
        while True:
            left_seconds = (deadline - self._now()).total_seconds()
            await asyncio.wait({stream.ended}, timeout=max(left_seconds, 0))
            if stream.ended.done():
                return stream.ended.result()
            if self._now() >= deadline:
                later = self._prolonged(stream.claims)
                if later is None or later <= deadline:
                    return _LOGS_DEADLINE if stream.claims.logs else _DEADLINE
                deadline = later

    def _unmatched(self, stream: RelayStream) -> Ending:
        missing = "exporter" if stream.claims.role is tokens.Role.CLIENT else "client"
        seconds = self._meeting_bound.total_seconds()
        return Ending(
            grpc.StatusCode.UNAVAILABLE,
            f"the {missing} did not open stream {stream.number} within {seconds:.0f} s; dial again",
        )


def _fields(claims: StreamClaims, context: Context) -> dict[str, object]:
    """Who has opened a stream, for the audit log."""
    lease = {"lease": claims.lease_name, "lease_uid": claims.lease, "exporter_uid": claims.exporter}
    return {"session": claims.session, "role": claims.role.value, **lease, "address": address_of(context.peer())}


def _log_session(claims: StreamClaims, what: str) -> None:
    if claims.role is Role.CLIENT:  # the exporter's end is the same session
        keys = {"lease": claims.lease_name, "client": claims.holder, "session": claims.session}
        _log.info('session %s of lease "%s" %s', claims.session, claims.lease_name, what, extra=keys)


async def _copy(stream: RelayStream, context: Context) -> None:
    """Copies the messages of one peer to the opposite one, until it has ended its direction."""
    opposite = stream.opposite.result()
    write = opposite.wire.write
    while (message := await context.read()) is not aio.EOF:
        try:
            await write(message)
        except (aio.BaseError, asyncio.InvalidStateError):
            # The opposite's RPC is over: its own handler ends this one, with the reason.
            return
    stream.finish_sending()
