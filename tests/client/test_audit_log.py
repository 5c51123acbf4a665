"""Audit logs as files: lines of JSON, bounded, private, and never in the way of who adds to them."""

import json
import logging
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from jumplab import audit_log
from jumplab.audit_log import FEWEST_BYTES, FILES, AuditLog
from jumplab.private_files import NotWritten

LOGGER = "jumplab.audit_log"


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def parts(file: Path) -> list[Path]:
    """All its files, the oldest first."""
    older = [file.with_name(f"{file.name}.{number}") for number in range(FILES + 5, 0, -1)]
    return [each for each in (*older, file) if each.exists()]


class Heard(logging.Handler):
    """The sentences of the log, each of which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.some = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.some.set()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the last records may take longer than a program waits for them."""
    monkeypatch.setattr(audit_log, "_CLOSING_BOUND_SECONDS", 300)


@pytest.fixture
def heard() -> Any:
    handler, logger = Heard(), logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(level)
    logger.removeHandler(handler)


def test_a_record_is_a_line_of_json_without_what_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with AuditLog(file, "exporter") as log:
        log.add("call", driver="power", seconds=0.0, error="", holder=None)
    started, call, stopped = records(file)
    assert call.pop("time").endswith("Z")
    assert call == {"log": "exporter", "event": "call", "driver": "power", "seconds": 0.0}
    assert (started["event"], stopped["event"]) == ("started", "stopped")
    assert started["process"] == os.getpid()


def test_the_file_is_its_owners_and_has_neither_control_sequences_nor_more_lines_than_records(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with AuditLog(file, "exporter") as log:
        log.add("call", method="\x1b[2J\nx\x9b\ud800")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(records(file)) == 3
    assert file.read_bytes().isascii()
    assert b"\x1b" not in file.read_bytes()


def test_no_file_grows_beyond_its_part_and_the_oldest_goes(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    for part in range(3):
        with AuditLog(file, "exporter", FEWEST_BYTES) as log:
            for number in range(2_000):
                log.add("call", number=part * 2_000 + number)
    found = parts(file)
    assert len(found) == FILES
    assert all(each.stat().st_size <= FEWEST_BYTES // FILES for each in found)
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in found)
    numbers = [record["number"] for each in found for record in records(each) if record["event"] == "call"]
    assert numbers == list(range(numbers[0], 6_000))
    assert numbers[0] > 0


def test_a_disk_that_stays_full_is_said_once_and_what_does_not_wait_is_counted(heard: Heard) -> None:
    log = AuditLog(Path("/dev/full"), "exporter")
    with log:
        for number in range(30_000):
            log.add("call", number=number)
    assert 0 < log.lost < 30_000
    assert "the audit log /dev/full can't be written: No space left on device" in heard.lines[0]
    assert [line for line in heard.lines if "can't be written" in line] == heard.lines[:1]
    assert "were not written" in heard.lines[-1]


def test_once_there_is_room_again_what_waited_is_written_with_how_much_was_lost(tmp_path: Path, heard: Heard) -> None:
    file = tmp_path / "audit.jsonl"
    file.symlink_to("/dev/full")
    with AuditLog(file, "exporter") as log:
        assert heard.some.wait()
        for number in range(30_000):
            log.add("call", number=number)
        file.unlink()
    written = records(file)
    [lost] = [record["records"] for record in written if record["event"] == "lost"]
    numbers = [record["number"] for record in written if record["event"] == "call"]
    assert lost == log.lost
    assert numbers == list(range(len(numbers)))
    assert len(numbers) + lost in (30_000, 30_001)  # the record `stopped` has no room if the calls left none
    assert "is written again" in heard.lines[-1]


def test_a_line_that_was_torn_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text('{"time":"2026')
    with AuditLog(file, "exporter") as log:
        log.add("call")
    torn, *whole = file.read_text().splitlines()
    assert torn == '{"time":"2026'
    assert [json.loads(line)["event"] for line in whole] == ["started", "call", "stopped"]


def test_a_file_that_somebody_has_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file, moved = tmp_path / "audit.jsonl", tmp_path / "moved"
    with AuditLog(file, "exporter") as log:
        file.rename(moved)
        log.add("call")
    assert [record["event"] for record in (*records(moved), *records(file))] == ["started", "call", "stopped"]
    assert records(file)[-1]["event"] == "stopped"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_records_of_many_threads_all_come(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with AuditLog(file, "exporter") as log:
        threads = [threading.Thread(target=lambda: [log.add("call") for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(records(file)) == 4_002


@pytest.mark.parametrize("kind", ["no folder", "a folder", "a pipe that nobody reads"])
def test_a_place_where_no_file_can_be_is_one_sentence(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "audit.jsonl"
    if kind == "no folder":
        file = tmp_path / "none" / "audit.jsonl"
    elif kind == "a folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    sentence = f"the audit log {file} can't be written: .*; correct its name"
    with pytest.raises(NotWritten, match=sentence), AuditLog(file, "exporter"):
        pass
