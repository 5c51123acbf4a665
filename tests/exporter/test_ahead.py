"""An exporter waits at the router for the next client of its lease, so that the client need not wait for it."""

import asyncio
from pathlib import Path

import pytest

from jumplab.driver import errors
from jumplab.session.client import attach
from jumplab_exporter.reports import Status
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.waiting import until


async def test_one_client_after_the_other_is_met(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        for _ in range(3):
            async with attach(await plane.met()) as session:
                await session.root.power.on()
                assert await session.root.power.is_on()
        assert set(plane.spares) == {"a"}


async def test_after_the_controller_was_away_the_next_client_is_met_again(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        await until(lambda: plane.spares)
        await plane.stop()
        waited = len(plane.spares)
        await plane.start()
        await until(lambda: len(plane.spares) > waited)
        async with attach(await plane.met()) as session:
            await session.root.power.on()


async def test_the_end_of_the_lease_ends_the_session_of_who_was_met_and_the_next_lease_has_its_own(
    plane: ControlPlane, running: Run
) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with attach(await plane.met()) as session:
            plane.release()
            await until(session.ended.done)
            with pytest.raises((errors.SessionEnded, errors.SessionLost)):
                await session.root.power.off()
        await plane.heard(Status.AVAILABLE, "a")
        plane.lease("b")
        await until(lambda: plane.spares[-1] == "b")
        async with attach(await plane.met()) as session:
            assert not await session.root.power.is_on()


async def test_a_controller_that_makes_offers_only_is_asked_once(plane: ControlPlane, running: Run) -> None:
    plane.only_offers = True
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
    assert not plane.spares


async def test_who_is_met_and_offered_as_well_is_served_once(plane: ControlPlane, running: Run) -> None:
    async with running():
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with attach(await plane.met(offered=True)) as session:
            await session.root.power.on()
            async with plane.dial() as other:  # what comes after the offer that was met already
                assert await other.root.power.is_on()
            assert await session.root.power.is_on()


async def test_who_is_met_while_beforelease_runs_is_served_after_it(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    """The exporter's process was replaced in the middle of a lease: the lease is ready, the board isn't yet."""
    script = f"touch {tmp_path}/begun; until [ -e {tmp_path}/go ]; do sleep 0.05; done; touch {tmp_path}/done"
    prepared = []

    async def use() -> None:
        async with attach(await plane.met()) as session:
            prepared.append((tmp_path / "done").exists())
            await session.root.power.on()

    async with running(hooks={"beforeLease": {"script": script, "timeout": 100}}), asyncio.TaskGroup() as tasks:
        plane.lease("a")
        await until((tmp_path / "begun").exists)
        tasks.create_task(use(), name="a client")
        await until(lambda: len(plane.spares) > 1)
        (tmp_path / "go").touch()
    assert prepared == [True]
