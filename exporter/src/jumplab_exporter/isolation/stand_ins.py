"""What stands in the exporter's tree for drivers that run in another process."""

import abc
import asyncio
import inspect
import json
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self, cast

from jumplab.driver import ByteStream, Driver, errors
from jumplab.driver.driver import DriverLog
from jumplab.driver.interface import Method, MethodKind, interfaces_of, methods_of
from jumplab.driver.mistakes import mistake_of, unbuilt
from jumplab.drivers.console import ConsoleInterface, ConsoleState
from jumplab.session.client.session import Session
from jumplab.session.host import FailedDriver
from jumplab.session.host.forwarding import ForwardingDriver
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.isolation.child import Task
from jumplab_exporter.isolation.passing_on import Passage
from jumplab_exporter.isolation.supervisor import Supervisor
from jumplab_exporter.isolation.units import Unit

_OF_CONSOLES = ("attach", "state")
"""The methods of consoles that are answered from the buffer."""


class StandIn(ForwardingDriver):
    """Has the contract of a driver that runs in another process. Subclasses of it are made by `stand_ins_of`."""

    def __init__(self, driver: Driver, supervisor: Supervisor, passage: Passage, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._stands_for = driver
        self._supervisor = supervisor
        self._passage = passage
        self.description = driver.description
        self.methods_description = driver.methods_description

    @property
    def has_check(self) -> bool:
        return self._stands_for.has_check

    async def check(self) -> None:
        await self._passage.check(json.dumps({"path": self._of_log("driver_path")}).encode())

    async def __aenter__(self) -> Self:
        self._supervisor.paths[self._uuid] = self._of_log("driver_path")
        await self._supervisor.enter()
        try:
            await self._check_started()
            return await super().__aenter__()
        except BaseException:
            await self._supervisor.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            await self._supervisor.leave()

    async def _check_started(self) -> None:
        """Raises DriverFailed where the driver itself did not start."""
        failure = (await self._supervisor.running()).session.failures.get(self._uuid, "")
        if failure:
            raise errors.DriverFailed(failure)

    @property
    def _uuid(self) -> str:
        return self._of_log("driver_uuid")

    def _of_log(self, name: str) -> str:
        assert isinstance(self.log, DriverLog)  # the tree gives it before the set-up
        return str((self.log.extra or {})[name])

    async def forward_call(self, method: Method, arguments: bytes) -> bytes:
        return await self._passage.call(self._uuid, method.name, arguments)

    def forward_items(self, method: Method, arguments: bytes) -> AsyncGenerator[bytes, None]:
        return self._passage.items(self._uuid, method.name, arguments)

    async def forward_stream(self, method: Method, arguments: bytes, stream: ByteStream) -> bytes:
        return await self._passage.stream(self._uuid, method, arguments, stream)


class ConsoleStandIn(StandIn, BufferedConsole):
    """A console that runs in another process, with its buffer here: what was read outlives that process."""

    def forwards(self, method: str) -> bool:
        return method not in _OF_CONSOLES

    async def state(self) -> ConsoleState:
        kept = self._buffer.state
        try:
            there = json.loads(await self._passage.call(self._uuid, "state", b"{}"))
            unavailable = str(there["unavailable"])
        except ConnectionError as error:
            unavailable = str(error)
        return ConsoleState(kept.start_offset, kept.end_offset, kept.dropped_bytes, unavailable)

    async def _read_until_closed(self) -> None:
        """One process after the other; each begins its console at offset 0."""
        while True:
            try:
                running = await self._supervisor.running()
            except ConnectionError as error:
                self.log.error("the console is not read any more: %s", error)
                return
            try:
                await self._read_all(running.session)
            except (errors.DriverError, OSError) as error:
                self.log.debug("the console's stream from its process ended: %s", error)
            await asyncio.shield(running.end)

    async def _read_all(self, session: Session) -> None:
        """Reads the console of one process. Returns when that gives no more."""
        offset: int | None = 0
        while offset is not None:
            arguments = json.dumps({"offset": offset}).encode()
            async with session.open(self._uuid, "attach", arguments, bulk=False) as stream:
                await self._listen(_StreamPort(stream))
                await stream.send_end()
                gap = json.loads(await stream.result())
            offset = None if gap is None else gap["offset"] + gap["size_bytes"]


class _StreamPort:
    """A console's stream from another process: a Port."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self) -> bytes:
        return await self._stream.receive()

    async def write(self, data: bytes) -> None:
        await self._stream.send(data)

    async def aclose(self) -> None:
        """Its owner closes the stream."""


def place_stand_ins(
    drivers: Mapping[str, Driver], units: Iterable[Unit], scope: str, note_incident: Callable[[str, str], None]
) -> dict[str, Driver]:
    """The drivers of an exporter, with stand-ins for those of the units; these share a process, which is not started
    yet.  scope: of the drivers' uuids.  note_incident: as a Supervisor calls it.
    """
    placed = dict(drivers)
    for unit in units:
        level = logging.getLogger().getEffectiveLevel()
        task = Task(unit.entries, scope, unit.memory_bytes, level, tuple(sys.path))
        supervisor = Supervisor(task, unit.title, note_incident)
        place = _Placing(supervisor, Passage(supervisor, unit.memory_bytes))
        placed.update({name: place.stand_in(drivers[name]) for name in unit.entries})
    return placed


class _Placing:
    """Makes the stand-ins of one unit: one for each driver, however often that is in the tree."""

    def __init__(self, supervisor: Supervisor, passage: Passage) -> None:
        self._supervisor = supervisor
        self._passage = passage
        self._made: dict[int, Driver] = {}

    def stand_in(self, driver: Driver) -> Driver:
        """The driver itself where it can't be used, and will not be set up."""
        if unbuilt(driver) or isinstance(driver, FailedDriver) or mistake_of(type(driver)):
            return driver
        if id(driver) not in self._made:
            settings = {}
            if isinstance(driver, BufferedConsole):
                settings = {"memory_kib": driver.memory_kib, "disk_mib": driver.disk_mib}
            made = self._made[id(driver)] = _class_of(cast("Any", type(driver)))(
                driver, self._supervisor, self._passage, **settings
            )
            made.children = {name: self.stand_in(child) for name, child in driver.children.items()}
        return self._made[id(driver)]


@cache
def _class_of(driver: Any) -> Callable[..., StandIn]:
    """The class of the stand-ins for drivers of a class: it has the same interfaces."""
    base = ConsoleStandIn if issubclass(driver, ConsoleInterface) else StandIn
    answered = _OF_CONSOLES if base is ConsoleStandIn else ()
    contracts = interfaces_of(driver)
    own = [each for each in contracts if not any(each is not other and issubclass(other, each) for other in contracts)]
    stubs = {name: _stub(driver, method) for name, method in methods_of(driver).items() if name not in answered}
    names = {"__module__": driver.__module__, "__qualname__": driver.__qualname__}
    made: Callable[..., StandIn] = abc.ABCMeta(driver.__name__, (base, *own), {**names, **stubs})
    return made


def _stub(driver: type[Driver], method: Method) -> Any:
    """What a report looks at, and nobody calls: the calls are passed on."""

    async def stub(self: StandIn, *_: Any, **__: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}.{method.name} runs in another process")

    async def items(self: StandIn, **_: Any) -> AsyncIterator[None]:
        await stub(self)
        yield None

    made: Any = items if method.kind is MethodKind.STREAMING else stub
    made.__signature__ = inspect.signature(getattr(driver, method.name))
    made.__name__ = method.name
    return made
