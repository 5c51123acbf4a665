"""`with jumplab.local("bench.yaml") as board:`, the drivers of a file without a controller, plain or with asyncio."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, overload

from jumplab.client import sessions
from jumplab.client.arguments import as_path
from jumplab.client.board_fitting import check_fit
from jumplab.client.boards import AsyncBoard, Board, BoardClass, check_board
from jumplab.client.errors import ConfigurationError
from jumplab.client.leased import Leased, LeasedAsyncBoard, LeasedBoard, leased
from jumplab.client.local_exporter import local_drivers
from jumplab.driver import AsyncGenericClient
from jumplab.session.client import ClientClasses

B = TypeVar("B", bound=Board)
A = TypeVar("A", bound=AsyncBoard)


@overload
def local(config: str | os.PathLike[str], *, board: None = None) -> Leased: ...
@overload
def local(config: str | os.PathLike[str], *, board: type[B]) -> LeasedBoard[B]: ...
@overload
def local(config: str | os.PathLike[str], *, board: type[A]) -> LeasedAsyncBoard[A]: ...
def local(
    config: str | os.PathLike[str], *, board: BoardClass | None = None
) -> Leased | LeasedBoard[Any] | LeasedAsyncBoard[Any]:
    """Gives the drivers of an exporter's configuration file, without a controller and without a lease.

    config: the file's path, or its name in the places of exporters' files.  board: a class derived from Board (for
    `async with`: AsyncBoard) that declares the drivers; the context gives an instance of it. Entering starts the
    exporter's program in a child process, and waits for the hook beforeLease; leaving runs afterLease and ends it.
    Where the child dies meanwhile, calls fail with SessionLost.

    Raises ConfigurationError at once; entering the context raises it too, for what is wrong with the file or where an
    exporter runs with it, and LeaseFailed where the hook fails and says so by its `onFailure`.
    """
    path = as_path("config", config, '"bench.yaml"')
    if board is not None:
        check_board(board)
    return leased(LocalOpening(path), board)


@dataclass(frozen=True, slots=True)
class LocalOpening:
    """Starts an exporter for its file, and ends it."""

    file: str

    def kept(self) -> "LocalOpening":
        """Refused: there is no lease."""
        raise ConfigurationError("a board without a controller has no lease to keep; leave out keep()")

    @asynccontextmanager
    async def root(self, board: BoardClass | None = None) -> AsyncIterator[AsyncGenericClient]:
        """The root of the file's drivers, which fit the board. Raises as `local` says."""
        async with (
            local_drivers(self.file) as source,
            # The file is the user's own, and so is whatever client class its drivers name.
            source.attached(ClientClasses(unsafe=True), "jumplab") as session,
        ):
            session.on_log = partial(sessions.log, session)
            session.on_status = sessions.log_status
            if board is not None:
                check_fit(board, session.root, {"": source.exporter_name})
            yield session.root
