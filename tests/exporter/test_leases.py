"""One lease after another, whatever goes away: an exporter against a controller and a router at the wire."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from jumplab.driver import Driver, errors
from jumplab.drivers.power import PowerInterface
from jumplab_exporter.drivers.power.virtual import VirtualPower
from jumplab_exporter.errors import Stopped
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until


def marking(path: Path, word: str, **settings: object) -> dict[str, object]:
    return {"script": f"echo {word} $LEASE_NAME $CLIENT_NAME >> {path}", **settings}


async def test_an_exporter_registers_its_drivers_and_is_available(plane: ControlPlane, running: Run) -> None:
    async with running():
        said = await plane.heard(Status.AVAILABLE)
    assert said.epoch
    labels = [dict(report.labels) for report in plane.registered[0].reports]
    assert labels[1]["jumpstarter.dev/name"] == "power"
    assert plane.goodbyes == ["the exporter is stopping"]


async def test_a_lease_gets_its_drivers_and_hooks_and_then_the_next_one(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    hooks = {"beforeLease": marking(marks, "before"), "afterLease": marking(marks, "after")}
    async with running(hooks=hooks):
        await plane.heard(Status.AVAILABLE)
        for uid in ("a", "b"):
            plane.lease(uid, name=f"lease-{uid}")
            await plane.heard(Status.LEASE_READY, uid)
            async with plane.dial() as session:
                assert session.lease_name == f"lease-{uid}"
                assert not await session.root.power.is_on()
                await session.root.power.on()
            plane.release()
            await plane.heard(Status.AVAILABLE, uid)
    assert marks.read_text().split("\n")[:4] == [
        "before lease-a ci",
        "after lease-a ci",
        "before lease-b ci",
        "after lease-b ci",
    ]


async def test_the_end_of_a_lease_ends_its_session(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            plane.release()
            await until(session.ended.done)
            with pytest.raises((errors.SessionEnded, errors.SessionLost)):
                await session.root.power.off()
        await plane.heard(Status.AVAILABLE, "a")


async def test_a_lease_that_is_handed_over_keeps_its_drivers_and_cuts_the_old_holder_off(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    async with running(hooks={"beforeLease": marking(marks, "before"), "afterLease": marking(marks, "after")}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            plane.transfer("heir")
            ended = await session.ended
            assert 'belongs to client "heir" now' in str(ended)
            with pytest.raises(errors.SessionEnded):
                await session.root.power.off()
        async with plane.dial() as session:
            assert await session.root.power.is_on()
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    assert marks.read_text() == "before demo ci\nafter demo heir\n"


async def test_who_is_attached_is_reported_when_it_changes_and_again_on_a_new_connection(
    plane: ControlPlane, running: Run
) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial(), plane.dial():
            await until(lambda: plane.attendance[-1] == (True, 1))
        await until(lambda: plane.attendance[-1] == (False, 1))
        await plane.stop()
        await plane.start()
        reported = len(plane.attendance)
        await until(lambda: len(plane.attendance) > reported)
        assert plane.attendance[-1] == (False, 1)
        async with plane.dial() as session:
            await until(lambda: plane.attendance[-1] == (True, 2))
            told = []
            session.on_status = told.append
            async with plane.dial():
                pass
            await session.root.power.on()
            assert len(told) <= 1  # who attaches hears the status; who comes and goes is for the controller alone


async def test_only_a_client_that_does_something_uses_the_lease(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await until(lambda: plane.attendance[-1] == (True, 1))
            assert not plane.in_use
            await session.root.power.on()
            await until(lambda: plane.in_use)
            assert plane.attendance[-1] == (True, 1)
        await until(lambda: plane.attendance[-1] == (False, 1))
        assert not plane.in_use


async def test_several_clients_of_one_lease_share_its_drivers(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as one, plane.dial() as other:
            await one.root.power.on()
            assert await other.root.power.is_on()


async def test_nothing_is_reported_on_a_connection_before_the_controller_has_spoken(
    plane: ControlPlane, running: Run
) -> None:
    plane.slow_to_tell_seconds = 0.2
    async with running():
        await plane.heard(Status.AVAILABLE)
        await plane.stop()
        await plane.start()
        await plane.heard(Status.AVAILABLE, times=2)
    assert not plane.early_reports, "the controller has forgotten these: a connection begins with its Status stream"


async def test_a_controller_that_goes_away_ends_no_lease(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    async with running(hooks={"beforeLease": marking(marks, "before"), "afterLease": marking(marks, "after")}):
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
        await plane.stop()
        await plane.start()
        await plane.heard(Status.LEASE_READY, "a", times=2)
        async with plane.dial() as session:
            assert await session.root.power.is_on()
        assert marks.read_text() == "before demo ci\n"


async def test_a_release_that_was_missed_is_found_out_on_reconnecting(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        await plane.stop()
        plane.lease("b")
        await plane.start()
        await plane.heard(Status.AVAILABLE, "a")
        await plane.heard(Status.LEASE_READY, "b")


async def test_a_lease_expires_with_the_controller_away(plane: ControlPlane, running: Run, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    async with running(hooks={"afterLease": marking(marks, "after")}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        plane.extend(2.0)
        await until(lambda: plane.answered)
        await plane.stop()
        await until(marks.exists)
        await plane.start()
        await plane.heard(Status.AVAILABLE, "a")
        await until(lambda: plane.watching)
        assert not [said for said in plane.said[-1:] if said.status is Status.LEASE_READY]


async def test_reports_are_repeated_until_they_are_delivered(plane: ControlPlane, running: Run) -> None:
    plane.refuse_reports = 4
    async with running():
        await plane.heard(Status.AVAILABLE)


async def test_a_lease_that_ends_during_before_lease_is_cleaned_up(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    hooks = {"beforeLease": {"script": "sleep 1000", "timeout": 1000}, "afterLease": marking(marks, "after")}
    async with running(hooks=hooks):
        plane.lease("a")
        await plane.heard(Status.BEFORE_LEASE_HOOK, "a")
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    assert marks.read_text() == "after demo ci\n"
    assert Status.LEASE_READY not in [said.status for said in plane.said]


async def test_a_failing_before_lease_with_warn_goes_on(plane: ControlPlane, running: Run) -> None:
    async with running(hooks={"beforeLease": {"script": "exit 1"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")


async def test_a_failing_before_lease_with_end_lease_gives_it_back(plane: ControlPlane, running: Run) -> None:
    async with running(hooks={"beforeLease": {"script": "exit 1", "onFailure": "endLease"}}):
        plane.lease("a")
        await plane.heard(Status.AVAILABLE, "a")
        plane.lease("b")
        await plane.heard(Status.AVAILABLE, "b")


async def test_a_failing_before_lease_with_exit_ends_the_exporter(plane: ControlPlane, running: Run) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(Stopped, match="hook beforeLease failed with exit status 4")):
        async with running(hooks={"beforeLease": {"script": "exit 4", "onFailure": "exit"}}):
            plane.lease("a")
            await plane.heard(Status.AVAILABLE, "a")
            await asyncio.Event().wait()
    assert plane.goodbyes == ["hook beforeLease failed with exit status 4"]


async def test_a_failed_after_lease_is_told_with_the_free_exporter(plane: ControlPlane, running: Run) -> None:
    async with running(hooks={"afterLease": {"script": "exit 1"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        plane.release()
        said = await plane.heard(Status.AVAILABLE, "a")
        assert said.message == "hook afterLease failed with exit status 1"


class Unwilling(PowerInterface, Driver):
    """Does not start."""

    async def __aenter__(self) -> "Unwilling":
        raise ConnectionError("the relay does not answer")

    async def on(self) -> None: ...

    async def off(self) -> None: ...

    async def is_on(self) -> bool:
        return False


async def test_drivers_that_can_not_be_used_are_reported_and_the_others_served(
    plane: ControlPlane, running: Run
) -> None:
    export = {
        "power": {"type": "power/virtual"},
        "missing": {"type": "acme.Relay"},
        "wrong": {"type": "power/virtual", "config": {"colour": "red"}},
        "unwilling": {"type": f"{__name__}.Unwilling"},
    }
    async with running(export=export):
        assert 'driver "wrong" can\'t be used: ' in (await plane.heard(Status.AVAILABLE)).message
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        await until(lambda: len(plane.registered) > 1)
        failures = {
            report.labels["jumpstarter.dev/name"]: report.failure
            for report in plane.registered[-1].reports
            if report.failure
        }
        assert failures == {
            "missing": "driver type 'acme.Relay': there is no module 'acme'; install its package, or add the folder "
            "that it is in to PYTHONPATH",
            "wrong": f"{VirtualPower.__module__}.VirtualPower: colour: is not known; remove it or correct its "
            "spelling; its settings are: none",
            "unwilling": "the relay does not answer",
        }
        async with plane.dial() as session:
            await session.root.power.on()
            with pytest.raises(errors.DriverFailed, match="the relay does not answer"):
                await session.root.unwilling.on()


class Stubborn(PowerInterface, Driver):
    """Its calls end when they want to."""

    begun: ClassVar[list[bool]] = []
    done: ClassVar[list[bool]] = []

    def on(self) -> None:  # type: ignore[override] # a plain function runs in a thread
        import time

        self.begun.append(True)
        while not self.done:
            time.sleep(0.05)

    async def off(self) -> None: ...

    async def is_on(self) -> bool:
        return False


async def test_a_driver_that_hangs_keeps_the_exporter_not_ready_by_name(
    plane: ControlPlane, running: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jumplab_exporter.lease_session.TEARDOWN_BOUND_SECONDS", 0.3)
    async with running(export={"relay": {"type": f"{__name__}.Stubborn"}}):
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            calling = asyncio.create_task(session.root.relay.on())
            await until(lambda: Stubborn.begun)
            plane.release()
            with pytest.raises(errors.DriverError):
                await calling
        await until(lambda: any(said.message == "not ready: still running: relay" for said in plane.said))
        assert plane.said[-1].status is Status.AFTER_LEASE_HOOK
        Stubborn.done.append(True)
        await plane.heard(Status.AVAILABLE, "a")


async def test_a_token_that_is_not_valid_ends_the_exporter(plane: ControlPlane, running: Run) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(Stopped, match="the token is not valid")):
        async with running(token="another"):
            await asyncio.Event().wait()


async def test_a_certificate_that_is_not_trusted_ends_the_exporter(plane: ControlPlane, running: Run) -> None:
    stranger = ControlPlane()
    with pytest.RaisesGroup(pytest.RaisesExc(Stopped, match=r'not signed by a trusted CA.*check "tls.ca"')):
        async with running(tls={"ca": stranger.authority.certificate_pem.decode()}):
            await asyncio.Event().wait()


async def test_a_controller_that_is_not_there_is_waited_for(plane: ControlPlane, running: Run) -> None:
    await plane.stop()
    async with running():
        await plane.start()
        await plane.heard(Status.AVAILABLE)
