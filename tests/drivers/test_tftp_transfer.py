"""A file on its way by TFTP, packet by packet: whatever is lost, doubled or late, the board gets the file."""

import contextlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumplab_exporter.drivers.boot.tftp_packets import Code, Malformed, Request, read_answer, read_request
from jumplab_exporter.drivers.boot.tftp_transfer import Transfer


def asked(name: str = "kernel", mode: str = "octet", **options: str) -> bytes:
    words = [name, mode, *(word for pair in options.items() for word in pair)]
    return b"\0\1" + b"".join(f"{word}\0".encode() for word in words)


def ack(number: int) -> bytes:
    return b"\0\4" + (number % 65536).to_bytes(2, "big")


class Board:
    """Receives as RFC 7440 has it: an answer for each full window, at the end, and where a block is missing."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.content = b""
        self.received = 0
        self.is_done = False
        self._in_window = 0

    def take(self, packet: bytes) -> Iterator[bytes]:
        kind, number = int.from_bytes(packet[:2], "big"), int.from_bytes(packet[2:4], "big")
        if kind == 6:
            yield ack(0)
        elif kind == 3 and number == (self.received + 1) % 65536 and not self.is_done:
            self.received += 1
            self.content += packet[4:]
            self._in_window += 1
            self.is_done = len(packet) - 4 < self._request.block_bytes
            if self.is_done or self._in_window == self._request.window_blocks:
                self._in_window = 0
                yield ack(self.received)
        else:
            self._in_window = 0
            yield ack(self.received)


def carried(request: Request, content: bytes, draws: random.Random, loss: float) -> tuple[Transfer, Board, int]:
    """Carries a file over a network that loses, doubles and swaps: the transfer, the board, and how many packets."""
    transfer = Transfer(request, lambda offset, size: content[offset : offset + size], len(content))
    board = Board(request)
    out, count = list(transfer.begin()), 0
    while not transfer.is_over and not transfer.is_given_up:
        count += len(out)
        arriving = [packet for packet in out if draws.random() >= loss]
        arriving += [packet for packet in arriving if draws.random() < loss]
        if draws.random() < loss:
            draws.shuffle(arriving)
        answers = [answer for packet in arriving for answer in board.take(packet) if draws.random() >= loss]
        out = [packet for answer in answers for packet in transfer.answered(read_answer(answer))]
        if not out and not transfer.is_over:
            out = list(transfer.silence())
    return transfer, board, count


@given(
    size=st.integers(0, 5000),
    block=st.integers(8, 600),
    window=st.integers(1, 16),
    options=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_a_board_gets_the_whole_file_or_none(size: int, block: int, window: int, options: bool, seed: int) -> None:
    wanted = {"blksize": str(block), "windowsize": str(window), "tsize": "0"} if options else {}
    request = read_request(asked(**wanted))
    draws = random.Random(seed)
    content = draws.randbytes(size)
    transfer, board, _ = carried(request, content, draws, loss=0.1)
    if transfer.is_over:
        assert board.content == content
    transfer, board, count = carried(request, content, draws, loss=0)
    assert transfer.is_over
    assert board.content == content
    blocks = size // request.block_bytes + 1
    assert count == blocks + bool(options), "without losses each packet goes out once"


def test_block_numbers_begin_anew_behind_65535() -> None:
    request = read_request(asked(blksize="8", windowsize="64"))
    content = random.Random(1).randbytes(8 * 70_000)
    transfer, board, _ = carried(request, content, random.Random(2), loss=0)
    assert (transfer.is_over, board.content == content) == (True, True)


def test_an_answer_that_comes_twice_doubles_nothing() -> None:
    transfer = Transfer(read_request(asked()), lambda _, size: bytes(size), 5000)
    assert len(list(transfer.begin())) == 1
    assert len(list(transfer.answered(1))) == 1
    assert list(transfer.answered(1)) == []
    assert list(transfer.answered(0)) == []
    assert list(transfer.answered(7)) == [], "it was never sent"


def test_a_board_that_is_silent_is_given_up() -> None:
    transfer = Transfer(read_request(asked(tsize="0")), lambda _, size: bytes(size), 5000)
    first = list(transfer.begin())
    assert b"tsize\x005000\0" in first[0]
    repeated = 0
    while not transfer.is_given_up:
        repeated += list(transfer.silence()) == first
    assert repeated == 5


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (b"", Code.ILLEGAL),
        (b"\0", Code.ILLEGAL),
        (b"\0\1kernel", Code.ILLEGAL),
        (b"\0\1kernel\0octet", Code.ILLEGAL),
        (asked() + b"blksize\0", Code.ILLEGAL),
        (asked(mode="netascii"), Code.ILLEGAL),
        (b"\0\2kernel\0octet\0", Code.FORBIDDEN),
        (b"\0\3\0\1data", Code.ILLEGAL),
        (b"\xff" * 2000, Code.ILLEGAL),
    ],
)
def test_what_is_no_request_is_refused(packet: bytes, code: Code) -> None:
    with pytest.raises(Malformed) as refused:
        read_request(packet)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("option", "value", "agreed"),
    [
        ("blksize", "1468", "1468"),
        ("BLKSIZE", "99999", "65464"),
        ("blksize", "7", None),
        ("blksize", "-5", None),
        ("blksize", "²", None),
        ("windowsize", "4", "4"),
        ("windowsize", "65535", "64"),
        ("windowsize", "0", None),
        ("timeout", "3", "3"),
        ("timeout", "0", None),
        ("multicast", "", None),
    ],
)
def test_options_are_agreed_to_as_far_as_they_can_be_kept(option: str, value: str, agreed: str | None) -> None:
    assert read_request(asked(**{option: value})).agreed.get(option.lower()) == agreed


@given(st.binary(max_size=600))
def test_whatever_comes_is_read_or_refused(packet: bytes) -> None:
    for read in (read_request, read_answer):
        with contextlib.suppress(Malformed):
            read(packet)
