"""What an exporter logs of its drivers: whose each line is, and a traceback for faults of their code alone."""

import asyncio
import logging
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from jumplab.driver import Driver, DriverInterface, errors
from jumplab_exporter.log_format import LINE, ExporterFormatter
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


class MeterInterface(DriverInterface):
    async def read(self, channel: int) -> int:
        raise NotImplementedError


class Meter(MeterInterface, Driver):
    """A driver whose device and whose code fail, as it is asked."""

    async def read(self, channel: int) -> int:
        logging.getLogger("a.library").warning("the fuse is warm")
        self.log.info("measuring\nchannel %d", channel)
        if channel == 1:
            raise ValueError("there is no channel 1")
        if channel == 2:
            raise ConnectionError("the meter does not answer")
        return {}[channel]  # type: ignore[no-any-return] # a fault


class Nothing(DriverInterface):
    """Has no methods."""


class Missing(Nothing, Driver):
    """Its device is not there."""

    async def __aenter__(self) -> Self:
        raise FileNotFoundError("there is no meter; plug it in")


class Faulty(Nothing, Driver):
    """Its code is wrong at its start."""

    async def __aenter__(self) -> Self:
        return None.nothing  # type: ignore[attr-defined,no-any-return] # a fault


class Unbuilt(Driver):
    """Its code is wrong when it is built."""

    def __init__(self, **configuration: Any) -> None:
        raise KeyError("volts")


class Leaving(Nothing, Driver):
    """Can't be left."""

    async def __aexit__(self, *_: Any) -> None:
        raise OSError("the meter is stuck")


def entry(kind: type[Driver]) -> dict[str, Any]:
    return {"type": f"{__name__}.{kind.__name__}"}


EXPORT = {
    "board": {"children": {"meter": entry(Meter), "missing": entry(Missing), "leaving": entry(Leaving)}},
    "faulty": entry(Faulty),
    "unbuilt": entry(Unbuilt),
    "console": {"type": "console/serial", "config": {"url": "/dev/nowhere"}},
    "wrong": {"type": "console/serial", "config": {"url": "ftp://127.0.0.1"}},
    "unset": {"type": "console/serial", "config": {}},
}


@asynccontextmanager
async def logged(path: Path) -> AsyncIterator[Callable[[], str]]:
    """An exporter of its own process; gives a function that ends it and says what it has logged."""
    file = path.with_suffix(".log")
    with file.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jumplab_exporter", "run", str(path), stdout=output, stderr=output
        )
    try:
        yield file.read_text
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def the_log(plane: ControlPlane, path: Path) -> str:
    """Of a lease in which everything goes wrong that can."""
    async with logged(path) as log:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            meter = session.root.board.meter
            for channel, kind in ((1, errors.CallRefused), (2, errors.CallDisconnected), (3, errors.CallFailed)):
                with pytest.raises(kind):
                    await meter.read(channel)
            with pytest.raises(errors.BadArguments):
                await meter._node.caller.call(meter._node.uuid, "read", b'{"channel": "high"}')
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
        return log()


@pytest.fixture
async def lines(plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path) -> list[str]:
    path = tmp_path / "exporter.yaml"
    path.write_text(yaml.safe_dump(configured(export=EXPORT)))
    return (await the_log(plane, path)).splitlines()


def of(lines: list[str], driver: str) -> list[str]:
    return [line.partition(f"[{driver}] ")[2] for line in lines if f"[{driver}] " in line]


async def test_each_line_has_its_time_and_its_driver_and_faults_alone_a_traceback(lines: list[str]) -> None:
    assert STAMP.match(lines[0])
    assert of(lines, "board.missing") == ["did not start: there is no meter; plug it in"]
    assert of(lines, "console") == [
        "not there yet: /dev/nowhere can't be opened: there is no such device; it is opened when it comes"
    ]
    assert [line for line in of(lines, "wrong") if "did not start: ftp://127.0.0.1 can't be opened: " in line]
    [unset] = of(lines, "unset")
    assert re.match(r"can't be used: .*SerialConsole: url: is missing; ", unset)
    meter = of(lines, "board.meter")
    assert "the fuse is warm" in meter
    assert "measuring channel 2" in meter
    assert "read failed: there is no channel 1" in meter
    assert "read failed: the meter does not answer" in meter
    assert 'read failed: channel: must be a whole number, not "high"; its arguments are (channel: int)' in meter
    assert of(lines, "board.leaving") == ["it failed while it was torn down: the meter is stuck"]
    faults = [line for line in lines if re.match(r"\w+(Error|Exception)\b", line)]
    assert [fault.partition(":")[0] for fault in faults] == ["KeyError", "AttributeError", "KeyError"]
    assert lines.count("Traceback (most recent call last):") == len(faults)
    of_the_exporter = [line for line in lines if STAMP.match(line) and "[" not in line]
    assert all(re.search(r" INFO    (Preparing|Ready|Cleaning|Available|lease )", line) for line in of_the_exporter)


def test_a_message_of_several_lines_is_one_and_names_no_driver_where_there_is_none() -> None:
    record = logging.makeLogRecord({"msg": "one\ntwo", "levelname": "INFO", "created": 1796422211.0})
    assert ExporterFormatter(LINE).format(record) == "2026-12-04T22:10:11Z INFO    one two"
