"""The drivers of one lease, and what the exporter reports of them."""

import asyncio
import inspect
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from jumplab.driver.driver import Driver, DriverLog
from jumplab.driver.interface import DriverInterface, Method, interfaces_of, methods_of, name_of, version_of
from jumplab.driver.mistakes import mistake_of, unbuilt
from jumplab.drivers.composite.interface import CompositeInterface
from jumplab.protocol.labels import ALIAS_LABEL, CLIENT_LABEL, NAME_LABEL
from jumplab.protocol.v1.common_pb2 import DriverInstanceReport, InterfaceReport
from jumplab.session.call_errors import sentence_of
from jumplab.session.host.driver_logs import EarlyLines, speaking, traceback_of
from jumplab.session.host.keeping import Keeper, is_of_driver

_UUIDS = uuid.UUID("9f0d3e1c-2f0b-4a53-8f6d-6d1f4b9f5c55")
_CANCELLED_BOUND_SECONDS = 2.0


class FailedDriver(Driver):
    """Stands where a driver could not be built.  reason: why, as a sentence;  fault: what its own code raised."""

    reason: str

    def __init__(self, *, reason: str, fault: BaseException | None = None) -> None:
        super().__init__(reason=reason)
        self.fault = fault


class _Root(CompositeInterface, Driver):
    """The tree of the exporter's drivers."""


@dataclass(slots=True)
class DriverState:
    """The state of one driver, however often it is in the tree.

    failure: why it can't be used, or empty.  entering: the lock of an `exclusive` driver's calls.  running: its calls
    that have not ended: threads can't be cancelled, and a coroutine may go on although it was.
    """

    failure: str
    entering: asyncio.Lock = field(default_factory=asyncio.Lock)
    running: set[object] = field(default_factory=set)

    @contextmanager
    def call_running(self) -> Iterator[None]:
        """A call of it runs inside."""
        call = object()
        self.running.add(call)
        try:
            yield
        finally:
            self.running.discard(call)


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree.  path: names from the root, dots between, empty for the root."""

    uuid: str
    parent: "Node | None"
    name: str
    path: str
    driver: Driver
    state: DriverState

    @property
    def failure(self) -> str:
        """Why its driver can't be used, or empty."""
        return self.state.failure

    @property
    def methods(self) -> Mapping[str, Method]:
        return methods_of(type(self.driver))

    @property
    def depth(self) -> int:
        """How many drivers stand above it."""
        return 0 if self.parent is None else self.parent.depth + 1


@dataclass(frozen=True, slots=True)
class Trial:
    """How one driver did when it was tried.

    has_check: a health check of its own, not its set-up alone.  seconds: for its set-up and its check.  failure: why it
    doesn't work, or empty.
    """

    node: Node
    has_check: bool
    seconds: float
    failure: str


class DriverTree:
    """The drivers of one session: built, set up, torn down as one.

    root: the exported drivers by name.  scope: the exporter's name; uuids follow from it and from a driver's path, so
    they are the same for each lease. A driver may be in the tree several times; its own node is the deepest.

    Entering sets up parents before children. One that raises, or takes longer than a minute, is reported as failed, and
    everything below it; the others go on. Leaving tears down in the opposite order, gives each driver half a minute,
    and never raises. Where entering is cancelled, the drivers that are set up by then are torn down in the same way.
    Where leaving is cancelled, it returns two seconds later, and the tear-down goes on by itself.

    on_failure: called with a path and a sentence when a driver's own code has ended it while it was in use.
    """

    def __init__(self, root: Mapping[str, Driver], *, scope: str, description: str = "") -> None:
        top = _Root()
        top.children = dict(root)
        top.description = description
        self.root = Node(_uuid(scope, ""), None, "", "", top, DriverState(""))
        self.nodes: dict[str, Node] = {node.uuid: node for node in _walk(self.root, scope, {})}
        deepest = {id(node.driver): node for node in sorted(self.nodes.values(), key=lambda node: node.depth)}
        self._homes = sorted(deepest.values(), key=lambda node: node.depth)
        self._keepers: list[tuple[Node, Keeper]] = []
        self._early_lines = EarlyLines(self.nodes)
        self._tearing_down: asyncio.Task[None] | None = None
        self._set_up_seconds: dict[str, float] = {}
        self.on_failure: Callable[[str, str], None] = lambda _path, _sentence: None

    def reports(self) -> list[DriverInstanceReport]:
        """The report of the drivers for a client, parents first."""
        homes = {id(node.driver): node.uuid for node in self._homes}
        return [_report(node, homes[id(node.driver)]) for node in self.nodes.values()]

    def end_offsets(self) -> dict[str, int]:
        """How much each driver's stream has given by now, by uuid; of those that count it."""
        offsets = {node.uuid: node.driver.end_offset() for node in self.nodes.values() if not node.failure}
        return {node_uuid: offset for node_uuid, offset in offsets.items() if offset is not None}

    def failures(self) -> dict[str, str]:
        """Why drivers can't be used, by path."""
        return {node.path: node.failure for node in self.nodes.values() if node.failure}

    def busy(self) -> list[str]:
        """The paths of drivers whose code is still running in a call, in its set-up or in its tear-down."""
        kept = {node.path for node, keeper in self._keepers if keeper.is_running}
        return [node.path for node in self._homes if node.state.running or node.path in kept]

    def has_checks(self) -> bool:
        """Whether a driver has a health check of its own."""
        return any(_checks(node) and not node.failure for node in self._homes)

    async def check(self) -> str:
        """Has each driver make its health check: what the first failure was, as a sentence, or "".

        One that has a check and was not set up has failed it.
        """
        for node in self._homes:
            if _checks(node) and (failure := node.failure or await _check(node)):
                return f'driver "{node.path}": {failure}'
        return ""

    async def trials(self) -> AsyncIterator[Trial]:
        """Each driver, parents first, when its health check is made; all of them, also after a failure.

        A driver without a check has been tried by its set-up.
        """
        for node in self._homes:
            if node is self.root:
                continue
            began, has_check = time.monotonic(), _checks(node)
            failure = node.failure or (await _check(node) if has_check else "")
            seconds = self._set_up_seconds.get(node.path, 0.0) + time.monotonic() - began
            yield Trial(node, has_check, seconds, failure)

    def take_early_lines(self) -> list[logging.LogRecord]:
        """What the drivers have logged while they were set up; from now on that is for the caller to hear."""
        return self._early_lines.take()

    async def __aenter__(self) -> Self:
        self._early_lines.listen()
        try:
            for node in self._homes:
                node.driver.log = DriverLog(logging.getLogger(f"jumplab.driver.{node.path}"), node.uuid, node.path)
                if node.parent is not None and node.parent.failure and not node.failure:
                    node.state.failure = f'"{node.parent.path}" above it did not start'
                if not node.failure:
                    await self._enter(node)
        except asyncio.CancelledError:
            await self.__aexit__(None, None, None)  # those that are set up already
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tearing_down = asyncio.create_task(self._tear_down(), name="tearing down drivers")
        try:
            await asyncio.shield(self._tearing_down)
        except asyncio.CancelledError:
            await asyncio.wait([self._tearing_down], timeout=_CANCELLED_BOUND_SECONDS)
            raise

    async def _tear_down(self) -> None:
        for _, keeper in reversed(self._keepers):
            await keeper.tear_down()
        self._early_lines.take()

    async def _enter(self, node: Node) -> None:
        def failed(reason: str) -> None:
            node.state.failure = reason
            self.on_failure(node.path, reason)

        keeper = Keeper(node.driver, node.path, failed)
        self._keepers.append((node, keeper))
        began = time.monotonic()
        node.state.failure = await keeper.set_up()
        self._set_up_seconds[node.path] = time.monotonic() - began


