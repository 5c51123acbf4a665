"""An exporter whose disk is full: it says so, its sessions go on, and it is itself again when there is room."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import AsyncGenericClient, errors
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane
from tests.exporter.waiting import until
from tests.small_disk import SmallDisk, small_disk

Start = Callable[..., Any]
PATIENCE_SECONDS = 240
ISOLATED = {"type": "power/virtual", "isolate": True}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 8 MiB and 100 files."""
    with small_disk(tmp_path / "disk", "size=8m,nr_inodes=100") as disk:
        yield disk


@pytest.fixture
def exporter(disk: SmallDisk, configured: Callable[..., dict[str, Any]]) -> Start:
    """Starts an exporter that has everything on that disk; gives its log."""

    @asynccontextmanager
    async def start(log: Path) -> AsyncIterator[None]:
        document = configured(
            consoleLogs={"folder": str(disk.folder / "logs")},
            auditLog={"file": str(disk.folder / "audit.log")},
            hooks={"beforeLease": {"script": "echo the hook has run"}},
            export={
                "board": {"type": "board/virtual", "config": {"console_memory_kib": 64}},
                "boot": {"type": "boot/server", "config": {"address": "127.0.0.1", "tftp_port": 0, "http_port": 0}},
                "power": ISOLATED,
            },
        )
        config = log.with_suffix(".yaml")
        config.write_text(yaml.safe_dump(document))
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "jumplab_exporter", "run", str(config)),
                env={**os.environ, "TMPDIR": str(disk.folder)},
                stdout=output,
                stderr=output,
            )
            try:
                yield
            finally:
                process.terminate()
                assert await process.wait() == 0

    return start


async def test_sessions_go_on_while_the_disk_is_full_and_all_is_kept_again_when_it_is_not(
    disk: SmallDisk, exporter: Start, plane: ControlPlane, tmp_path: Path
) -> None:
    log, image = tmp_path / "exporter.log", tmp_path / "image"
    image.write_bytes(os.urandom(1 << 20))
    async with exporter(log):
        await plane.heard(Status.AVAILABLE)
        disk.fill()
        async with leased(plane, "a") as board:
            await works_without_a_disk(board)
            with pytest.raises(OSError, match=r"No space left on device; free some room on that disk"):
                await board.boot.put(image, name="image")
            with pytest.raises(errors.DriverFailed, match=r"No space left on device; free some room on that disk"):
                await board.board.storage.write(image)
            await until(lambda: "audit.log can't be written: No space left on device" in log.read_text())
        disk.free()
        await until(lambda: "audit.log is written again; records lost: 0" in log.read_text())
        async with leased(plane, "b") as board:
            await works_without_a_disk(board)
            await board.boot.put(image, name="image")
            await board.board.power.off()
            assert (await board.board.storage.write(image)).size_bytes == 1 << 20
    said = log.read_text()
    assert said.count("the log of what the consoles say has gaps: ") == 1
    assert "beforeLease: the hook has run" in said
    assert "Errno" not in said
    assert "Traceback" not in said
    (kept,) = disk.folder.glob("logs/*/b_*/board.console.log")
    assert "=> version" in kept.read_text()
    leases = [json.loads(line).get("lease_uid") for line in (disk.folder / "audit.log").read_text().splitlines()]
    assert {"a", "b"} <= set(leases)


@pytest.mark.nightly
async def test_it_starts_on_a_full_disk(disk: SmallDisk, exporter: Start, plane: ControlPlane, tmp_path: Path) -> None:
    log = tmp_path / "exporter.log"
    disk.fill()
    async with exporter(log):
        await plane.heard(Status.AVAILABLE)
        async with leased(plane, "a") as board:
            await works_without_a_disk(board)
        disk.free()
        async with leased(plane, "b") as board:
            await works_without_a_disk(board)
        await until(lambda: any(disk.folder.glob("logs/*/b_*/board.console.log")))
    assert "Errno" not in log.read_text()
    assert "Traceback" not in log.read_text()
    assert json.loads((disk.folder / "audit.log").read_text().splitlines()[-1])["event"] == "stopped"


@asynccontextmanager
async def leased(plane: ControlPlane, uid: str) -> AsyncIterator[AsyncGenericClient]:
    """The drivers, for a lease's holder; the lease is over with the context."""
    plane.lease(uid)
    await plane.heard(Status.LEASE_READY, uid)
    async with plane.dial() as session:
        yield session.root
    plane.release()
    await plane.heard(Status.AVAILABLE, uid)


async def works_without_a_disk(board: AsyncGenericClient) -> None:
    """A driver in a process of its own, a console, and more calls than an audit log has room for."""
    for _ in range(40):
        await board.power.on()
    await board.board.power.on()
    await board.board.console.expect("=> ", timeout=PATIENCE_SECONDS, since="lease")
    await board.board.console.send("version\n")
    await board.board.console.expect("=> ", timeout=PATIENCE_SECONDS)
