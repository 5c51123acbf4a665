"""What an exporter finds out about its devices, and when."""

import logging
from pathlib import Path
from typing import ClassVar

import pytest

from jumplab.driver import Driver
from jumplab.drivers.power import PowerInterface
from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run, Said
from tests.exporter.waiting import gone, until


class Moody(PowerInterface, Driver):
    """Power whose health is in a file.  mood: that file; what it says is what is wrong."""

    mood: Path
    checked: ClassVar[int] = 0

    async def on(self) -> None: ...
    async def off(self) -> None: ...
    async def is_on(self) -> bool:
        return False

    async def check(self) -> None:
        Moody.checked += 1
        if self.mood.exists():
            raise OSError(self.mood.read_text())


def moody(mood: Path) -> dict[str, object]:
    return {"power": {"type": "tests.exporter.test_health.Moody", "config": {"mood": str(mood)}}}


async def found(plane: ControlPlane, check: "pb.HealthCheck", *, times: int = 1) -> Said:
    """Waits until the exporter has said so of its health."""

    def said() -> list[Said]:
        return [each for each in plane.said if each.health.check == check]

    await until(lambda: len(said()) >= times)
    return said()[-1]


async def test_an_exporter_without_checks_says_so(plane: ControlPlane, running: Run) -> None:
    async with running():
        assert (await plane.heard(Status.AVAILABLE)).health == pb.HealthReport()


async def test_a_check_is_made_before_the_first_lease(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    async with running(healthCheck={"script": f"touch {tmp_path}/checked"}):
        passed = await found(plane, pb.HEALTH_CHECK_PASSED)
        assert plane.said[0].health.check == pb.HEALTH_CHECK_DUE
        assert passed.status is Status.AVAILABLE
        assert (tmp_path / "checked").exists()


async def test_a_check_that_fails_is_told_with_the_last_lines_of_the_log(
    plane: ControlPlane, running: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running(healthCheck={"script": "echo no answer from the relay; exit 3"}):
        health = (await found(plane, pb.HEALTH_CHECK_FAILED)).health
    assert health.failures == 1
    assert health.message == "hook healthCheck failed with exit status 3"
    assert health.failed_at.seconds
    assert "healthCheck: no answer from the relay" in health.log


async def test_a_console_whose_device_is_required_is_checked_and_one_that_is_not_is_left_alone(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    def console(required: bool) -> dict[str, object]:
        config = {"url": str(tmp_path / "ttyUSB0"), "required": required}
        return {"console": {"type": "console/serial", "config": config}}

    async with running(export=console(False)):
        assert (await plane.heard(Status.AVAILABLE)).health == pb.HealthReport()
    async with running(export=console(True)):
        health = (await found(plane, pb.HEALTH_CHECK_FAILED)).health
    assert health.message == f'driver "console": {tmp_path}/ttyUSB0 can\'t be opened: there is no such device'


async def test_a_drivers_own_check_needs_no_configuration(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    (tmp_path / "mood").write_text("the relay is stuck")
    async with running(export=moody(tmp_path / "mood"), healthCheck={"interval": 0.1}):
        failed = await found(plane, pb.HEALTH_CHECK_FAILED, times=2)
        assert failed.health.message == 'driver "power": the relay is stuck'
        assert failed.health.failures == 2
        (tmp_path / "mood").unlink()
        passed = await found(plane, pb.HEALTH_CHECK_PASSED)
        assert (passed.health.failures, passed.health.log) == (0, "")


async def test_a_check_past_its_timeout_has_failed(plane: ControlPlane, running: Run) -> None:
    async with running(healthCheck={"script": "sleep 1000", "timeout": 0.2}):
        health = (await found(plane, pb.HEALTH_CHECK_FAILED)).health
    assert "0.2 s" in health.message


async def test_a_lease_does_not_wait_for_a_check(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with running(healthCheck={"script": f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 1000"}):
        await until(pid.exists)
        plane.lease("uid-1")
        ready = await plane.heard(Status.LEASE_READY, "uid-1")
        await gone(int(pid.read_text()))
        assert ready.health.check == pb.HEALTH_CHECK_DUE
        plane.release()
        await plane.heard(Status.AVAILABLE, "uid-1")


async def test_after_a_lease_that_failed_the_devices_are_checked(plane: ControlPlane, running: Run) -> None:
    hooks = {"beforeLease": {"script": "exit 1", "onFailure": "endLease"}}
    async with running(healthCheck={"script": "true"}, hooks=hooks):
        await found(plane, pb.HEALTH_CHECK_PASSED)
        plane.lease("uid-1")
        failed = await plane.heard(Status.BEFORE_LEASE_HOOK_FAILED, "uid-1")
        assert failed.release
        assert failed.health.check == pb.HEALTH_CHECK_DUE
        plane.release()
        await until(
            lambda: plane.said[-1].lease_uid == "uid-1" and plane.said[-1].health.check == pb.HEALTH_CHECK_PASSED
        )


async def test_a_clean_up_that_fails_counts_until_one_succeeds(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    hooks = {"afterLease": {"script": f"test -e {tmp_path}/clean"}}
    async with running(hooks=hooks):
        for number in (1, 2):
            plane.lease(f"uid-{number}")
            await plane.heard(Status.LEASE_READY, f"uid-{number}")
            plane.release()
            assert (await plane.heard(Status.AVAILABLE, f"uid-{number}")).health.failures == number
        (tmp_path / "clean").touch()
        plane.lease("uid-3")
        await plane.heard(Status.LEASE_READY, "uid-3")
        plane.release()
        assert (await plane.heard(Status.AVAILABLE, "uid-3")).health.failures == 0


async def test_drivers_that_can_not_be_used_are_named_apart(plane: ControlPlane, running: Run) -> None:
    async with running(export={"power": {"type": "power/virtual"}, "relay": {"type": "no/such"}}):
        health = (await plane.heard(Status.AVAILABLE)).health
    assert 'driver "relay" can\'t be used' in health.broken_drivers
    assert health.failures == 0


async def test_an_isolated_driver_is_checked_in_its_process(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    mood = tmp_path / "mood"
    mood.write_text("the fuse is blown")
    export = {"power": {**moody(mood)["power"], "isolate": True}}  # type: ignore[dict-item] # an entry is a mapping
    before = Moody.checked
    async with running(export=export):
        failed = await found(plane, pb.HEALTH_CHECK_FAILED)
        assert failed.health.message == 'driver "power": the fuse is blown'
        assert Moody.checked == before
