"""Messages over a byte stream come out as they went in, however the stream cuts them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab.drivers.network.frames import FramedStream


class Pieces:
    """A byte stream that brings what was sent in pieces of these lengths, then its end."""

    def __init__(self, lengths: list[int]) -> None:
        self._lengths = list(lengths)
        self.sent = bytearray()

    async def send(self, data: bytes) -> None:
        self.sent += data

    async def send_end(self) -> None:
        raise NotImplementedError

    async def receive(self) -> bytes:
        length = self._lengths.pop(0) if self._lengths else len(self.sent)
        piece = bytes(self.sent[:length])
        del self.sent[:length]
        return piece


LENGTHS = st.lists(st.integers(1, 9), max_size=30)


@given(messages=st.lists(st.binary(max_size=12)), rest=st.binary(max_size=12), lengths=LENGTHS)
def test_messages_and_what_follows_come_as_they_were_sent(
    messages: list[bytes], rest: bytes, lengths: list[int]
) -> None:
    async def play() -> None:
        pieces = Pieces(lengths)
        framed = FramedStream(pieces)
        for message in messages:
            await framed.send_frame(message)
        await framed.send(rest)
        assert [await framed.receive_frame() for _ in messages] == messages
        followed = b""
        while data := await framed.receive():
            followed += data
        assert followed == rest

    asyncio.run(play())


async def test_the_longest_message_is_carried() -> None:
    framed = FramedStream(Pieces([]))
    await framed.send_frame(b"x" * 65535)
    assert await framed.receive_frame() == b"x" * 65535
    assert await framed.receive_frame() is None


async def test_a_message_that_is_too_long_is_refused() -> None:
    with pytest.raises(OverflowError):
        await FramedStream(Pieces([])).send_frame(b"x" * 65536)
