"""Compares typed boards with the report of an exporter, and makes them of its drivers."""

from collections.abc import Mapping
from typing import Any, TypeVar

from jumplab.client.boards import AsyncBoard, Board, BoardClass, BoardField, ClientClass, fields_of
from jumplab.client.errors import BoardMismatch
from jumplab.driver import AsyncDriverClient, DriverClient, Portal
from jumplab.driver.client import child_called
from jumplab.driver.interface import interfaces_of, name_of, version_of

PlainBoard = TypeVar("PlainBoard", bound=Board)
AsynchronousBoard = TypeVar("AsynchronousBoard", bound=AsyncBoard)


def check_fit(board: BoardClass, root: AsyncDriverClient, exporters: Mapping[str, str]) -> None:
    """Raises BoardMismatch, with everything that the exporters lack of what the board's class declares.

    exporters: their names by those of the members; one alone is the member "".
    """
    if differences := _differences(board, root, ""):
        named = ", ".join(f'"{name}" ({member})' if member else f'"{name}"' for member, name in exporters.items())
        doer = f"exporter {named} does" if "" in exporters else f"exporters {named} do"
        raise BoardMismatch(f"{doer} not fit board {board.__qualname__}: {'; '.join(differences)}")


def plain_board(board: type[PlainBoard], root: DriverClient, portal: Portal) -> PlainBoard:
    """A board of the drivers below `root`, which fits."""
    made = board.__new__(board)
    for field in fields_of(board):
        child = child_called(field.name, root.children)
        setattr(made, field.name, None if child is None else _plain(field, child, portal))
    return made


def async_board(board: type[AsynchronousBoard], root: AsyncDriverClient) -> AsynchronousBoard:
    """A board of the drivers below `root`, which fits."""
    made = board.__new__(board)
    for field in fields_of(board):
        child = child_called(field.name, root.children)
        setattr(made, field.name, None if child is None else _asynchronous(field, child))
    return made


def _plain(field: BoardField, child: DriverClient, portal: Portal) -> Any:
    if field.board is not None:
        assert issubclass(field.board, Board)
        return plain_board(field.board, child, portal)
    assert field.client is not None
    assert issubclass(field.client, DriverClient)
    return child if isinstance(child, field.client) else field.client(_of_class(field.client, child._twin), portal)


def _asynchronous(field: BoardField, child: AsyncDriverClient) -> Any:
    if field.board is not None:
        assert issubclass(field.board, AsyncBoard)
        return async_board(field.board, child)
    assert field.client is not None
    return _of_class(field.client, child)


def _of_class(client: ClientClass, child: AsyncDriverClient) -> AsyncDriverClient:
    """The driver's client, of the class that the board declares: the report may name a more general one."""
    wanted = _twin_of(client)
    return child if isinstance(child, wanted) else wanted(child._node)


def _twin_of(client: ClientClass) -> type[AsyncDriverClient]:
    return client.asynchronous if issubclass(client, DriverClient) else client


def _differences(board: BoardClass, parent: AsyncDriverClient, path: str) -> list[str]:
    """How the drivers below `parent` differ from those that the board's class declares."""
    found: list[str] = []
    for field in fields_of(board):
        child = child_called(field.name, parent.children)
        where = f"{path}{field.name}"
        if child is not None:
            found += _differences_of(field, child, where)
        elif not field.optional:
            found.append(f'"{where}" is missing, {_instead(parent, path)}')
    return found


def _differences_of(field: BoardField, child: AsyncDriverClient, where: str) -> list[str]:
    if field.board is not None:
        if child._node.failure and not child.children:
            return [f'"{where}" did not start: {child._node.failure}']
        return _differences(field.board, child, f"{where}.")
    assert field.client is not None
    offered = child._node.interfaces
    needed = [(name_of(each), version_of(each)) for each in interfaces_of(_twin_of(field.client))]
    missing = [each for each in needed if each not in offered]
    if not missing or (child._node.failure and not offered):  # a call will give the reason
        return []
    lacks = ", ".join(map(_interface, missing))
    offers = ", ".join(map(_interface, offered)) or "no interface"
    return [f'"{where}" offers {offers}, and {field.client.__qualname__} needs {lacks}']


def _instead(parent: AsyncDriverClient, path: str) -> str:
    there = ", ".join(parent.children) or "no drivers"
    return f'"{path.removesuffix(".")}" has {there}' if path else f"it has {there}"


def _interface(interface: tuple[str, int]) -> str:
    name, version = interface
    return name if version == 1 else f"{name} version {version}"
