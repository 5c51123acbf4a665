"""An exporter hands out the console logs of a lease, whatever it does otherwise."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jumplab.client.kept_logs import LogReader
from jumplab.driver import errors
from jumplab.drivers.console.kept_logs import AsyncKeptLogsClient, KeptLog
from jumplab.session.client import Session, attach
from jumplab_exporter import log_sessions
from jumplab_exporter.console_logs import ConsoleLogs
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until

BOOT = b"U-Boot 2026\r\n" * 100_000


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Has consoles of a lease said something; gives the settings of an exporter that kept it."""
    folder = tmp_path / "logs"
    logs = ConsoleLogs(folder / "lab.bench", keep=timedelta(days=7), size_bytes=1 << 30, now=lambda: datetime.now(UTC))

    def keep(uid: str, *, name: str = "demo", **said: bytes) -> dict[str, Any]:
        recording = logs.recording(uid, name, pytest.fail)
        for console, text in said.items():
            recording.append(console, text)
        recording.close()
        return {"folder": str(folder)}

    return keep


def reader_of(session: Session) -> AsyncKeptLogsClient:
    logs = session.root.children["logs"]
    assert isinstance(logs, AsyncKeptLogsClient)
    return logs


async def read(session: Session, console: str, offset_bytes: int = 0) -> bytes:
    """What a console's log has, as `jumplab console --log-of` reads it."""
    reader = LogReader(session.exporter_name, (), reader_of(session))
    return b"".join([piece async for piece in reader.read(console, offset_bytes)])


async def problem_of(session: Session) -> str:
    return (await reader_of(session).consoles()).problem


