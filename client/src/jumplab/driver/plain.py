"""What test authors hold, for plain code: each client wraps its asyncio twin."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import new_class
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from jumplab.driver.client import AsyncDriverClient, AsyncGenericClient, ResultStream, child_called
from jumplab.driver.interface import DriverInterface
from jumplab.driver.portal import Portal
from jumplab.driver.sending import PlainSending

Client = TypeVar("Client", bound="DriverClient")


class PlainStream:
    """A byte stream of a driver, for plain code: jumplab.driver.ByteStream with waits that block."""

    def __init__(self, stream: ResultStream, portal: Portal) -> None:
        self._stream = stream
        self._portal = portal
        self._sending = PlainSending(stream, portal)

    @classmethod
    @contextmanager
    def entered(cls, stream: ResultStream, portal: Portal) -> Iterator["PlainStream"]:
        """One whose bytes have all been taken when the context is left, unless it is left by an error."""
        plain = cls(stream, portal)
        try:
            yield plain
            plain._sending.flush()
        finally:
            plain._sending.give_up()

    def receive(self) -> bytes:
        """The next bytes; b"" once the driver has ended its direction. Raises DriverError."""
        return self._portal.run(self._stream.receive())

    def send(self, data: bytes) -> None:
        """Sends all of `data`; it may still be on its way when this returns, behind 1 MiB at the most.

        Raises DriverError, also for what an earlier call has sent; so do `send_end` and leaving the stream.
        """
        self._sending.send(data)

    def send_end(self) -> None:
        """Ends this direction. A second call does nothing."""
        self._sending.flush()
        self._portal.run(self._stream.send_end())

    def result(self) -> bytes:
        """Waits for the driver's method to end: its result as JSON. Raises what it raised, as a DriverError."""
        return self._portal.run(self._stream.result())


class DriverClient:
    """A driver at the other end of a session, for plain code.

    Children and exported methods are attributes; a dash in a child's name is an underscore then. A subclass may set
    `asynchronous` to its asyncio twin, else it has one without methods of its own. Standard ones are generated from
    theirs (`make generate`); others may leave their methods to this class, which passes them on. Type checkers know the
    written ones alone, so that they find what is misspelt; GenericClient is for drivers without a class.
    """

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncDriverClient

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = cls.__name__
        if issubclass(cls, DriverInterface):
            raise TypeError(
                f"{cls.__module__}.{name} is for plain code, and an interface's methods are asynchronous; write "
                f"class {name}(DriverClient), and leave the interface's methods to it"
            )
        if "asynchronous" not in vars(cls):
            twin: Any = new_class(f"Async{name}", (cls.asynchronous,))
            twin.__module__ = cls.__module__
            cls.asynchronous = twin

    def __init__(self, twin: AsyncDriverClient, portal: Portal) -> None:
        self._twin = twin
        self._portal = portal
        self._children = {name: plain_twin_of(child, portal) for name, child in twin.children.items()}

    @property
    def children(self) -> Mapping[str, "DriverClient"]:
        """The clients of the drivers below this one, by name."""
        return self._children

    @property
    def path(self) -> str:
        """Where the driver stands in the tree, dots between names; empty for the root."""
        return self._twin.path

    @property
    def epoch(self) -> str:
        """Changes where the exporter's process is replaced: what the driver has kept until then is gone."""
        return self._twin.epoch

    @property
    def description(self) -> str:
        """What the lab's administrator says of the driver."""
        return self._twin.description

    @property
    def methods(self) -> Mapping[str, Mapping[str, Any]]:
        """The reported schema of each exported method, by name."""
        return self._twin.methods

    @contextmanager
    def open(self, method: str, *args: Any, **kwargs: Any) -> Iterator[PlainStream]:
        """Opens a byte stream of the driver: AsyncDriverClient.open for plain code."""
        with self._entered(self._twin.open(method, *args, **kwargs)) as stream:
            yield stream

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method by name. Ctrl-C cancels the call at the driver. Raises DriverError."""
        return self._portal.run(self._twin.call(method, *args, **kwargs))

    def call_streaming(self, method: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Calls a streaming method by name: its items. Leaving the iterator cancels the call. Raises DriverError."""
        return self._portal.iterate(self._twin.call_streaming(method, *args, **kwargs))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if (child := child_called(name, self._children)) is not None:
                return child
            attribute = getattr(self._twin, name)
            return self._passing_on(attribute) if callable(attribute) else attribute

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._twin)})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path or 'root'}>"

    def _passing_on(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            outcome = function(*args, **kwargs)
            if inspect.iscoroutine(outcome):
                return self._portal.run(outcome)
            if isinstance(outcome, AsyncIterator):
                return self._portal.iterate(outcome)
            if hasattr(outcome, "__aenter__"):
                return self._entered(outcome)
            return outcome

        return call

    @contextmanager
    def _entered(self, context: Any) -> Iterator[Any]:
        with self._portal.entered(context) as value:
            if not hasattr(value, "result"):
                yield value
                return
            with PlainStream.entered(value, self._portal) as stream:
                yield stream


class GenericClient(DriverClient):
    """The client of a driver that has no class, or only groups others: type checkers let everything pass."""

    asynchronous: ClassVar[type[AsyncDriverClient]] = AsyncGenericClient

    if TYPE_CHECKING:

        @property
        def children(self) -> Mapping[str, Any]: ...

        def __getattr__(self, name: str) -> Any: ...


@overload
def plain_twin_of(client: AsyncGenericClient, portal: Portal) -> GenericClient: ...
@overload
def plain_twin_of(client: AsyncDriverClient, portal: Portal) -> DriverClient: ...
def plain_twin_of(client: AsyncDriverClient, portal: Portal) -> DriverClient:
    """The plain client of the driver that `client` holds: of the class that names its twin, else the generic one."""
    return plain_class_of(type(client))(client, portal)


def plain_class_of(asynchronous: type[AsyncDriverClient]) -> type[DriverClient]:
    """The DriverClient class whose `asynchronous` is this class; the generic one where there is none."""
    pending: list[type[DriverClient]] = [DriverClient]
    while pending:
        candidate = pending.pop()
        if candidate.__dict__.get("asynchronous") is asynchronous:
            return candidate
        pending.extend(candidate.__subclasses__())
    return GenericClient
