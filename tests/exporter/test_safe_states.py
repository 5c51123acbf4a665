"""A board's safe state: when it is reached, in which order, and what becomes of an exporter that can't reach it."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jumplab.driver import Driver, DriverInterface, errors
from jumplab.driver.interface import StateCall, states_of
from jumplab.drivers.power import PowerInterface
from jumplab.protocol.v1 import controller_pb2 as pb
from jumplab.session.host import DriverTree
from jumplab_exporter import safe_states
from jumplab_exporter.config import SafeState
from jumplab_exporter.drivers.power.virtual import VirtualPower
from jumplab_exporter.reports import Status
from jumplab_exporter.safe_states import SafeStates
from tests.exporter.control_plane import ControlPlane, Run
from tests.exporter.test_process import command, config, outcome  # noqa: F401 - a fixture
from tests.exporter.waiting import until

OFF = [{"driver": "power", "state": "off"}]
CRASHING = {"type": "tests.exporter.crashing.Crashing", "isolate": True}


def power(journal: Path, name: str = "power", **entry: Any) -> dict[str, Any]:
    """A supply by commands, which write what they do; it can't be switched off while a file `broken` is there."""
    commands = {
        "on_command": f"echo {name} on >> {journal}",
        "off_command": f"test ! -e {journal.parent}/broken && echo {name} off >> {journal}",
    }
    return {"type": "power/command", "config": commands, **entry}


class Stuck(PowerInterface, Driver):
    """Never switches off, and does not hear that it shall not try any longer."""

    let_go: ClassVar[asyncio.Event]

    async def on(self) -> None: ...
    async def off(self) -> None:
        while not Stuck.let_go.is_set():
            try:
                await Stuck.let_go.wait()
            except asyncio.CancelledError:
                continue

    async def is_on(self) -> bool:
        return True


class Ending(PowerInterface, Driver):
    """Its own code ends it when it is switched on."""

    async def __aenter__(self) -> "Ending":
        self._task = asyncio.current_task()
        return self

    async def on(self) -> None:
        assert self._task is not None
        self._task.cancel()

    async def off(self) -> None: ...
    async def is_on(self) -> bool:
        return False


class Slow(VirtualPower):
    """Its set-up takes until the test lets it go on."""

    go_on: ClassVar[asyncio.Event]

    async def __aenter__(self) -> "Slow":
        await Slow.go_on.wait()
        return self


class LiftInterface(DriverInterface):
    """One more kind of device, with a state of its own."""

    __states__: ClassVar[dict[str, StateCall]] = {"down": StateCall("move", {"floor": 0})}

    async def move(self, floor: int) -> None: ...


class Lift(LiftInterface, Driver):
    floor: int = 7

    async def move(self, floor: int) -> None:
        self.floor = floor


def tree_of(**drivers: Driver) -> DriverTree:
    return DriverTree(drivers, scope="lab/bench")


def states(**wanted: str) -> SafeStates:
    return SafeStates([SafeState(driver=driver, state=state) for driver, state in wanted.items()])


