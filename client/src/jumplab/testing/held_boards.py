"""A board that a run of pytest holds, and how it gets one: `open_board`."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from jumplab.client import acquiring, leasing, sessions
from jumplab.client.acquiring import AcquiredLease
from jumplab.client.arguments import as_config, as_duration
from jumplab.client.board_fitting import async_board, check_fit, plain_board
from jumplab.client.boards import AsyncBoard, Board, check_board
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller, Wanted
from jumplab.client.errors import ConfigurationError
from jumplab.client.gangs import parse_members, parse_wanted, root_of
from jumplab.client.local_exporter import LocalDrivers, local_drivers
from jumplab.client.sessions import reconnect_within
from jumplab.client.views import LeaseView
from jumplab.driver import AsyncDriverClient, AsyncGenericClient, DriverClient, GenericClient, Portal
from jumplab.driver.plain import plain_twin_of
from jumplab.session.client import ClientClasses
from jumplab.strategies.core import Progress, StrategyCore
from jumplab.testing.asked_boards import AskedBoard, BoardMarker

_log = logging.getLogger("jumplab.client.leasing")


@dataclass(frozen=True, slots=True)
class BoardLease:
    """The lease of the board, as it was when it was ready. A board without a controller has none: its name is empty.

    exporter: the name of its exporter; of several, all their names with commas between.  exporters: of several, the
    name of each by its member's.  end: when it ends unless it is extended, in UTC.
    """

    name: str
    exporter: str
    exporters: Mapping[str, str]
    end: datetime | None
    client: str


@dataclass(frozen=True, slots=True)
class HeldDriver:
    """A driver of a board that is held.  path: with the member's name, of several boards.  clients: all of it."""

    path: str
    clients: list[AsyncDriverClient]


@dataclass
class HeldBoard:
    """A board that is held, or several: the drivers' root for plain code, and its lease.

    began: whether a test has had it already.  boards: those of a class that were made of it.  progress: what all
    its strategies share.  strategies: those that were made, by class.
    """

    root: GenericClient
    portal: Portal
    lease: BoardLease
    began: bool = False
    boards: list[Board | AsyncBoard] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    strategies: dict[type, StrategyCore[Any, Any]] = field(default_factory=dict)
    _source: "_Leased | LocalDrivers" = field(kw_only=True)

    def board(self, classes: list[type]) -> Any:
        """A board of the first class for plain code, else the root. Raises BoardMismatch, ConfigurationError."""
        if (board := _first(classes, Board)) is None:
            return self.root
        if (known := next((each for each in self.boards if type(each) is board), None)) is not None:
            return known
        check_board(board, list(self.lease.exporters))
        check_fit(board, self.root._twin, self._exporters)
        made = plain_board(board, self.root, self.portal)
        self.boards.append(made)
        return made

    def attached(self, classes: list[type]) -> AbstractAsyncContextManager[Any]:
        """A board of the first class for asyncio, else the drivers' root, in a session of the caller's event loop."""
        board = _first(classes, AsyncBoard)
        if isinstance(self._source, LocalDrivers):
            return _attached_locally(self._source, board)
        attached: AbstractAsyncContextManager[Any] = leasing.attach(
            self.lease.name, board=board, client=self._source.config
        )
        return attached

    def board_in_portal(self, board: type[AsyncBoard] | None) -> Any:
        """A board for asyncio in the portal's event loop, else the drivers' root there. Raises BoardMismatch."""
        if board is None:
            return self.root._twin
        check_board(board, list(self.lease.exporters))
        check_fit(board, self.root._twin, self._exporters)
        made = async_board(board, self.root._twin)
        self.boards.append(made)
        return made

    def mismatch(self, marker: BoardMarker) -> str:
        """Why it is not what a marker asks for; empty where it is. Raises TransportError, ConfigurationError."""
        members = parse_members(dict(marker.members))
        wanted = members or ({"": parse_wanted(marker.selector)} if marker.selector else {})
        if isinstance(self._source, LocalDrivers):
            return f"{self._source.file} is a board without a controller, and has no labels" if wanted else ""
        return self.portal.run(_mismatch(self._source.controller, self._exporters, wanted))

    @property
    def _exporters(self) -> Mapping[str, str]:
        return self.lease.exporters or {"": self.lease.exporter}

    def drivers(self) -> list["HeldDriver"]:
        """Every driver, with all the clients of it that a test may have."""
        found: dict[str, HeldDriver] = {}
        _collect(self.root._twin, "", found)
        for board in self.boards:
            _collect_of_board(board, found)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class _Leased:
    """Where a leased board comes from."""

    config: ClientConfig
    controller: Controller


@contextmanager
def open_board(asked: AskedBoard) -> Iterator[HeldBoard]:
    """Leases what is asked for, attaches to the lease that it names, or starts an exporter for its file, for as long as
    the context lasts.

    Every board of the plugin comes from here. Raises what `jumplab.lease` or `jumplab.local` and its context raise.
    """
    opened = _started(asked.exporter_config) if asked.exporter_config else _leased(asked, as_config(asked.client))
    with Portal() as portal, portal.entered(opened) as (source, lease, root):
        held = HeldBoard(plain_twin_of(root, portal), portal, lease, _source=source)
        if asked.lease and (why := _unfit(held, asked)):
            raise ConfigurationError(
                f'lease "{asked.lease}", which JUMPLAB_LEASE names, is not what was asked for: {why}; ask for nothing '
                "else, or unset JUMPLAB_LEASE"
            )
        yield held


