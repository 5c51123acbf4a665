"""How far a long call is: told by its driver, heard by its caller, lost where it is in the way."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from jumplab.driver import ByteStream, Driver, DriverInterface, Progress, on_progress, progress, stream
from jumplab.driver.progressing import reporting_to
from jumplab.session.host import progress as host_progress
from jumplab.testing import serve
from tests.session.links import attached, hosted
from tests.session.test_resuming import network


class FlasherInterface(DriverInterface):
    async def flash(self) -> str: ...

    async def flash_in_a_thread(self) -> str: ...

    async def chatter(self, words: int) -> None: ...

    def pages(self) -> AsyncIterator[int]: ...

    @stream
    async def write(self, stream: ByteStream) -> int: ...


class Flasher(FlasherInterface, Driver):
    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def flash(self) -> str:
        progress(1, 3, "erasing")
        await self.go_on.wait()
        progress(3, 3, "verifying")
        return "done"

    def flash_in_a_thread(self) -> str:
        progress(2, text="in a thread")
        return threading.current_thread().name

    async def chatter(self, words: int) -> None:
        for word in range(words):
            progress(word + 1, words)

    async def pages(self) -> AsyncIterator[int]:
        for page in range(2):
            progress(page, 2)
            yield page

    async def write(self, stream: ByteStream) -> int:
        written = 0
        while data := await stream.receive():
            written += len(data)
            progress(written, text="writing")
        return written


class Ear:
    """Hears progress, and says when it has heard a word."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self._changed = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)
        self._changed.set()

    async def until(self, text: str) -> None:
        while text not in [each.text for each in self.heard]:
            self._changed.clear()
            await self._changed.wait()


async def test_a_caller_hears_how_far_its_call_is_and_at_last_its_end():
    flasher, ear = Flasher(), Ear()
    async with hosted(flasher=flasher) as host, attached(host) as session:
        with on_progress(ear):
            flashing = asyncio.create_task(session.root.flasher.flash())
        await ear.until("erasing")
        flasher.go_on.set()
        assert await flashing == "done"
    assert ear.heard == [Progress(1, 3, "erasing"), Progress(3, 3, "verifying")]


async def test_functions_in_threads_streaming_calls_and_byte_streams_tell_too():
    ear = Ear()
    async with hosted(flasher=Flasher()) as host, attached(host) as session:
        with on_progress(ear):
            assert (await session.root.flasher.flash_in_a_thread()).startswith("driver")
            assert [page async for page in session.root.flasher.pages()] == [0, 1]
            async with session.root.flasher.open("write") as written:
                await written.send(b"abc")
                await ear.until("writing")
                await written.send_end()
                assert await written.result() == b"3"
    assert ear.heard[0] == Progress(2, text="in a thread")
    assert ear.heard[-1] == Progress(3, text="writing")


async def test_who_does_not_listen_hears_nothing_and_the_driver_does_not_mind():
    ear, flasher = Ear(), Flasher()
    flasher.go_on.set()
    async with hosted(flasher=flasher) as host, attached(host) as session:
        assert await session.root.flasher.flash() == "done"
        with on_progress(ear):
            pass
        assert await session.root.flasher.flash() == "done"
    assert not ear.heard


async def test_a_driver_may_say_it_as_often_as_it_likes_and_the_last_word_counts():
    ear = Ear()
    async with hosted(flasher=Flasher()) as host, attached(host) as session:
        with on_progress(ear):
            await session.root.flasher.chatter(20_000)
    assert ear.heard == [Progress(20_000, 20_000)]


async def test_a_lost_connection_loses_neither_the_call_nor_its_latest_word():
    ear, flasher = Ear(), Flasher()
    async with network(flasher=flasher) as net, net.attached() as session:
        with on_progress(ear):
            flashing = asyncio.create_task(session.root.flasher.flash())
        await ear.until("erasing")
        net.up.clear()
        await net.cut()
        await net.refused.wait()
        flasher.go_on.set()
        await asyncio.sleep(0)
        net.up.set()
        assert await flashing == "done"
    assert ear.heard[-1] == Progress(3, 3, "verifying")


async def test_a_listener_that_fails_fails_alone(caplog: pytest.LogCaptureFixture):
    def fail(_: Progress) -> None:
        raise RuntimeError("no terminal")

    flasher = Flasher()
    flasher.go_on.set()
    async with hosted(flasher=flasher) as host, attached(host) as session:
        with on_progress(fail):
            assert await session.root.flasher.flash() == "done"
        assert await session.root.flasher.flash() == "done"
    assert "no terminal" in caplog.text


def test_plain_code_hears_it_too():
    heard: list[Progress] = []
    with serve(flasher=Flasher()) as root, on_progress(heard.append):
        root.flasher.flash_in_a_thread()
    assert heard == [Progress(2, text="in a thread")]


async def test_a_thread_that_goes_on_after_its_call_tells_nobody():
    sent: list[Progress] = []
    reports = host_progress.ProgressReports(sent.append)
    with reporting_to(reports.put):
        progress(1)
        reports.close()
        await asyncio.to_thread(progress, 2)
    await asyncio.sleep(0)
    assert sent == [Progress(1)]


def test_progress_reads_as_a_sentence():
    assert str(Progress(3, 10, "writing")) == "writing 3 of 10"
    assert str(Progress(3)) == "3"