async def test_a_free_exporter_hands_out_the_logs_of_one_lease_and_nothing_else(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    kept("another", console=b"secret")
    settings = kept("a", console=BOOT, uart=b"ready\r\n")
    (Path(settings["folder"]) / "lab.bench" / "a_demo" / "put here [by hand].log").touch()
    async with running(consoleLogs=settings):
        await plane.heard(Status.AVAILABLE)
        assert plane.place is not None
        assert plane.place.serves_logs
        async with attach(plane.offer_logs("a")) as session:
            assert list(session.root.children) == ["logs"]
            found = await reader_of(session).consoles()
            assert (found.logs, found.problem) == ([KeptLog("console", len(BOOT)), KeptLog("uart", 7)], "")
            assert await read(session, "console") == BOOT
            assert await read(session, "uart", 5) == b"\r\n"
            assert await read(session, "uart", 99) == b""
            with pytest.raises(errors.CallRefused, match='no log of a console "power"'):
                await read(session, "power")
            with pytest.raises(errors.CallRefused, match="offset_bytes is -1"):
                await read(session, "uart", -1)
        assert plane.attendance == []


async def test_while_another_lease_is_served_neither_notices_the_other(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    async with running(consoleLogs=kept("a", console=b"before")):
        await plane.heard(Status.AVAILABLE)
        async with attach(plane.offer_logs("a")) as session:
            assert await read(session, "console") == b"before"
            plane.lease("b")
            await plane.heard(Status.LEASE_READY, "b")
            async with attach(plane.offer_logs("a")) as second:
                assert await read(second, "console") == b"before"
                assert session.exporter_name == second.exporter_name == "bench"
                assert list(second.root.children) == ["logs"]
            assert {times for _, times in plane.attendance} <= {0}
            async with plane.dial() as its_own:
                await its_own.root.power.on()
                assert list(its_own.root.children) == ["power"]
            plane.release()
            await plane.heard(Status.AVAILABLE, "b")
            assert await read(session, "console") == b"before"


async def test_the_log_of_the_lease_that_lasts_is_read_as_far_as_it_is(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    async with running(export={"board": {"type": "board/virtual"}}, consoleLogs={"folder": str(tmp_path)}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session, attach(plane.offer_logs("a")) as reader:
            assert "the consoles have said nothing" in await problem_of(reader)
            await session.root.board.power.on()
            await session.root.board.console.expect("stop autoboot", timeout=240)
            assert b"stop autoboot" in await read(reader, "board.console")


async def test_a_lease_that_has_the_uid_of_another_for_its_name_is_not_taken_for_it(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    async with running(consoleLogs=kept("b", name="a", console=b"secret")):
        await plane.heard(Status.AVAILABLE)
        async with attach(plane.offer_logs("a")) as session:
            assert 'exporter "bench" has no console log of this lease' in await problem_of(session)
            with pytest.raises(errors.CallRefused, match="no log of a console"):
                await read(session, "console")


async def test_of_one_lease_two_read_at_once_and_of_all_four(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    for uid in ("b", "c"):
        kept(uid, console=b"x")
    async with running(consoleLogs=kept("a", console=b"x")), AsyncExitStack() as stack:
        await plane.heard(Status.AVAILABLE)
        first = await stack.enter_async_context(AsyncExitStack())
        for uid, exits in (("a", first), ("a", stack), ("b", stack), ("b", stack)):
            session = await exits.enter_async_context(attach(plane.offer_logs(uid)))
            assert await problem_of(session) == ""
        for uid in ("a", "c"):
            async with attach(plane.offer_logs(uid)) as session:
                busy = await problem_of(session)
                assert "hands out console logs to 4 others now, and takes 4 at once, 2 of one lease" in busy
                with pytest.raises(errors.CallRefused, match="try again in a moment"):
                    await read(session, "console")
        await first.aclose()

        async def is_free() -> bool:
            async with attach(plane.offer_logs("c")) as session:
                return not await problem_of(session)

        async with asyncio.timeout(240):
            while not await is_free():
                pass


async def test_a_reader_that_vanishes_makes_room(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    async with running(consoleLogs=kept("a", console=b"x")) as exporter:
        await plane.heard(Status.AVAILABLE)
        link = plane.offer_logs("a")
        async with attach(link) as session:
            assert await problem_of(session) == ""
            await link.aclose()
            await until(lambda: not exporter._log_sessions._reading)


async def test_an_offer_that_is_told_again_is_served_once(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with running(consoleLogs=kept("a", console=b"x")):
        await plane.heard(Status.AVAILABLE)
        async with AsyncExitStack() as stack:
            for _ in range(2):  # the second message has both offers
                session = await stack.enter_async_context(attach(plane.offer_logs("a")))
                assert await problem_of(session) == ""
    served = [line for line in caplog.messages if line == "a client reads the console logs of the lease of uid a"]
    assert len(served) == 2


async def test_a_reader_that_stays_is_sent_away(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sessions, "BOUND_SECONDS", 0.2)
    async with running(consoleLogs=kept("a", console=b"x")):
        await plane.heard(Status.AVAILABLE)
        async with attach(plane.offer_logs("a")) as session:
            ending = await asyncio.wait_for(asyncio.shield(session.ended), 240)
            assert "can be read for 0.2 s at a time; ask for them again" in str(ending)


async def test_where_none_are_kept_or_can_be_read_it_is_said(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    async with running(consoleLogs={"enabled": False}):
        await plane.heard(Status.AVAILABLE)
        async with attach(plane.offer_logs("a")) as session:
            assert 'keeps no console logs: its configuration file says "consoleLogs: {enabled: false}"' in (
                await problem_of(session)
            )
    async with running(consoleLogs={"folder": str(tmp_path), "keep": "36h", "size": "64MiB"}):
        await plane.heard(Status.AVAILABLE, times=2)
        async with attach(plane.offer_logs("a")) as session:
            assert "(keep: 36h, size: 64 MiB)" in await problem_of(session)


async def test_an_exporter_that_stops_waits_for_no_reader(
    plane: ControlPlane, running: Run, kept: Callable[..., dict[str, Any]]
) -> None:
    async with running(consoleLogs=kept("a", console=b"x")) as exporter:
        await plane.heard(Status.AVAILABLE)
        async with attach(plane.offer_logs("a")) as session:
            exporter.stop()
            await asyncio.wait_for(asyncio.shield(session.ended), 240)
    assert plane.goodbyes == ["the exporter is stopping"]
