"""Peers that leave in the moment in which a call of theirs is answered or ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from jumplab.protocol.grpc_loading import aio


@contextmanager
def peer_may_leave() -> Iterator[None]:
    """Around everything that a call does: an answer or an end that finds its peer gone cancels the call.

    gRPC raises aio.InternalError then, and would log it as a fault of ours: it has not told us yet that the peer left.
    """
    try:
        yield
    except aio.InternalError as error:
        raise asyncio.CancelledError("the peer has gone") from error
