"""The functions for test authors: `with jumplab.lease("board=qemu-arm64") as board:`, plain or with asyncio."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypedDict, TypeVar, overload

from typing_extensions import Unpack

from jumplab.client import acquiring
from jumplab.client.acquiring import AcquiredLease, Notify
from jumplab.client.arguments import (
    as_config,
    as_duration,
    check_callable,
    check_flag,
    check_lease_name,
    check_members,
    check_tags,
    check_text,
)
from jumplab.client.boards import AsyncBoard, Board, BoardClass, check_board
from jumplab.client.config import ClientConfig
from jumplab.client.controller import Controller
from jumplab.client.gangs import parse_members
from jumplab.client.leased import Leased, LeasedAsyncBoard, LeasedBoard, LeaseOpening, leased

_log = logging.getLogger(__name__)

B = TypeVar("B", bound=Board)
A = TypeVar("A", bound=AsyncBoard)


class AttachOptions(TypedDict, total=False):
    """The options of `attach`, without the lease and the board's class."""

    client: str | ClientConfig | None
    wait_timeout: str | timedelta | None
    reconnect_within: str | timedelta | None
    tell: Notify


class LeaseOptions(AttachOptions, total=False):
    """The options of `lease`, without the selector and the board's class."""

    exporter: str
    exporters: Mapping[str, str] | None
    duration: str | timedelta
    name: str | None
    max: str | timedelta | None
    keep_detached: bool
    tags: Mapping[str, str] | None


@overload
def lease(selector: str = "", *, board: None = None, **options: Unpack[LeaseOptions]) -> Leased: ...
@overload
def lease(selector: str = "", *, board: type[B], **options: Unpack[LeaseOptions]) -> LeasedBoard[B]: ...
@overload
def lease(selector: str = "", *, board: type[A], **options: Unpack[LeaseOptions]) -> LeasedAsyncBoard[A]: ...
def lease(
    selector: str = "",
    *,
    board: BoardClass | None = None,
    exporter: str = "",
    exporters: Mapping[str, str] | None = None,
    duration: str | timedelta = "30m",
    name: str | None = None,
    max: str | timedelta | None = None,  # noqa: A002 - as the option --max
    keep_detached: bool = False,
    tags: Mapping[str, str] | None = None,
    client: str | ClientConfig | None = None,
    wait_timeout: str | timedelta | None = None,
    reconnect_within: str | timedelta | None = None,
    tell: Notify = _log.info,
) -> Leased | LeasedBoard[Any] | LeasedAsyncBoard[Any]:
    """Leases an exporter, or several at one time, for as long as the context lasts, and gives their drivers.

    selector: labels of the exporter, as kubectl's -l.  exporter: this one exporter, by name.  exporters: several
    in place of these, all or none: names of your own, each with a selector or `@NAME` of an exporter; what the context
    gives has the drivers of each under its name.  board: a class derived from Board (for `async with`: AsyncBoard) that
    declares the drivers; the context gives an instance of it.  duration: how long at most, from when it is ready; a
    string as `1h30m`.  max: the lease is extended while it is used, up to this duration.  name: the new lease's name.
    keep_detached: the lease stays until its end where this program is cut off or killed; else it ends after two
    minutes, and where standard input is a terminal after fifteen.  tags: notes for people and reports, kept as labels
    of the lease.  client: a configuration or its name, else the current one.  wait_timeout: how long to wait for an
    exporter, else for as long as it takes.  reconnect_within: how long a lost connection may stay away before calls
    fail with SessionLost, else five minutes. For both, the configuration's section `leases` may say something else.
    tell: receives a sentence whenever the reason for waiting changes.

    Raises ConfigurationError at once; `Leased` documents the errors of entering the context.
    """
    check_text("selector", selector, '"board=x,rev=2"')
    check_text("exporter", exporter, '"bench-3"')
    check_members({} if exporters is None else exporters)
    if name is not None:
        check_text("name", name, '"nightly"', required=True)
    if board is not None:
        check_board(board, exporters or ())
    lasting = as_duration("duration", duration)
    longest = None if max is None else as_duration("max", max)
    check_flag("keep_detached", keep_detached)
    check_tags({} if tags is None else tags)
    check_callable("tell", tell)
    bound = None if wait_timeout is None else as_duration("wait_timeout", wait_timeout)
    reconnecting = None if reconnect_within is None else as_duration("reconnect_within", reconnect_within)
    config, members = as_config(client), parse_members(exporters or {})
    bound = bound or config.patience.wait_timeout
    request = acquiring.make_request(
        config,
        selector=selector,
        exporter=exporter,
        members=members,
        duration=lasting,
        name=name,
        tags=tags,
        max_duration=longest,
        release_after_detached=acquiring.detached_limit(interactive=True, keep=keep_detached),
    )
    return leased(
        LeaseOpening(
            config,
            lambda controller: acquiring.acquired(controller, request, timeout=bound, notify=tell),
            lambda controller: acquiring.acquired(
                controller, replace(request, release_after_detached=None), timeout=bound, notify=tell, keep=True
            ),
            reconnecting,
            from_lease_begin=True,
        ),
        board,
    )


@overload
def attach(name: str, *, board: None = None, **options: Unpack[AttachOptions]) -> Leased: ...
@overload
def attach(name: str, *, board: type[B], **options: Unpack[AttachOptions]) -> LeasedBoard[B]: ...
@overload
def attach(name: str, *, board: type[A], **options: Unpack[AttachOptions]) -> LeasedAsyncBoard[A]: ...
def attach(
    name: str,
    *,
    board: BoardClass | None = None,
    client: str | ClientConfig | None = None,
    wait_timeout: str | timedelta | None = None,
    reconnect_within: str | timedelta | None = None,
    tell: Notify = _log.info,
) -> Leased | LeasedBoard[Any] | LeasedAsyncBoard[Any]:
    """Gives the drivers of a lease that exists already, made with kubectl for example, and leaves the lease as it is.

    name: the lease's; the other arguments, and what is raised, as for `lease`.
    """
    check_lease_name(name)
    if board is not None:
        check_board(board)
    check_callable("tell", tell)
    bound = None if wait_timeout is None else as_duration("wait_timeout", wait_timeout)
    reconnecting = None if reconnect_within is None else as_duration("reconnect_within", reconnect_within)
    config = as_config(client)
    bound = bound or config.patience.wait_timeout

    def join(controller: Controller) -> AbstractAsyncContextManager[AcquiredLease]:
        return acquiring.joined(controller, name, timeout=bound, notify=tell)

    return leased(LeaseOpening(config, join, join, reconnecting, from_lease_begin=False), board)
