"""Drivers with `isolate: true` run in a process of their own, whose end is nobody else's."""

import asyncio
import os
from hashlib import sha256

import pytest

from jumplab.driver import Progress, errors, on_progress
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run

KIND = "tests.exporter.crashing.Crashing"
EXPORT = {"dut": {"type": KIND, "isolate": True}, "good": {"type": KIND}}


async def test_calls_items_and_streams_reach_an_isolated_driver(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            dut, good = session.root.dut, session.root.good
            assert await dut.process() not in (os.getpid(), 0)
            assert await good.process() == os.getpid()
            assert [await dut.count(), await dut.count()] == [1, 2]
            assert [item async for item in dut.items(3)] == [0, 1, 2]
            async with dut.echo() as channel:
                await channel.send(b"ping")
                assert await channel.receive() == b"ping"
                await channel.send_end()
                assert await channel.receive() == b""
                assert await channel.result() == b"4"
            image = os.urandom(9 << 20)
            async with dut.upload() as channel:
                await channel.send(image)
                await channel.send_end()
                assert (await channel.result()).decode().strip('"') == sha256(image).hexdigest()


async def test_errors_progress_and_log_lines_are_those_of_the_driver(plane: ControlPlane, running: Run) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            for driver in (session.root.dut, session.root.good):
                with pytest.raises(errors.CallRefused) as refused:
                    await driver.refuse("tea")
                assert str(refused.value) == f"{driver.path}.refuse: 'tea' is not wanted"
                assert refused.value.type == "ValueError"
                with pytest.raises(errors.BadArguments):
                    await driver.refuse(3)
                heard: list[Progress] = []
                with on_progress(heard.append):
                    await driver.report(4)
                assert heard == [Progress(4, 10, "reporting")]
                said: asyncio.Queue[str] = asyncio.Queue()
                session.on_log = lambda line, said=said: said.put_nowait(session.shown(line))  # type: ignore[misc]
                await driver.say("the fan is loud")
                assert await said.get() == f"[{driver.path}] the fan is loud"


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("null", "was ended by SIGSEGV (Segmentation fault)"),
        ("exit", "has ended with exit status 3"),
        ("SIGKILL", "was ended by SIGKILL (Killed)"),
    ],
)
async def test_a_crash_ends_its_own_calls_alone(plane: ControlPlane, running: Run, kind: str, cause: str) -> None:
    async with running(export=EXPORT):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            dut, good = session.root.dut, session.root.good
            before = await dut.process()
            await dut.count()
            async with good.echo() as channel:
                with pytest.raises(errors.CallDisconnected) as crashed:
                    await dut.crash(kind)
                assert str(crashed.value) == (
                    f'dut.crash: the process of "dut" {cause}; whether the call was carried out is unknown'
                )
                await channel.send(b"on")
                assert await channel.receive() == b"on"
            assert await good.process() == os.getpid()
            assert await dut.process() != before
            assert await dut.count() == 1
        assert f'the process of "dut" {cause}; it is started anew' in plane.said[-1].message
