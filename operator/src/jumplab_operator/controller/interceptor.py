"""The one place where calls are authenticated and refusals get their gRPC codes."""

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc
from grpc import aio

from jumplab_operator.controller import refusals
from jumplab_operator.controller.authentication import Authenticator
from jumplab_operator.controller.credentials import Subject
from jumplab_operator.controller.lab import ApiRefused
from jumplab_operator.controller.refusals import Refusal

log = logging.getLogger(__name__)

_caller: ContextVar[Subject] = ContextVar("caller")

Context = aio.ServicerContext[Any, Any]
# Quoted: generic in the stubs alone.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


def caller() -> Subject:
    """Who makes the call that is being answered."""
    return _caller.get()


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
        async def answer(request: Any, context: Context) -> None:
            async with self._guarded(method, context):
                if inspect.isasyncgenfunction(behaviour):
                    async for message in behaviour(request, context):
                        await context.write(message)
                else:
                    await behaviour(request, context)

        return answer

    @asynccontextmanager
    async def _guarded(self, method: str, context: Context) -> AsyncIterator[None]:
        try:
            metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
            _caller.set(await self._authenticator.authenticate(metadata))
            yield
        except (Refusal, ApiRefused) as error:
            refusal = refusals.of_api(error) if isinstance(error, ApiRefused) else error
            await context.abort(refusal.code, str(refusal))
        except aio.AbortError:
            raise
        except Exception:  # the root of a call's task
            log.exception("%s failed", method)
            await context.abort(grpc.StatusCode.INTERNAL, "the controller failed; its log tells more")
