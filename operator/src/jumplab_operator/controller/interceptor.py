"""Authenticates calls and gives refusals their gRPC codes; nothing else does."""

import inspect
import logging
import time
from asyncio import Future
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab.transport.first_completed import first_completed
from jumplab_operator.audit import SILENT, OperatorAudit, credential_id
from jumplab_operator.call_rates import FREE_BYTES, AsksTooOften, CallRates
from jumplab_operator.controller import refusals
from jumplab_operator.controller.auditing import CallAudit
from jumplab_operator.controller.authentication import Authenticator, bearer_token
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.message_turns import MessageTurns
from jumplab_operator.controller.refusals import BadRequest, NotAuthenticated, Refusal, TooMuch, Unavailable
from jumplab_operator.departures import peer_may_leave
from jumplab_operator.errors import ApiError

log = logging.getLogger(__name__)

# A peer takes 8 KiB of trailers without fail, and each byte may be written as three.
_LONGEST_SENTENCE_BYTES = 2_000

MOST_BYTES = 256 * 1024
MOST_BYTES_OF = {
    # A report of many drivers, with the schemas of their interfaces.
    "/jumplab.v1.ControllerService/Register": 4 * 1024 * 1024,
}


@dataclass(frozen=True, slots=True)
class _Caller:
    subject: Subject
    token: str = field(repr=False)


_caller: ContextVar[_Caller] = ContextVar("caller")

Context = aio.ServicerContext[Any, Any]
# Quoted: generic in the stubs alone.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


def caller() -> Subject:
    """The caller of the call that is being answered."""
    return _caller.get().subject


def caller_credential() -> str:
    """The id of the credential that the caller has presented for the call that is being answered."""
    return credential_id(_caller.get().token)


def text_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """The metadata of a call, without binary values."""
    return {key: value for key, value in metadata if isinstance(value, str)}


class AuthenticationInterceptor(aio.ServerInterceptor):
    """Authenticates each call of the given services, and turns what their methods raise into a gRPC status.

    A caller is authenticated by its metadata, before its message is read: a stranger's message costs no memory.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        services: frozenset[str],
        rates: CallRates | None = None,
        turns: MessageTurns | None = None,
        audit: OperatorAudit = SILENT,
    ) -> None:
        self._authenticator = authenticator
        self._services = services
        self._rates = rates or CallRates(time.monotonic)
        self._turns = turns or MessageTurns()
        self._audit = CallAudit(audit)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.split("/")[1] not in self._services:
            return handler
        metadata = text_metadata(handler_call_details.invocation_metadata or ())
        try:
            subject = await self._authenticator.authenticate(metadata)
            await self._rates.wait(str(subject))
        except Exception as error:  # noqa: BLE001 - the root of a call's task; `_status` logs it
            return self._refusing(*_status(error, method), method)
        return self._answering(_Caller(subject, bearer_token(metadata)), method, handler)

    def _answering(self, calling: _Caller, method: str, handler: "Handler") -> "Handler":
        """The handler, with the caller set. It is one of streams: of all others gRPC itself reads the message."""
        read = _bounded(handler.request_deserializer, MOST_BYTES_OF.get(method, MOST_BYTES))
        serve = self._serving(method, handler)

        async def answer(requests: Any, context: Context) -> None:
            _caller.set(calling)
            self._audit.begin(calling.subject, context)
            with peer_may_leave():
                try:
                    request = requests if handler.request_streaming else await self._request(calling.subject, context)
                    await serve(request, context)
                except (aio.AbortError, aio.InternalError):
                    raise
                except Exception as error:  # noqa: BLE001 - the root of a call's task; `_status` logs it
                    code, sentence = _status(error, method)
                    self._audit.refused(method, code, sentence)
                    await context.abort(code, sentence)

        return grpc.stream_stream_rpc_method_handler(answer, read, handler.response_serializer)

    async def _request(self, subject: Subject, context: Context) -> Any:
        """The message of a call that has one. Raises Refusal where it is too large, or does not come."""
        try:
            async with self._turns.reading(str(subject)):
                request = await context.read()
        except TimeoutError:
            raise Unavailable(f"the message did not come within {self._turns.seconds:.0f} s; try again") from None
        if request is aio.EOF:
            raise BadRequest("the call has no message; send one")
        _check_read(request)
        if (size := request.ByteSize()) >= FREE_BYTES:
            await self._rates.wait(str(subject), size)
        return request

    def _serving(self, method: str, handler: "Handler") -> Callable[[Any, Context], Awaitable[None]]:
        """Writes the answers to a request."""
        if not (handler.request_streaming or handler.response_streaming):
            answer: Any = handler.unary_unary

            async def serve_one(request: Any, context: Context) -> None:
                answered = await answer(request, context)
                self._audit.answered(method, request, answered)
                await context.write(answered)

            return serve_one
        behaviour: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def serve(request: Any, context: Context) -> None:
            if inspect.isasyncgenfunction(behaviour):
                async for message in behaviour(request, context):
                    await context.write(message)
            else:
                await behaviour(request, context)

        async def serve_while_valid(request: Any, context: Context) -> None:
            await self._until_revoked(serve(request, context), method)

        return serve_while_valid

    async def _until_revoked(self, serving: Coroutine[Any, Any, None], method: str) -> None:
        """Serves a call that may last, no longer than its caller's credential. Raises NotAuthenticated then."""
        with self._authenticator.calling(caller(), _caller.get().token) as revoked:
            await first_completed({f"{method} of {caller()}": serving, f"revocation of {caller()}": _refused(revoked)})

    def _refusing(self, code: grpc.StatusCode, sentence: str, method: str) -> "Handler":
        """Ends a call without reading its message. gRPC would read that of a unary call before it calls a handler."""

        async def refuse(_: object, context: Context) -> None:
            self._audit.refused_stranger(method, code, sentence, context)
            with peer_may_leave():
                await context.abort(code, sentence)

        return grpc.stream_stream_rpc_method_handler(refuse)


