"""Typed boards: a class that declares which drivers a board has.

    class Imx8(jumplab.Board):
        power: PowerClient
        console: ConsoleClient
        video: VideoClient | None

    with jumplab.lease("board=imx8", board=Imx8) as board:
        board.power.cycle()

Declarations are read here, when a lease is requested; `board_fitting` compares them with the report of the exporter.
"""

from collections.abc import Collection
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeAlias, Union, get_args, get_origin, get_type_hints

from jumplab.client.errors import ConfigurationError
from jumplab.driver import AsyncDriverClient, DriverClient
from jumplab.driver.client import attribute_of


class Board:
    """The drivers of a leased exporter, for plain code.

    A subclass annotates each driver with its DriverClient class, under the name that the exporter has for it (a dash is
    an underscore), or with a Board class where the driver only groups others. `X | None` is a driver that may be
    missing: it is None then. What the exporter has beyond that stays out of sight. Names that begin with `_` and
    ClassVars are the class's own, and so are its methods. For several exporters the fields are Boards, by the names of
    the members.

    `jumplab.lease` and `jumplab.attach` make the instances.
    """


class AsyncBoard:
    """Board for asyncio: its fields are AsyncDriverClient classes and AsyncBoards."""


BoardClass: TypeAlias = type[Board] | type[AsyncBoard]
ClientClass: TypeAlias = type[DriverClient] | type[AsyncDriverClient]

_PLAIN = (Board, DriverClient)
_ASYNCHRONOUS = (AsyncBoard, AsyncDriverClient)


@dataclass(frozen=True, slots=True)
class BoardField:
    """One driver that a board's class declares: its client class, or the board below it."""

    name: str
    client: ClientClass | None
    board: BoardClass | None
    optional: bool


def fields_of(board: BoardClass) -> tuple[BoardField, ...]:
    """The declarations of a board's class. Raises ConfigurationError where it is no board, or a field is no driver."""
    if not isinstance(board, type) or not issubclass(board, Board | AsyncBoard):
        raise ConfigurationError(f"board must be a class derived from jumplab.Board or AsyncBoard, not {board!r}")
    try:
        hints = get_type_hints(board)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise ConfigurationError(
            f"the annotations of board {board.__qualname__} can't be read ({error}); import or define each class that "
            f"they name at the top level of {board.__module__}, and not for type checkers alone"
        ) from error
    return tuple(
        _field(board, name, hint)
        for name, hint in hints.items()
        if not name.startswith("_") and hint is not ClassVar and get_origin(hint) is not ClassVar
    )


def check_board(board: BoardClass, members: Collection[str] = ()) -> None:
    """Raises ConfigurationError where the class, or one below it, can't be a board, or declares no member's board.

    members: the names of a lease's members, where it asks for several exporters.
    """
    named = {*members, *map(attribute_of, members)}
    for field in fields_of(board):
        if members and field.name not in named and not field.optional:
            raise ConfigurationError(
                f'board {board.__qualname__} declares "{field.name}", which is no member of the lease; its members are '
                f"{', '.join(members)}"
            )
    checked, pending = {board}, [board]
    while pending:
        below = {field.board for field in fields_of(pending.pop()) if field.board is not None} - checked
        checked |= below
        pending.extend(below)


def _field(board: BoardClass, name: str, hint: Any) -> BoardField:
    declared = f"{board.__qualname__}.{name}"
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kind, *others = [kind for kind in kinds if kind is not NoneType] or [NoneType]
    optional = NoneType in kinds
    if others or not isinstance(kind, type) or not issubclass(kind, _PLAIN + _ASYNCHRONOUS):
        written = kind.__qualname__ if isinstance(kind, type) and not others else str(hint)
        raise ConfigurationError(
            f"{declared} is annotated with {written}, which is no client class; annotate it with the client class of a "
            "driver, such as PowerClient, with the class of a board, or with either of these | None"
        )
    if issubclass(board, Board) != issubclass(kind, _PLAIN):
        here, there = ("Board", "asyncio") if issubclass(board, Board) else ("AsyncBoard", "plain code")
        raise ConfigurationError(
            f"{declared} is annotated with {kind.__qualname__}, which is for {there}; in a jumplab.{here} name the "
            "driver's other class"
        )
    if issubclass(kind, Board | AsyncBoard):
        return BoardField(name, None, kind, optional)
    assert issubclass(kind, DriverClient | AsyncDriverClient)
    return BoardField(name, kind, None, optional)
