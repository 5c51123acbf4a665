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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives back by itself")
async def test_what_a_burst_leaves_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_LOOK_SECONDS", 0.01)
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
    full = memory.resident_bytes()
    for piece in pieces:
        libc.free(piece)
    async with asyncio.timeout(_SOON):
        while memory.resident_bytes() > full - _PIECES * _PIECE_BYTES // 2:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)
    libc.free(last)
    giving.cancel()
    await asyncio.wait({giving})