_Opened = tuple[_Leased | LocalDrivers, BoardLease, AsyncGenericClient]


@asynccontextmanager
async def _leased(asked: AskedBoard, config: ClientConfig) -> AsyncIterator[_Opened]:
    async with (
        Controller.connected(config) as controller,
        _acquiring(asked, config)(controller) as acquired,
        root_of(
            controller,
            acquired,
            config.drivers,
            reconnect_within(config, None),
            from_lease_begin=not asked.lease,
            busy=True,
        ) as root,
    ):
        yield _Leased(config, controller), _lease_of(acquired.lease), root


@asynccontextmanager
async def _started(file: str) -> AsyncIterator[_Opened]:
    async with (
        local_drivers(file) as source,
        # The file is the user's own, and so is whatever client class its drivers name.
        source.attached(ClientClasses(unsafe=True), "pytest") as session,
    ):
        session.on_log = partial(sessions.log, session)
        yield source, BoardLease("", source.exporter_name, {}, None, ""), session.root


@asynccontextmanager
async def _attached_locally(source: LocalDrivers, board: type[AsyncBoard] | None) -> AsyncIterator[Any]:
    async with source.attaching(ClientClasses(unsafe=True), "pytest") as session:
        if board is None:
            yield session.root
            return
        check_board(board)
        check_fit(board, session.root, {"": source.exporter_name})
        yield async_board(board, session.root)


def _acquiring(
    asked: AskedBoard, config: ClientConfig
) -> Callable[[Controller], AbstractAsyncContextManager[AcquiredLease]]:
    """How the lease is acquired. Raises ConfigurationError."""
    wait = None if asked.wait is None else as_duration("--jumplab-wait", asked.wait)
    timeout = wait or config.patience.wait_timeout
    if asked.lease:
        return lambda controller: acquiring.joined(controller, asked.lease, timeout=timeout, notify=_log.info)
    request = acquiring.make_request(
        config,
        selector=asked.selector,
        exporter=asked.exporter,
        members=parse_members(dict(asked.members)),
        duration=as_duration("--jumplab-duration", asked.duration),
        name=asked.name,
        max_duration=None if asked.max_duration is None else as_duration("--jumplab-max", asked.max_duration),
        release_after_detached=acquiring.detached_limit(interactive=False),
        tags=dict(asked.tags),
    )
    return lambda controller: acquiring.acquired(controller, request, timeout=timeout, notify=_log.info)


def _unfit(held: HeldBoard, asked: AskedBoard) -> str:
    if asked.members or not asked.exporter:
        return held.mismatch(BoardMarker(asked.selector, asked.members))
    return held.mismatch(BoardMarker(f"@{asked.exporter}")) or held.mismatch(BoardMarker(asked.selector))


async def _mismatch(controller: Controller, exporters: Mapping[str, str], wanted: Mapping[str, Wanted]) -> str:
    if not wanted.keys() <= exporters.keys():
        asked = " and ".join(wanted) if "" not in wanted else "one board"
        return f"{asked} asked for, and there is {' and '.join(exporters) or 'one board'}"
    for name, each in wanted.items():
        exporter = exporters[name]
        if each.exporter and each.exporter != exporter:
            return f'exporter "{exporter}" is not "{each.exporter}"'
        if each.selector and exporter not in [found.name for found in await controller.exporters(each.selector)]:
            return f'exporter "{exporter}" does not match {each.selector}'
    return ""


def _lease_of(view: LeaseView) -> BoardLease:
    exporters = {member.name: member.exporter for member in view.members}
    names = ", ".join(exporters.values()) or view.exporter
    return BoardLease(view.name, names, exporters, view.end or view.expected_end, view.client)


def _first(classes: list[type], kind: type) -> Any:
    """The first class of that kind. Raises ConfigurationError for one that is no board's."""
    for each in classes:
        if not issubclass(each, Board | AsyncBoard):
            raise ConfigurationError(
                f"the board's class {each.__qualname__} is not derived from jumplab.Board or jumplab.AsyncBoard"
            )
    return next((each for each in classes if issubclass(each, kind)), None)


def _collect(parent: AsyncDriverClient, path: str, found: dict[str, HeldDriver]) -> None:
    for name, child in parent.children.items():
        driver = found.setdefault(child._node.uuid, HeldDriver(f"{path}{name}", []))
        driver.clients.append(child)
        _collect(child, f"{path}{name}.", found)


def _collect_of_board(board: Board | AsyncBoard, found: dict[str, HeldDriver]) -> None:
    """Adds the clients that a board made for itself, since its class declares another one than the report names."""
    for value in vars(board).values():
        if isinstance(value, Board | AsyncBoard):
            _collect_of_board(value, found)
        elif isinstance(value, DriverClient | AsyncDriverClient):
            twin = value._twin if isinstance(value, DriverClient) else value
            if twin not in found[twin._node.uuid].clients:
                found[twin._node.uuid].clients.append(twin)
