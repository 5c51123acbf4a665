"""A leased exporter: client, control plane with its router, and exporter as three processes, TLS between them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from jumplab.client import acquiring
from jumplab.client.config import ClientConfig, parse_config, read_yaml
from jumplab.client.controller import Controller
from jumplab.client.sessions import session_of
from jumplab.driver import AsyncGenericClient, Portal
from jumplab.driver.plain import plain_twin_of
from tools.bench import work
from tools.bench.one_board import Board
from tools.bench.timing import milliseconds

_LEASE = timedelta(minutes=30)
_READY_BOUND = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Attached:
    root: AsyncGenericClient
    seconds: float


def figures(board: Board, rounds: work.Rounds) -> dict[str, float]:
    """Leases the board, works with it, and releases it."""
    config = parse_config(read_yaml(board.client), str(board.client))
    with Portal() as portal, portal.entered(_attached(config, board.exporter)) as attached:
        found = work.figures(plain_twin_of(attached.root, portal), rounds)
    return {**found, "attach_ms": milliseconds(attached.seconds)}


@asynccontextmanager
async def _attached(config: ClientConfig, exporter: str) -> AsyncIterator[_Attached]:
    """The clock runs from dialling to the drivers' clients: the first attachment of this process."""
    request = acquiring.make_request(config, selector="", exporter=exporter, duration=_LEASE)
    async with (
        Controller.connected(config) as controller,
        acquiring.acquired(controller, request, timeout=_READY_BOUND, notify=lambda _: None) as held,
    ):
        begin = time.perf_counter()
        async with session_of(controller, held, config.drivers) as session:
            yield _Attached(session.root, time.perf_counter() - begin)
