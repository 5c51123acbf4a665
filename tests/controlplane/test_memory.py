"""Memory that a burst needed is not kept."""

from __future__ import annotations

import asyncio
import ctypes

import pytest

from jumplab_operator import memory

_PIECES = 200_000
_PIECE_BYTES = 400
_SOON = 240
"""Seconds; a bound that only a hang reaches."""


pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library needs no help")


@pytest.mark.parametrize("while_it_lasts", [False, True], ids=["looked at afterwards", "looked at while it lasts, too"])
async def test_what_a_burst_leaves_goes_back_to_the_system(
    while_it_lasts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_LOOK_SECONDS", 0.01)
    trim, passes = memory._trim(), 0
    assert trim is not None

    def counted(pad: int) -> int:
        nonlocal passes
        given = trim(pad)
        passes += 1
        return given

    monkeypatch.setattr(memory, "_trim", lambda: counted)
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    giving = asyncio.create_task(memory.give_back_memory())
    await asyncio.sleep(0)
    pieces = [libc.malloc(_PIECE_BYTES) for _ in range(_PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, _PIECE_BYTES)
    last = pieces.pop()  # in the way of all below it
    async with asyncio.timeout(_SOON):
        while while_it_lasts and not passes:  # noqa: ASYNC110 - a thread of the operator tells nobody
            await asyncio.sleep(0.01)
    full = memory.resident_bytes()
    for piece in pieces:
        libc.free(piece)
    async with asyncio.timeout(_SOON):
        while memory.resident_bytes() > full - _PIECES * _PIECE_BYTES // 2:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)
    libc.free(last)
    giving.cancel()
    await asyncio.wait({giving})
