"""The clock of the control plane's machine is set by hours: each lease keeps what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import jumplab
from tests.kube.processes import Process
from tests.kube.servers import RealKubeApi
from tests.lab.homes import OnCluster, OneMachine
from tests.lab.lab import Lab
from tools.chaos import clocks

pytestmark = pytest.mark.needs("faketime")

_HOUR = 3600
_SAME = timedelta(seconds=10)
"""Two clocks are read one after the other, and times have whole seconds."""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    return tmp_path / "clock"


@pytest.fixture(params=["one machine", "cluster"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, clock: Path) -> Iterator[Lab]:
    environment = clocks.environment(clock)
    if request.param == "one machine":
        with Lab(OneMachine(tmp_path, environment), tmp_path) as lab:
            yield lab
        return
    (tmp_path / "api").mkdir()
    with RealKubeApi(tmp_path / "api") as api, Lab(OnCluster(tmp_path, api, environment), tmp_path) as lab:
        yield lab


def set_clock(lab: Lab, clock: Path, seconds: int) -> None:
    """The operator's machine has another time when this returns, and the control plane goes by it."""
    process = lab.home.process
    before = process.output().count("running again")
    clocks.shift(clock, seconds)
    process.wait_until(lambda: process.output().count("running again") > before, "that it goes by the new time")


def times(lab: Lab, lease: str) -> tuple[datetime, datetime]:
    status = lab.get("leases", lease)["status"]
    assert not status.get("ended")
    return datetime.fromisoformat(status["beginTime"]), datetime.fromisoformat(status["expectedEndTime"])


@pytest.mark.parametrize(
    "seconds", [2 * _HOUR, pytest.param(-2 * _HOUR, marks=pytest.mark.nightly)], ids=["forward", "back"]
)
def test_a_lease_in_force_keeps_its_length(lab: Lab, clock: Path, seconds: int) -> None:
    lab.exporter("bench-set")
    lab.lease("held", board="bench-set", duration="1h")
    lab.until_ready("held")
    with jumplab.attach("held", client=lab.config) as root:
        root.board.power.on()
        begin, end = times(lab, "held")
        set_clock(lab, clock, seconds)
        assert root.board.power.is_on()
        moved_begin, moved_end = times(lab, "held")
        assert moved_end - moved_begin == end - begin
        assert abs(moved_end - end - timedelta(seconds=seconds)) < _SAME
    assert "this machine's clock was set" in lab.home.process.output()
    lab.lease("next-set", board="bench-set", duration="1h")
    lab.release("held")
    lab.until_ready("next-set")


@pytest.mark.nightly
@pytest.mark.parametrize("seconds", [2 * _HOUR, -2 * _HOUR], ids=["forward", "back"])
def test_also_if_no_control_plane_ran_meanwhile(lab: Lab, clock: Path, seconds: int) -> None:
    lab.exporter("bench-set")
    lab.lease("held", board="bench-set", duration="1h")
    lab.until_ready("held")
    _, end = times(lab, "held")
    lab.home.kill()
    clocks.shift(clock, seconds)
    lab.home.start()
    _, moved_end = times(lab, "held")
    assert abs(moved_end - end - timedelta(seconds=seconds)) < _SAME


@pytest.mark.nightly
def test_a_reservation_keeps_its_moment(lab: Lab, clock: Path) -> None:
    lab.exporter("bench-set")
    seen = datetime.fromisoformat(lab.get("exporters", "bench-set")["status"]["lastSeen"])
    begin = (seen + timedelta(hours=5)).isoformat()
    lab.lease("later", board="bench-set", beginTime=begin, duration="1h")
    lab.until("leases", "later", lambda it: it["status"].get("state") == "Scheduled")
    set_clock(lab, clock, 2 * _HOUR)
    lab.lease("now", board="bench-set", duration="30m")
    lab.until_ready("now")
    assert lab.get("leases", "later")["spec"]["beginTime"] == begin


@pytest.mark.nightly
@pytest.mark.parametrize("seconds", [2 * _HOUR, -2 * _HOUR], ids=["forward", "back"])
def test_the_clock_of_the_exporter_s_machine_counts_for_nothing(lab: Lab, tmp_path: Path, seconds: int) -> None:
    its_clock = tmp_path / "exporter.clock"
    lab.exporter("bench-set", environment=clocks.environment(its_clock))
    lab.lease("held", board="bench-set", duration="20s")
    lab.until_ready("held")
    with jumplab.attach("held", client=lab.config) as root:
        root.board.power.on()
        clocks.shift(its_clock, seconds)
        assert root.board.power.is_on()
        status = lab.until_ended("held")["status"]
    lasted = datetime.fromisoformat(status["endTime"]) - datetime.fromisoformat(status["beginTime"])
    assert timedelta(seconds=15) <= lasted < timedelta(hours=1)
    lab.until_available("bench-set")


@pytest.mark.nightly
def test_a_control_plane_whose_clock_is_days_behind_says_so(tmp_path: Path, clock: Path) -> None:
    home = OneMachine(tmp_path, clocks.environment(clock))
    home.connect().close()
    home.kill()
    clocks.shift(clock, -72 * _HOUR)
    Process.start(home.process)  # nobody waits until it serves
    said = "the certificate authority is not valid before"
    home.process.wait_until(lambda: said in home.process.output(), "its sentence")
    home.close()
    assert "UTC, and this machine's clock says 20" in home.process.output()