def _checks(node: Node) -> bool:
    """Whether the driver has a health check; a contract's method of that name is a call like others."""
    return node.driver.has_check and "check" not in methods_of(type(node.driver))


async def _check(node: Node) -> str:
    """The finding of one driver's check."""
    try:
        with speaking(node.path):
            await node.driver.check()
    except BaseException as error:  # a driver's own code; what it raises is what it found
        if not is_of_driver(error):
            raise
        if traceback := traceback_of(error, node.driver.log):
            node.driver.log.error("its health check failed", exc_info=traceback)
        return sentence_of(error)
    return ""


def _walk(node: Node, scope: str, states: dict[int, DriverState]) -> Iterator[Node]:
    yield node
    for name, given in node.driver.children.items():
        child = FailedDriver(reason=reason) if (reason := unbuilt(given)) else given
        path = f"{node.path}.{name}" if node.path else name
        if id(child) not in states:
            reason = child.reason if isinstance(child, FailedDriver) else mistake_of(type(child))
            states[id(child)] = DriverState(reason)
        yield from _walk(Node(_uuid(scope, path), node, name, path, child, states[id(child)]), scope, states)


def _uuid(scope: str, path: str) -> str:
    return str(uuid.uuid5(_UUIDS, f"{scope}/{path}"))


def _report(node: Node, home_uuid: str) -> DriverInstanceReport:
    interfaces = interfaces_of(type(node.driver)) if not mistake_of(type(node.driver)) else []
    report = DriverInstanceReport(
        uuid=node.uuid,
        description=_text(node.driver.description),
        methods_description=_descriptions(node.driver, interfaces),
        interfaces=[_interface_report(node.driver, interface) for interface in interfaces],
        failure=node.failure,
    )
    if home_uuid != node.uuid:
        report.labels[ALIAS_LABEL] = home_uuid
    if node.parent is not None:
        report.parent_uuid = node.parent.uuid
        report.labels[NAME_LABEL] = node.name
    client = next((interface.client for interface in interfaces if interface.client), "")
    if client:
        report.labels[CLIENT_LABEL] = client
    return report


def _text(description: object) -> str:
    """A driver's description; what a mistaken class has in its place is none."""
    return description if isinstance(description, str) else ""


def _descriptions(driver: Driver, interfaces: list[type[DriverInterface]]) -> dict[str, str]:
    methods = [method for interface in interfaces for method in methods_of(interface).values()]
    described = {method.name: _description(driver, method) for method in methods}
    return {name: description for name, description in described.items() if description}


def _description(driver: Driver, method: Method) -> str:
    """The administrator's description of the method, else its author's."""
    return driver.methods_description.get(method.name) or method.description


def _interface_report(driver: Driver, interface: type[DriverInterface]) -> InterfaceReport:
    methods = methods_of(interface)
    schema = {
        name: {**_schema_of(method, type(driver)), "description": _description(driver, method)}
        for name, method in methods.items()
    }
    return InterfaceReport(
        name=name_of(interface), version=version_of(interface), schema=json.dumps(schema), client=interface.client
    )


def _schema_of(method: Method, kind: type[Driver]) -> dict[str, Any]:
    """A method's schema, without the arguments that the interface has gained since the driver was written."""
    schema = method.schema()
    taken = inspect.signature(getattr(kind, method.name)).parameters
    properties: dict[str, Any] = schema["arguments"].get("properties", {})
    if properties.keys() <= taken.keys() or any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return schema
    known = {name: argument for name, argument in properties.items() if name in taken}
    return {**schema, "arguments": {**schema["arguments"], "properties": known}}
