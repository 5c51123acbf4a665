"""What the devices say can be checked byte by byte, wherever a reader begins."""

from hypothesis import given
from hypothesis import strategies as st

from tools.chaos.lines import LINE_BYTES, Follower, said

POSITIONS = st.integers(0, 1 << 20)
PIECES = st.lists(st.integers(1, 200), min_size=1)


def followed(origin: int, pieces: list[int], start: int = 0) -> Follower:
    follower, offset = Follower(), start
    for size in pieces:
        follower.take(offset, said(origin + offset, size))
        offset += size
    return follower


@given(POSITIONS, PIECES)
def test_what_a_device_says_is_the_same_in_whatever_pieces_it_is_read(start: int, pieces: list[int]) -> None:
    whole = said(start, sum(pieces))
    assert b"".join(said(start + sum(pieces[:n]), size) for n, size in enumerate(pieces)) == whole


@given(POSITIONS, PIECES, POSITIONS)
def test_an_honest_console_is_checked_to_the_last_byte(origin: int, pieces: list[int], start: int) -> None:
    follower = followed(origin, [2 * LINE_BYTES, *pieces], start)
    assert (follower.lost, follower.wrong) == (0, 0)
    assert follower.checked == 2 * LINE_BYTES + sum(pieces)
    assert follower.origin == origin
    assert follower.first == origin + start


@given(POSITIONS, st.integers(1, 5000))
def test_bytes_that_were_left_out_are_counted(origin: int, missing: int) -> None:
    follower = followed(origin, [100])
    follower.take(100, said(origin + 100 + missing, 100))
    follower.take(200, said(origin + 200 + missing, 100))
    assert follower.lost == missing
    assert follower.wrong == 0


@given(POSITIONS, st.integers(0, 99), st.integers(1, 255))
def test_a_byte_that_is_another_is_found(origin: int, place: int, change: int) -> None:
    follower = followed(origin, [100])
    altered = bytearray(said(origin + 100, 100))
    altered[place] ^= change
    follower.take(100, bytes(altered))
    assert follower.lost or follower.wrong


def test_a_gap_that_was_told_is_no_loss_and_one_of_another_size_is() -> None:
    follower = followed(7, [100])
    follower.take(500, said(507, 100))
    assert (follower.lost, follower.wrong) == (0, 0)
    follower.take(900, said(1507, 100))
    assert follower.lost == 600