async def test_it_is_reached_at_the_start_and_around_each_lease(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    hooks = {name: {"script": f"echo {name} >> {journal}"} for name in ("beforeLease", "afterLease")}
    async with running(export={"power": power(journal)}, safeState=OFF, hooks=hooks):
        first = await plane.heard(Status.AVAILABLE)
        assert (journal.read_text(), first.health) == ("power off\n", pb.HealthReport())
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    expected = ["power off", "power off", "beforeLease", "power on", "afterLease", "power off"]
    assert journal.read_text().splitlines() == expected


async def test_it_is_registered_while_drivers_are_still_set_up(plane: ControlPlane, running: Run) -> None:
    Slow.go_on = asyncio.Event()
    export = {f"power{number}": {"type": f"{__name__}.Slow"} for number in range(10)}
    async with running(export=export, safeState=[{"driver": "power0", "state": "off"}]):
        await until(lambda: plane.watching)
        assert len(plane.registered[0].reports) == 11
        assert not plane.said  # it is not free before its board is safe
        Slow.go_on.set()
        await plane.heard(Status.AVAILABLE)


async def test_drivers_are_brought_into_their_states_in_the_order_of_the_list(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    export = {name: power(journal, name) for name in ("a", "b", "c")}
    wanted = [{"driver": name, "state": state} for name, state in (("c", "off"), ("a", "on"), ("b", "off"))]
    async with running(export=export, safeState=wanted):
        await plane.heard(Status.AVAILABLE)
    assert journal.read_text().splitlines() == ["c off", "a on", "b off"]


async def test_a_lease_does_not_begin_on_a_board_that_is_not_safe(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    hooks = {"beforeLease": {"script": f"echo beforeLease >> {journal}"}}
    check = {"interval": 0.1}
    async with running(export={"power": power(journal)}, safeState=OFF, hooks=hooks, healthCheck=check):
        await plane.heard(Status.AVAILABLE)
        (tmp_path / "broken").touch()
        plane.lease("a")
        refused = await plane.heard(Status.BEFORE_LEASE_HOOK_FAILED, "a")
        assert refused.release
        assert refused.message.startswith('the safe state was not reached: driver "power" (off): ')
        plane.release()
        unsafe = await plane.heard(Status.AVAILABLE, "a")
        assert unsafe.health.check == pb.HEALTH_CHECK_DUE  # nobody is given it
        assert unsafe.health.message == refused.message == unsafe.message
        await until(lambda: plane.said[-1].health.failures >= 3)
        assert (plane.said[-1].health.check, plane.said[-1].message) == (pb.HEALTH_CHECK_DUE, refused.message)
        (tmp_path / "broken").unlink()
        await until(lambda: plane.said[-1].health.check == pb.HEALTH_CHECK_PASSED)
        assert (plane.said[-1].message, plane.said[-1].health.failures) == ("", 0)
        plane.lease("b")
        await plane.heard(Status.LEASE_READY, "b")
    assert journal.read_text().splitlines()[:2] == ["power off", "power off"]
    assert "beforeLease" in journal.read_text().splitlines()[2:]


def calls_of(tree: DriverTree) -> list[str]:
    """The drivers that have a call running."""
    return [node.path for node in tree.nodes.values() if node.state.running]


async def test_a_driver_that_never_returns_keeps_no_other_from_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_states, "_NEXT_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(safe_states, "REACHING_BOUND_SECONDS", 1.0)
    monkeypatch.setattr(safe_states, "_CANCELLING_SECONDS", 0.1)
    Stuck.let_go, supply = asyncio.Event(), VirtualPower()
    await supply.on()
    async with tree_of(stuck=Stuck(), supply=supply) as tree:
        try:
            failure = await states(stuck="off", supply="off").reach(tree)
            still, supplied = calls_of(tree), await supply.is_on()
        finally:
            Stuck.let_go.set()
        await until(lambda: not calls_of(tree))
    assert failure == 'the safe state was not reached: driver "stuck" (off): it did not answer within 1 s'
    assert (still, supplied) == (["stuck"], False)


async def test_what_did_not_start_is_named() -> None:
    class Dead(VirtualPower):
        async def __aenter__(self) -> "Dead":
            raise OSError("the relay does not answer")

    async with tree_of(relay=Dead()) as tree:
        failure = await states(relay="off").reach(tree)
    assert failure == (
        'the safe state was not reached: driver "relay" (off): it did not start: the relay does not answer'
    )


async def test_an_interface_brings_its_own_states() -> None:
    lift = Lift()
    async with tree_of(lift=lift) as tree:
        assert list(states(lift="down").problems(tree)) == []
        assert await states(lift="down").reach(tree) == ""
    assert lift.floor == 0
    assert list(states_of(VirtualPower)) == ["on", "off"]


@pytest.mark.nightly
async def test_an_isolated_board_is_safe_again_after_its_process_has_crashed(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    export = {"power": power(journal, isolate=True), "dut": CRASHING}
    async with running(export=export, safeState=OFF):
        await plane.heard(Status.AVAILABLE)
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            with pytest.raises(errors.CallDisconnected):
                await session.root.dut.crash("exit")
            await until(lambda: "the board was brought into its safe state" in plane.said[-1].message)
            assert 'the process of "dut" has ended with exit status 3' in plane.said[-1].message
            assert journal.read_text().splitlines()[-2:] == ["power on", "power off"]
            await session.root.power.on()  # the lease goes on
        plane.release()
        await plane.heard(Status.AVAILABLE, "a")
    assert journal.read_text().splitlines()[-1] == "power off"


async def test_a_driver_that_fails_in_use_makes_the_board_safe(
    plane: ControlPlane, running: Run, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    export = {"power": power(journal), "fan": {"type": "tests.exporter.test_safe_states.Ending"}}
    async with running(export=export, safeState=OFF):
        await plane.heard(Status.AVAILABLE)
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            await session.root.fan.on()
            await until(lambda: "the board was brought into its safe state" in plane.said[-1].message)
            assert 'driver "fan": its code has ended it before the lease' in plane.said[-1].message
            assert journal.read_text().splitlines()[-2:] == ["power on", "power off"]


async def test_a_killed_exporter_reaches_it_at_its_next_start_before_it_is_available(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    journal = tmp_path / "journal"
    path = config(export={"power": power(journal)}, safeState=OFF)
    async with command("run", path) as process:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            process.kill()
            await process.wait()
    assert journal.read_text().splitlines()[-1] == "power on"
    plane.release()
    async with command("run", path):
        await plane.heard(Status.AVAILABLE)
        assert journal.read_text().splitlines()[-1] == "power off"


async def test_a_killed_exporter_reaches_it_without_its_controller(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    journal = tmp_path / "journal"
    path = config(export={"power": power(journal)}, safeState=OFF)
    await plane.stop()
    async with command("run", path):
        await until(journal.exists)
    await plane.start()


@pytest.mark.parametrize("isolate", [False, True])
async def test_an_exporter_that_is_stopped_in_a_lease_leaves_a_safe_board(
    plane: ControlPlane,
    config: Callable[..., Path],  # noqa: F811
    tmp_path: Path,
    isolate: bool,
) -> None:
    journal = tmp_path / "journal"
    path = config(export={"power": power(journal, isolate=isolate)}, safeState=OFF)
    async with command("run", path) as process:
        plane.lease("a")
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.power.on()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    assert journal.read_text().splitlines()[-2:] == ["power on", "power off"]


async def test_what_can_never_be_reached_is_refused_by_check_and_at_the_start(
    config: Callable[..., Path],  # noqa: F811
) -> None:
    export = {"power": {"type": "power/virtual"}, "supply": {"ref": "power"}, "net": {"type": "composite"}}
    wanted = [
        {"driver": "power", "state": "asserted"},
        {"driver": "supply", "state": "off"},
        {"driver": "board.power", "state": "off"},
        {"driver": "net", "state": "off"},
    ]
    sentences = [
        'safeState.0: driver "power" has no state "asserted"; its states are: on, off',
        'safeState.1: driver "supply" has its safe state from safeState.0 already; remove one of the two',
        'safeState.2: there is no driver "board.power"; the drivers are: net, power, supply',
        'safeState.3: driver "net" has no state "off"; it has no states to be brought into',
    ]
    path = config(export=export, safeState=wanted)
    status, output = await outcome("check", path)
    assert (status, output.splitlines()[-4:]) == (2, [f"jumplab-exporter: {sentence}" for sentence in sentences])
    status, output = await outcome("run", path)
    assert (status, output.splitlines()[-1]) == (2, f"jumplab-exporter: {'; '.join(sentences)}")


async def test_off_needs_no_quotes(config: Callable[..., Path]) -> None:  # noqa: F811
    path = config()
    path.write_text(path.read_text() + "safeState:\n- {driver: power, state: off}\n")
    assert (await outcome("check", path))[0] == 0
