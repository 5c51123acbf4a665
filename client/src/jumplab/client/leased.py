"""The contexts of `with` and `async with`: a lease's drivers, untyped or as a board."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, Protocol, Self

from jumplab.client.acquiring import AcquiredLease
from jumplab.client.board_fitting import AsynchronousBoard, PlainBoard, async_board, check_fit, plain_board
from jumplab.client.boards import Board, BoardClass
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.client.gangs import root_of
from jumplab.client.sessions import reconnect_within
from jumplab.client.views import LeaseView
from jumplab.driver import AsyncGenericClient, GenericClient, Portal
from jumplab.driver.plain import plain_twin_of


class Opening(Protocol):
    """How drivers are reached, and let go of at the end."""

    def kept(self) -> "Opening":
        """The same, with a lease that stays at the end. Raises ConfigurationError where there is none."""

    def root(self, board: BoardClass | None = None) -> AbstractAsyncContextManager[AsyncGenericClient]:
        """The root of the drivers, which fit the board. Raises as `Leased` does."""


@dataclass(frozen=True, slots=True)
class LeaseOpening:
    """How a lease is acquired: `acquire` gives it, and releases it at the end where it is ours.

    acquire_kept: gives it, and leaves it.  reconnect_within: how long a lost connection may stay away; None: as the
    configuration says.  from_lease_begin: as for Session.
    """

    config: ClientConfig
    acquire: Callable[[Controller], AbstractAsyncContextManager[AcquiredLease]]
    acquire_kept: Callable[[Controller], AbstractAsyncContextManager[AcquiredLease]]
    reconnect_within: timedelta | None
    from_lease_begin: bool

    def kept(self) -> "LeaseOpening":
        """The same, with a lease that stays at the end."""
        return replace(self, acquire=self.acquire_kept)

    @asynccontextmanager
    async def root(self, board: BoardClass | None = None) -> AsyncIterator[AsyncGenericClient]:
        """The root of the lease's drivers, which fit the board. Raises as `Leased` does."""
        patience = reconnect_within(self.config, self.reconnect_within)
        async with (
            Controller.connected(self.config) as controller,
            self.acquire(controller) as acquired,
            root_of(
                controller,
                acquired,
                self.config.drivers,
                patience,
                from_lease_begin=self.from_lease_begin,
            ) as root,
        ):
            if board is not None:
                check_fit(board, root, exporters_of(acquired.lease))
            yield root


def exporters_of(lease: LeaseView) -> Mapping[str, str]:
    """The names of a lease's exporters by those of its members; one alone is the member ""."""
    return {member.name: member.exporter for member in lease.members} or {"": lease.exporter}


class _Plain:
    """Runs the context in a thread, for plain code."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def enter(self, opening: Opening, board: BoardClass | None = None) -> tuple[GenericClient, Portal]:
        with ExitStack() as stack:
            portal = stack.enter_context(Portal())
            root = stack.enter_context(portal.entered(opening.root(board)))
            self._stack = stack.pop_all()
        return plain_twin_of(root, portal), portal

    def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)


class _Keepable:
    """A context whose lease may outlive it."""

    _opening: Opening

    def keep(self) -> Self:
        """The lease outlives the context: leaving it releases nothing, and the lease lasts until its own end, attached
        to or not. Called before the context is entered; gives the context. `attach` finds the lease by its name, and
        `jumplab delete lease` releases it. Raises ConfigurationError where there is no lease.
        """
        self._opening = self._opening.kept()
        return self


class Leased(_Keepable):
    """An exporter's drivers, while the context lasts; made by `lease` and `attach`, and by `local` without a lease.

    `with` gives the root of the drivers as a GenericClient, `async with` as an AsyncGenericClient. Of several exporters
    it is one root, and each exporter's is its child under the name that the lease has for it. Entering waits until
    the exporter is ready; it raises ClientError or TransportError where that will not be, and DriverError where
    its drivers can't be attached to. Leaving releases what `lease` created and ends what `local` started, after
    exceptions and Ctrl-C too. It can be entered once.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._plain = _Plain()
        self._asynchronous = AsyncExitStack()

    def __enter__(self) -> GenericClient:
        return self._plain.enter(self._opening)[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._plain.leave(kind, error, traceback)

    async def __aenter__(self) -> AsyncGenericClient:
        return await self._asynchronous.enter_async_context(self._opening.root())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._asynchronous.__aexit__(kind, error, traceback)


class LeasedBoard(_Keepable, Generic[PlainBoard]):
    """Leased with a Board's class: `with` gives the board.

    Entering also raises BoardMismatch, where the exporter doesn't have what the class declares; what `lease` created is
    released then.
    """

    def __init__(self, opening: Opening, board: type[PlainBoard]) -> None:
        self._opening = opening
        self._board = board
        self._plain = _Plain()

    def __enter__(self) -> PlainBoard:
        root, portal = self._plain.enter(self._opening, self._board)
        return plain_board(self._board, root, portal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._plain.leave(kind, error, traceback)


class LeasedAsyncBoard(_Keepable, Generic[AsynchronousBoard]):
    """LeasedBoard for asyncio: `async with` gives the AsyncBoard."""

    def __init__(self, opening: Opening, board: type[AsynchronousBoard]) -> None:
        self._opening = opening
        self._board = board
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> AsynchronousBoard:
        root = await self._stack.enter_async_context(self._opening.root(self._board))
        return async_board(self._board, root)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)


def leased(opening: Opening, board: BoardClass | None) -> Leased | LeasedBoard[Any] | LeasedAsyncBoard[Any]:
    """The context for a board's class, or for none."""
    if board is None:
        return Leased(opening)
    return LeasedBoard(opening, board) if issubclass(board, Board) else LeasedAsyncBoard(opening, board)
