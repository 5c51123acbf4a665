"""What plain code sends: in order, ahead of the event loop within bounds, and never lost without a word."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from jumplab.driver import Portal, errors
from jumplab.driver.plain import PlainStream

BOUND_SECONDS = 240.0


class Device:
    """A stream that takes blocks while `open` is set. failure: what it raises from the next block on."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.open = threading.Event()
        self.open.set()
        self.begun, self.left = threading.Event(), threading.Event()
        self.failure: errors.DriverError | None = None

    async def send(self, data: bytes) -> None:
        self.begun.set()
        try:
            await asyncio.to_thread(self.open.wait, BOUND_SECONDS)
        except asyncio.CancelledError:
            self.left.set()
            raise
        if self.failure is not None:
            raise self.failure
        self.taken.append(data)

    async def send_end(self) -> None:
        self.taken.append(b"end")

    async def receive(self) -> bytes:
        return b"".join(self.taken)

    async def result(self) -> bytes:
        return b"null"


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as portal:
        yield portal


def test_blocks_are_taken_in_their_order_and_all_of_them_before_the_end(portal: Portal) -> None:
    device = Device()
    blocks = [b"%d" % number for number in range(500)]
    with PlainStream.entered(device, portal) as stream:
        for block in blocks:
            stream.send(block)
        stream.send_end()
    assert device.taken == [*blocks, b"end"]


def test_leaving_waits_until_all_is_taken(portal: Portal) -> None:
    device = Device()
    device.open.clear()
    with PlainStream.entered(device, portal) as stream:
        stream.send(b"one")
        stream.send(b"two")
        assert device.taken == []
        device.open.set()
    assert device.taken == [b"one", b"two"]


def test_who_sends_more_than_is_taken_waits(portal: Portal) -> None:
    device = Device()
    device.open.clear()
    sent = threading.Semaphore(0)

    def flood(stream: PlainStream) -> None:
        for _ in range(6):
            stream.send(bytes(256 << 10))
            sent.release()

    with PlainStream.entered(device, portal) as stream:
        flooding = threading.Thread(target=flood, args=(stream,))
        flooding.start()
        for _ in range(4):
            assert sent.acquire(timeout=BOUND_SECONDS)
        assert not sent.acquire(blocking=False)
        device.open.set()
        for _ in range(2):
            assert sent.acquire(timeout=BOUND_SECONDS)
        flooding.join()
    assert len(device.taken) == 6


def test_what_a_block_ended_with_is_raised_by_what_follows_and_by_leaving(portal: Portal) -> None:
    device = Device()
    device.failure = errors.StreamReset("the device is gone")
    stack = ExitStack()
    stream = stack.enter_context(PlainStream.entered(device, portal))
    stream.send(b"lost")
    with pytest.raises(errors.StreamReset, match="the device is gone"):
        stream.send_end()
    with pytest.raises(errors.StreamReset, match="the device is gone"):
        stream.send(b"more")
    with pytest.raises(errors.StreamReset, match="the device is gone"):
        stack.close()
    assert device.taken == []


def test_an_error_in_the_block_leaves_without_waiting_for_what_nobody_takes(portal: Portal) -> None:
    device = Device()
    device.open.clear()

    def send_and_fail() -> None:
        with PlainStream.entered(device, portal) as stream:
            stream.send(b"never taken")
            assert device.begun.wait(BOUND_SECONDS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send_and_fail()
    assert device.left.wait(BOUND_SECONDS)
    assert device.taken == []
    device.open.set()


def test_a_stream_that_was_left_can_not_be_sent_on(portal: Portal) -> None:
    with PlainStream.entered(Device(), portal) as stream:
        pass
    with pytest.raises(errors.SessionEnded, match="left"):
        stream.send(b"late")
