"""Calls methods of drivers: finds them, decodes their arguments, runs them where they belong."""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, NamedTuple

from jumplab.driver import ByteStream, errors
from jumplab.driver.interface import Method
from jumplab.session.host.forwarding import ForwardingDriver
from jumplab.session.host.tree import DriverTree, Node

_THREADS = 64
_END = object()


class Invocation(NamedTuple):
    """A method of a driver with its arguments, ready to run.

    forwarded: the arguments as they came, where the driver passes the call on.
    """

    node: Node
    method: Method
    function: Callable[..., Any]
    arguments: dict[str, Any]
    forwarded: bytes | None = None

    @property
    def place(self) -> str:
        """The method as its author knows it."""
        kind = type(self.node.driver)
        return f"{kind.__module__}.{kind.__qualname__}.{self.method.name}"


class Dispatcher:
    """Runs the methods of a tree's drivers.

    A coroutine runs in the event loop, a plain function in a thread. Calls of an `exclusive` driver enter one at a
    time. A thread can't be cancelled: a cancelled call returns at once, its driver stays busy until the function ends.
    """

    def __init__(self, tree: DriverTree) -> None:
        self._tree = tree
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="driver")

    def close(self) -> None:
        """Takes no new work. Doesn't wait for what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def path_of(self, driver_uuid: str) -> str:
        """Where a driver stands in the tree, "" for one that is not there."""
        node = self._tree.nodes.get(driver_uuid)
        return node.path if node is not None else ""

    def known_names(self, driver_uuid: str, method_name: str) -> tuple[str, str]:
        """The driver's path and the method's name; each is empty if there is none, whatever the client wrote."""
        node = self._tree.nodes.get(driver_uuid)
        if node is None:
            return "", ""
        return node.path, method_name if method_name in node.methods else ""

    def prepare(self, driver_uuid: str, method_name: str, arguments: bytes) -> Invocation:
        """Finds the method and checks its arguments. Raises NotExported, DriverFailed, BadArguments."""
        node = self._tree.nodes.get(driver_uuid)
        if node is None:
            raise errors.NotExported(f"this session has no driver with the uuid {driver_uuid}; attach again")
        if node.failure:
            raise errors.DriverFailed(f'driver "{node.path}" did not start: {node.failure}')
        method = node.methods.get(method_name)
        if method is None:
            offered = ", ".join(node.methods) or "nothing"
            raise errors.NotExported(f'driver "{node.path}" exports no "{method_name}"; it exports: {offered}')
        if isinstance(node.driver, ForwardingDriver) and node.driver.forwards(method_name):
            return Invocation(node, method, node.driver.forward_call, {}, arguments)
        return Invocation(node, method, getattr(node.driver, method_name), method.codec.decode_arguments(arguments))

    async def call(self, invocation: Invocation) -> bytes:
        """Runs a call: its result as JSON. Raises what the driver raises."""
        if (forwarding := _forwarding(invocation)) is not None:
            return await forwarding[0].forward_call(invocation.method, forwarding[1])
        if not _is_coroutine(invocation.function):
            result = await self._in_thread(invocation, functools.partial(invocation.function, **invocation.arguments))
        elif invocation.node.driver.exclusive:
            async with invocation.node.state.entering:
                result = await invocation.function(**invocation.arguments)
        else:
            result = await invocation.function(**invocation.arguments)
        if inspect.isawaitable(result):  # of a decorated coroutine function, which does not look like one
            async with _turn(invocation.node):
                result = await result
        return invocation.method.codec.encode_result(result)

    async def items(self, invocation: Invocation) -> AsyncGenerator[bytes, None]:
        """Runs a streaming call: its items as JSON. Raises what the driver raises. Closing it closes the driver's."""
        if (forwarding := _forwarding(invocation)) is not None:
            async with aclosing(forwarding[0].forward_items(invocation.method, forwarding[1])) as passed_on:
                async for encoded in passed_on:
                    yield encoded
            return
        produced = invocation.function(**invocation.arguments)
        if isinstance(produced, AsyncIterator):
            async with _turn(invocation.node), _closing(produced):
                async for item in produced:
                    yield invocation.method.codec.encode_result(item)
            return
        iterator: Iterator[Any] = _iterator(produced, invocation)
        while (item := await self._in_thread(invocation, functools.partial(next, iterator, _END))) is not _END:
            yield invocation.method.codec.encode_result(item)

    async def serve_stream(self, invocation: Invocation, stream: ByteStream) -> bytes:
        """Runs a byte stream's method on `stream`: its result as JSON. Raises what the driver raises."""
        if (forwarding := _forwarding(invocation)) is not None:
            return await forwarding[0].forward_stream(invocation.method, forwarding[1], stream)
        produced = invocation.function(stream, **invocation.arguments)
        if not inspect.isawaitable(produced):
            raise errors.DriverDefect(f"{invocation.place} must be `async def`, for it is the method of a byte stream")
        result = await produced
        return invocation.method.codec.encode_result(result)

    async def _in_thread(self, invocation: Invocation, work: Callable[[], Any]) -> Any:
        node, running = invocation.node, object()
        if node.driver.exclusive:
            await node.state.entering.acquire()
        submitted = self._threads.submit(contextvars.copy_context().run, _result_of, work)
        done = asyncio.wrap_future(submitted)
        node.state.running.add(running)

        def leave(_: object) -> None:
            node.state.running.discard(running)
            if node.driver.exclusive:
                node.state.entering.release()

        done.add_done_callback(leave)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            submitted.cancel()  # one that no thread was free for yet never begins
            raise


def _forwarding(invocation: Invocation) -> tuple[ForwardingDriver, bytes] | None:
    """Who passes the call on, and its arguments; None where the driver's own code runs here."""
    driver = invocation.node.driver
    if invocation.forwarded is None or not isinstance(driver, ForwardingDriver):
        return None
    return driver, invocation.forwarded


def _result_of(work: Callable[[], Any]) -> Any:
    """Raises what it raises, but for what means something else where it comes out of a future."""
    try:
        return work()
    except (StopIteration, GeneratorExit, asyncio.CancelledError) as error:
        raise RuntimeError(f"its code has raised {type(error).__name__}") from error


def _iterator(produced: Any, invocation: Invocation) -> Iterator[Any]:
    if not isinstance(produced, Iterable):
        raise errors.DriverDefect(
            f"{invocation.place} must give its items by `yield`, or return them; it returned {produced!r}"
        )
    return iter(produced)


def _is_coroutine(function: Callable[..., Any]) -> bool:
    """As inspect says it, which takes several times as long for what is one."""
    code = getattr(function, "__code__", None)
    return bool(code and code.co_flags & inspect.CO_COROUTINE) or inspect.iscoroutinefunction(function)


def _closing(produced: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    return aclosing(produced) if isinstance(produced, AsyncGenerator) else nullcontext()


def _turn(node: Node) -> AbstractAsyncContextManager[Any]:
    return node.state.entering if node.driver.exclusive else nullcontext()
