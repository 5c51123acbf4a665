"""The one place where calls are authenticated and refusals get their gRPC codes."""

import inspect
import logging
from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc
from grpc import aio

from jumplab.transport.race import race
from jumplab_operator.controller import refusals
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import ApiRefused
from jumplab_operator.controller.refusals import NotAuthenticated, Refusal

log = logging.getLogger(__name__)

_caller: ContextVar[Subject] = ContextVar("caller")

Context = aio.ServicerContext[Any, Any]
# Quoted: generic in the stubs alone.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


def caller() -> Subject:
    """Who makes the call that is being answered."""
    return _caller.get()


def text_metadata(context: Context) -> dict[str, str]:
    """What comes with a call, but for what is binary."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


class Doorkeeper(aio.ServerInterceptor):
    """Authenticates each call of the given services and turns what their methods raise into a gRPC status."""

    def __init__(self, authenticator: Authenticator, services: frozenset[str]) -> None:
        self._authenticator = authenticator
        self._services = services

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.split("/")[1] not in self._services:
            return handler
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(method, handler.stream_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

    def _unary(self, method: str, behaviour: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            async with self._guarded(method, context):
                return await behaviour(request, context)

        return answer

    def _streaming(self, method: str, behaviour: Any) -> Any:
        async def serve(request: Any, context: Context) -> None:
            if inspect.isasyncgenfunction(behaviour):
                async for message in behaviour(request, context):
                    await context.write(message)
            else:
                await behaviour(request, context)

        async def answer(request: Any, context: Context) -> None:
            async with self._guarded(method, context):
                await self._until_revoked(serve(request, context), method)

        return answer

    async def _until_revoked(self, serving: Coroutine[Any, Any, None], method: str) -> None:
        """Serves a call that may last: a client's no longer than its credential. Raises NotAuthenticated then."""
        if caller().kind != "Client":
            await serving
            return
        with self._authenticator.calling(caller()) as revoked:
            await race({f"{method} of {caller()}": serving, f"revocation of {caller()}": _refused(revoked)})

    @asynccontextmanager
    async def _guarded(self, method: str, context: Context) -> AsyncIterator[None]:
        try:
            _caller.set(await self._authenticator.authenticate(text_metadata(context)))
            yield
        except (Refusal, ApiRefused) as error:
            refusal = refusals.of_api(error) if isinstance(error, ApiRefused) else error
            await context.abort(refusal.code, str(refusal))
        except aio.AbortError:
            raise
        except Exception:  # the root of a call's task
            log.exception("%s failed", method)
            await context.abort(grpc.StatusCode.INTERNAL, "the controller failed; its log tells more")


async def _refused(revoked: "Future[str]") -> None:
    raise NotAuthenticated(await revoked)
