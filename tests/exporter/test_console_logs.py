"""What consoles have said is kept on the exporter after the lease, within a size and an age."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.console_log_settings import ConsoleLogSettings
from jumplab_exporter.console_logs import ConsoleLogs, Recording
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until

WEEK = timedelta(days=7)
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def logs_in(folder: Path, *, keep: timedelta = WEEK, size_bytes: int = 1 << 20) -> ConsoleLogs:
    return ConsoleLogs(folder / "lab.bench", keep=keep, size_bytes=size_bytes, now=lambda: NOW)


def said(logs: ConsoleLogs, uid: str, text: bytes, *, name: str = "demo", ago: timedelta = timedelta()) -> None:
    """A lease whose console said this, so long ago."""
    recording = logs.recording(uid, name, pytest.fail)
    recording.append("console", text)
    recording.close()
    found = logs.lease(uid)
    assert found is not None
    moment = (NOW - ago).timestamp()
    for file in found.folder.iterdir():
        os.utime(file, (moment, moment))


def kept(logs: ConsoleLogs) -> list[str]:
    return [lease.uid for lease in logs.leases()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_lease_is_found_by_its_uid_and_by_its_name_and_each_console_read(tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    assert logs.leases() == []
    said(logs, "a", b"older", ago=timedelta(hours=1))
    recording = logs.recording("b", "demo", pytest.fail)
    recording.append("board.console", b"U-Boot\xff")
    recording.append("board.console", b"\r\n")
    recording.append("../../etc/pass_wd", b"no way out")
    recording.close()
    later = logs.lease("demo")
    assert later is not None
    assert (later.uid, later.name, later.consoles) == ("b", "demo", ["../../etc/pass_wd", "board.console"])
    with later.open("board.console") as log:
        assert log.read() == b"U-Boot\xff\r\n"
    with later.open("../../etc/pass_wd") as log:
        assert log.read() == b"no way out"
    assert logs.lease("a") is not None
    assert logs.lease("nothing") is None
    with pytest.raises(FileNotFoundError):
        later.open("fan")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab.bench"]


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    (tmp_path / "lab.bench").mkdir(mode=0o755)
    logs = logs_in(tmp_path)
    said(logs, "a", b"secret")
    [lease] = logs.leases()
    assert (mode(lease.folder.parent), mode(lease.folder)) == (0o700, 0o700)
    assert [mode(file) for file in lease.folder.iterdir()] == [0o600]


def test_a_lease_that_goes_on_in_the_next_process_goes_on_in_its_log(tmp_path: Path) -> None:
    said(logs_in(tmp_path), "a", b"one ")
    said(logs_in(tmp_path), "a", b"two")
    lease = logs_in(tmp_path).lease("a")
    assert lease is not None
    with lease.open("console") as log:
        assert log.read() == b"one two"


def test_what_is_too_old_goes_and_of_what_is_too_much_the_oldest(tmp_path: Path) -> None:
    logs = logs_in(tmp_path, size_bytes=100)
    for uid, days in (("ancient", 8), ("old", 6), ("newer", 3), ("newest", 1)):
        said(logs, uid, b"x" * 40, ago=timedelta(days=days))
    assert kept(logs) == ["old", "newer", "newest"]  # the last one's beginning has removed the ancient one
    assert logs.prune() == 80
    assert kept(logs) == ["newer", "newest"]
    assert logs_in(tmp_path, size_bytes=10).prune(current="newer") == 40
    assert kept(logs) == ["newer"]


def test_a_lease_that_says_too_much_loses_its_log_s_end_and_is_told(tmp_path: Path) -> None:
    sentences: list[str] = []
    logs = logs_in(tmp_path, size_bytes=64_000)
    said(logs, "before", b"x" * 1000)
    recording = logs.recording("a", "demo", sentences.append)
    for _ in range(100):
        recording.append("console", b"x" * 1000)
    recording.close()
    assert sentences == ["this lease's consoles have filled the room for console logs; the log ends here"]
    [lease] = logs.leases()
    assert (lease.uid, 64_000 <= lease.size_bytes <= 67_000) == ("a", True)


def test_a_disk_that_takes_nothing_is_told_once_and_costs_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "lab.bench").write_text("in the way")
    sentences: list[str] = []
    recording: Recording = logs_in(tmp_path).recording("a", "demo", sentences.append)
    recording.append("console", b"one")
    recording.append("console", b"two")
    assert len(sentences) == 1
    assert "the log of what the consoles say has gaps: " in sentences[0]
    (tmp_path / "lab.bench").unlink()
    recording.append("console", b"three")
    recording.close()
    lease = logs_in(tmp_path).lease("a")
    assert lease is not None
    with lease.open("console") as log:
        assert log.read() == b"three"


async def test_what_a_console_said_in_a_lease_can_be_read_after_it(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    settings = {"folder": str(tmp_path), "keep": "24h", "size": "1MiB"}
    async with running(export={"board": {"type": "board/virtual"}}, consoleLogs=settings):
        for uid in ("a", "b"):
            plane.lease(uid, name=f"demo-{uid}")
            await plane.heard(Status.LEASE_READY, uid)
            async with plane.dial() as session:
                await session.root.board.power.on()
                await session.root.board.console.expect("=> ", timeout=240)
            plane.release()
            await plane.heard(Status.AVAILABLE, uid)
    logs = logs_in(tmp_path)
    for uid in ("a", "b"):
        lease = logs.lease(f"demo-{uid}")
        assert lease is not None
        assert lease.consoles == ["board.console"]
        with lease.open("board.console") as log:
            assert log.read().endswith(b"=> ")


async def test_an_exporter_that_starts_removes_what_is_too_old(running: Run, tmp_path: Path) -> None:
    logs = logs_in(tmp_path)
    said(logs, "ancient", b"x", ago=timedelta(days=9999))
    async with running(consoleLogs={"folder": str(tmp_path)}):
        await until(lambda: not logs.leases())


async def test_none_is_kept_where_that_is_off(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    settings = {"enabled": False, "folder": str(tmp_path)}
    async with running(
        export={"console": {"type": "console/serial", "config": {"url": "loop://"}}}, consoleLogs=settings
    ):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.console.send("echo")
            await session.root.console.expect("echo", timeout=240)
    assert not os.listdir(tmp_path)


def test_the_folder_is_the_service_s_or_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    logs = ConsoleLogSettings().logs_of("lab.bench")
    assert logs is not None
    assert logs._folder == Path("/var/lib/a/console-logs/lab.bench")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/me/.state")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    logs = ConsoleLogSettings().logs_of("lab.bench")
    assert logs is not None
    assert logs._folder == Path("/home/me/.state/jumplab-exporter/console-logs/lab.bench")


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [("512MiB", 512 << 20), ("1GiB", 1 << 30), ("2Gi", 2 << 30), ("64 KiB", 64 << 10), (4096, 4096)],
)
def test_sizes_are_written_as_people_do(size: Any, size_bytes: int, configured: Callable[..., dict[str, Any]]) -> None:
    config = ExporterConfig.model_validate(configured(consoleLogs={"size": size}))
    assert config.console_logs.size_bytes == size_bytes


@pytest.mark.parametrize(
    "wrong", [{"size": "big"}, {"size": 0}, {"size": "1GB"}, {"keep": "7d"}, {"keep": "0s"}, {"kep": "1h"}]
)
def test_settings_that_mean_nothing_are_refused(
    wrong: dict[str, Any], configured: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(ValidationError):
        ExporterConfig.model_validate(configured(consoleLogs=wrong))
