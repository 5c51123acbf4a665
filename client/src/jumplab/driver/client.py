"""What test authors hold, for asyncio. The plain twin is in jumplab.driver.plain."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from jumplab.driver import errors
from jumplab.driver.interface import DriverInterface, Method, MethodKind, methods_of
from jumplab.driver.streams import ByteStream

Child = TypeVar("Child")


class ResultStream(ByteStream, Protocol):
    """A byte stream of a driver, as its client holds it.

    When the driver's method has returned, its client's direction ends by itself: what is sent then is dropped.
    """

    async def result(self) -> bytes:
        """Waits for the driver's method to end: its result as JSON. Raises what the method raised, as a DriverError."""
        ...


class Caller(Protocol):
    """What a client needs of a session. Arguments and results are JSON.

    epoch: changes where the exporter's process is replaced; what its drivers have kept until then is gone.
    from_lease_begin: whether its clients begin to read consoles at the lease's begin, else where it attached.
    ended: done when the session is over, with the error that says why.
    """

    epoch: str
    from_lease_begin: bool
    ended: "asyncio.Future[errors.DriverError]"

    async def call(self, driver_uuid: str, method: str, arguments: bytes) -> bytes:
        """Calls a method. Cancelling cancels the call at the driver."""
        ...

    def call_streaming(self, driver_uuid: str, method: str, arguments: bytes) -> AsyncIterator[bytes]:
        """Calls a streaming method: its items. Leaving the iterator cancels the call at the driver."""
        ...

    def open(
        self, driver_uuid: str, method: str, arguments: bytes, *, bulk: bool
    ) -> AbstractAsyncContextManager[ResultStream]:
        """Opens a byte stream. Leaving the context before the result is there cancels the method at the driver."""
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """A byte of a driver's stream.  offset: its place, counted from the lease's begin.  epoch: of the exporter's
    process that counts so; the next process counts anew."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class DriverNode:
    """One driver of a session, as the report has it.

    methods: the newest reported schema of each exported method, by name.  interfaces: each that it offers, with its
    version.  failure: why it can't be used, or empty.  alias_of: where this is a further name of a driver, the uuid of
    the driver itself; else empty.  attached_at: where the driver's stream was when the session attached; None for a
    driver that does not count, and for an exporter that does not say.
    """

    uuid: str
    path: str
    description: str
    methods: Mapping[str, Mapping[str, Any]]
    caller: Caller
    failure: str = ""
    interfaces: tuple[tuple[str, int], ...] = ()
    alias_of: str = ""
    attached_at: Cursor | None = None
    children: dict[str, "AsyncDriverClient"] = field(default_factory=dict)


class AsyncDriverClient:
    """A driver at the other end of a session.

    Children and exported methods are attributes; a dash in a child's name is an underscore then. A subclass that names
    an interface too has the interface's methods, typed, without writing them; one that was made for no interface passes
    on whatever the report offers, with arguments and results as JSON has them. Type checkers know what the class has
    written or inherited, so that they find what is misspelt; AsyncGenericClient is for those without a class.
    """

    __contract__: ClassVar[bool] = False

    def __init__(self, node: DriverNode) -> None:
        self._node = node

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, DriverInterface):
            for method in methods_of(cls).values():
                if getattr(cls, method.name) is method.function:
                    setattr(cls, method.name, _passing_on(method))

    @property
    def children(self) -> Mapping[str, "AsyncDriverClient"]:
        """The clients of the drivers below this one, by name."""
        return self._node.children

    @property
    def path(self) -> str:
        """Where the driver stands in the tree, dots between names; empty for the root."""
        return self._node.path

    @property
    def epoch(self) -> str:
        """Changes where the exporter's process is replaced: what the driver has kept until then is gone."""
        return self._node.caller.epoch

    @property
    def begins_at(self) -> Cursor | None:
        """Where this session begins to read the driver's stream: at the lease's begin, or where it has attached; None
        where the exporter does not say."""
        return Cursor(0, self.epoch) if self._node.caller.from_lease_begin else self._node.attached_at

    @property
    def attached_at(self) -> Cursor | None:
        """Where the driver's stream was when this session attached; None where the exporter does not say."""
        return self._node.attached_at

    @property
    def is_alias(self) -> bool:
        """Whether this is a further name of a driver that also stands elsewhere in the tree."""
        return bool(self._node.alias_of)

    @property
    def description(self) -> str:
        """What the lab's administrator says of the driver."""
        return self._node.description

    @property
    def methods(self) -> Mapping[str, Mapping[str, Any]]:
        """The reported schema of each exported method, by name."""
        return self._node.methods

    def open(self, method: str, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[ResultStream]:
        """Opens a byte stream of the driver.

        Raises BadArguments before anything is sent; the context raises what the driver refuses. Leaving it before the
        stream's result has arrived cancels the method at the driver.
        """
        schema = self._exported(method)
        arguments = self._encoded(method, args, kwargs)
        return self._node.caller.open(self._node.uuid, method, arguments, bulk=bool(schema.get("bulk")))

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method by name. Cancelling cancels the call at the driver. Raises DriverError."""
        self._exported(method)
        answer = await self._node.caller.call(self._node.uuid, method, self._encoded(method, args, kwargs))
        return self._decoded(method, answer)

    async def call_streaming(self, method: str, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Calls a streaming method by name: its items. Leaving the iterator cancels the call. Raises DriverError."""
        self._exported(method)
        arguments = self._encoded(method, args, kwargs)
        async for item in self._node.caller.call_streaming(self._node.uuid, method, arguments):
            yield self._decoded(method, item)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if (child := child_called(name, self._node.children)) is not None:
                return child
            if name in self._node.methods:
                return _by_kind(self, name, MethodKind(self._node.methods[name]["kind"]))
            raise AttributeError(self._unknown(name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *map(attribute_of, self._node.children), *self._node.methods})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._node.path or 'root'}>"

    def _exported(self, method: str) -> Mapping[str, Any]:
        if self._node.failure:
            raise errors.DriverFailed(f'driver "{self._node.path}" did not start: {self._node.failure}')
        if method not in self._node.methods:
            raise errors.NotExported(self._unknown(method))
        return self._node.methods[method]

    def _unknown(self, name: str) -> str:
        offered = ", ".join([*self._node.children, *self._node.methods]) or "nothing"
        failure = f" (it did not start: {self._node.failure})" if self._node.failure else ""
        return f'driver "{self._node.path or "root"}" has no "{name}"{failure}; it offers: {offered}'

    def _encoded(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        typed = methods_of(type(self)).get(method)
        if typed is not None:
            return typed.codec.encode_arguments(args, kwargs) if args or kwargs else b"{}"
        names = list(self._node.methods[method]["arguments"].get("properties", {}))
        if len(args) > len(names):
            raise errors.BadArguments(f"{method} takes {len(names)} arguments, not {len(args)}")
        return _as_json(method, {**dict(zip(names, args, strict=False)), **kwargs})

    def _decoded(self, method: str, data: bytes) -> Any:
        typed = methods_of(type(self)).get(method)
        return json.loads(data) if typed is None else typed.codec.decode_result(data)


class AsyncGenericClient(AsyncDriverClient):
    """The client of a driver that has no class, or only groups others: type checkers let everything pass."""

    if TYPE_CHECKING:

        @property
        def children(self) -> Mapping[str, Any]: ...

        def __getattr__(self, name: str) -> Any: ...


def attribute_of(child: str) -> str:
    """How a child of this name is reached in Python."""
    return child.replace("-", "_")


def child_called(attribute: str, children: Mapping[str, Child]) -> Child | None:
    """The child that is reached by this attribute: the one of that very name before others."""
    if attribute in children:
        return children[attribute]
    return next((child for name, child in children.items() if attribute_of(name) == attribute), None)


def _as_json(method: str, arguments: Mapping[str, Any]) -> bytes:
    """Arguments whose types only the driver knows: as pydantic writes what JSON has no form of. Raises BadArguments."""
    try:
        return json.dumps(arguments).encode()
    except TypeError:
        from pydantic_core import PydanticSerializationError, to_json  # most calls do without it
    try:
        return to_json(arguments, bytes_mode="base64", inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise errors.BadArguments(f"{method}: {error}; a client class for this driver could send it") from error


def _by_kind(client: AsyncDriverClient, name: str, kind: MethodKind) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if kind is MethodKind.STREAM:
            return client.open(name, *args, **kwargs)
        return (client.call if kind is MethodKind.CALL else client.call_streaming)(name, *args, **kwargs)

    return call


def _passing_on(method: Method) -> Callable[..., Any]:
    """The client's side of an interface's method, for those that the client class does not write itself."""
    passing_on = _PASSING_ON[method.kind](method)
    passing_on.__name__ = method.name
    passing_on.__doc__ = method.description
    return passing_on


def _passing_on_call(method: Method) -> Callable[..., Any]:
    async def call(self: AsyncDriverClient, *args: Any, **kwargs: Any) -> Any:
        return await self.call(method.name, *args, **kwargs)

    return call


def _passing_on_items(method: Method) -> Callable[..., Any]:
    def items(self: AsyncDriverClient, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return self.call_streaming(method.name, *args, **kwargs)

    return items


def _passing_on_bytes(method: Method) -> Callable[..., Any]:
    async def join(self: AsyncDriverClient, stream: ByteStream, *args: Any, **kwargs: Any) -> Any:
        async with self.open(method.name, *args, **kwargs) as remote:
            await _join(stream, remote)
            return method.codec.decode_result(await remote.result())

    return join


_PASSING_ON = {
    MethodKind.CALL: _passing_on_call,
    MethodKind.STREAMING: _passing_on_items,
    MethodKind.STREAM: _passing_on_bytes,
}


async def _join(here: ByteStream, there: ByteStream) -> None:
    """Copies both directions of two byte streams until both have ended."""

    async def copy(source: ByteStream, target: ByteStream) -> None:
        while data := await source.receive():
            await target.send(data)
        await target.send_end()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(copy(here, there), name="bytes to the driver")
        tasks.create_task(copy(there, here), name="bytes from the driver")