@dataclass(frozen=True, slots=True)
class _Unread:
    """Stands for a message that can't be taken: gRPC would log what a deserializer raises, and not tell the caller."""

    refusal: Refusal


def _bounded(read: Callable[[bytes], Any] | None, most: int) -> Callable[[bytes], Any] | None:
    """A deserializer that reads no message above a size. Byte streams of sessions have none, and no such bound."""
    if read is None:
        return None

    def read_bounded(message: bytes) -> Any:
        if len(message) > most:
            return _Unread(TooMuch(f"the message has {len(message)} bytes, the limit is {most}; ask for less at once"))
        try:
            return read(message)
        except DecodeError:
            return _Unread(BadRequest("the message is not of the method's type, or is damaged; send it again"))

    return read_bounded


def _check_read(request: Any) -> None:
    """Raises the refusal of a message that was not read."""
    if isinstance(request, _Unread):
        raise request.refusal


async def _refused(revoked: "Future[str]") -> None:
    raise NotAuthenticated(await revoked)


def _status(error: Exception, method: str) -> tuple[grpc.StatusCode, str]:
    """The code and the message of an error for the caller; an unexpected one is logged."""
    if isinstance(error, ApiError):
        error = refusals.of_api(error)
    if isinstance(error, AsksTooOften):
        error = TooMuch(str(error))
    if isinstance(error, Refusal):
        return error.code, _brief(str(error))
    log.error("%s failed", method, exc_info=error)
    return grpc.StatusCode.INTERNAL, "the controller failed; see its log"


def _brief(sentence: str) -> str:
    """A sentence that fits into a call's trailers; those that quote what the caller sent may be as long as that."""
    encoded = sentence.encode(errors="replace")
    if len(encoded) <= _LONGEST_SENTENCE_BYTES:
        return sentence
    return encoded[:_LONGEST_SENTENCE_BYTES].decode(errors="ignore") + "…"
