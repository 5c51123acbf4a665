"""Waiting for a lease and giving it back, whatever the controller does meanwhile."""

import asyncio
from datetime import timedelta

import grpc
import pytest

import jumplab
from jumplab.client import acquiring
from jumplab.client.config import ClientConfig, Metadata
from jumplab.client.controller import Controller, LeaseRequest, Wanted
from jumplab.client.errors import ConfigurationError, LeaseEnded, LeaseInvalid, LeaseNotReady, LeaseUnsatisfiable
from jumplab.client.gangs import parse_members
from jumplab.client.views import LeaseView
from jumplab.protocol.client_v1 import client_pb2
from jumplab.transport import errors
from jumplab.transport.backoff import Backoff
from tests.client.authority import Authority
from tests.client.lab_double import (
    LabDouble,
    become_ended,
    become_pending,
    become_ready,
    config_for,
    served,
    set_condition,
)

REQUEST = LeaseRequest("demo", timedelta(minutes=30), selector="board=x")


def say_nothing(_sentence: str) -> None:
    pass


async def waiting(controller: Controller, said: list[str]) -> LeaseView:
    return await acquiring.wait_until_ready(controller, "demo", timeout=timedelta(seconds=60), notify=said.append)


async def test_a_lease_that_is_ready_is_not_waited_for(controller: Controller) -> None:
    await controller.create_lease(REQUEST)
    said: list[str] = []
    assert (await waiting(controller, said)).exporter == "bench-1"
    assert said == []


async def test_why_a_lease_waits_is_told_once_for_each_reason(controller: Controller, lab: LabDouble) -> None:
    lab.place = become_pending
    await controller.create_lease(REQUEST)
    said: list[str] = []

    def assign(lease: client_pb2.Lease) -> None:
        lease.exporter = "namespaces/lab/exporters/bench-1"
        set_condition(lease, "Assigned", "True", "Assigned", "")

    async with asyncio.TaskGroup() as tasks:
        wait = tasks.create_task(waiting(controller, said))
        await lab.watching.wait()
        await lab.change("demo", assign)
        await lab.change("demo", become_ready)
    assert wait.result().exporter == "bench-1"
    assert said[0] == 'lease "demo": exporter "bench-1" is leased by "ann"'
    assert said[1:] in ([], ['lease "demo": exporter "bench-1" is getting ready'])


@pytest.mark.parametrize(
    ("type_", "reason", "message", "expected"),
    [
        ("Unsatisfiable", "SelectorMismatch", "no exporter matches board=x", LeaseUnsatisfiable),
        ("Invalid", "InvalidSelector", "board=x= is not a selector", LeaseInvalid),
    ],
)
async def test_a_lease_that_can_never_be_ready_fails_with_the_conditions_sentence(
    type_: str, reason: str, message: str, expected: type[Exception], controller: Controller, lab: LabDouble
) -> None:
    lab.place = lambda lease: set_condition(lease, type_, "True", reason, message)
    await controller.create_lease(REQUEST)
    with pytest.raises(expected, match=message):
        await waiting(controller, [])


async def test_a_lease_that_ended_says_how(controller: Controller, lab: LabDouble) -> None:
    lab.place = become_ended
    await controller.create_lease(REQUEST)
    with pytest.raises(LeaseEnded, match='lease "demo" has ended: expired; create a new one'):
        await waiting(controller, [])


async def test_a_lease_that_is_deleted_while_waited_for_has_ended(controller: Controller, lab: LabDouble) -> None:
    lab.place = become_pending
    await controller.create_lease(REQUEST)
    async with asyncio.TaskGroup() as tasks:
        wait = tasks.create_task(_ended(controller))
        await lab.watching.wait()
        await lab.forget("demo")
    assert "was deleted" in wait.result()


async def _ended(controller: Controller) -> str:
    with pytest.raises(LeaseEnded) as ended:
        await waiting(controller, [])
    return str(ended.value)


async def test_a_wait_that_is_too_long_says_what_it_waited_for(controller: Controller, lab: LabDouble) -> None:
    lab.place = become_pending
    await controller.create_lease(REQUEST)
    with pytest.raises(LeaseNotReady, match=r'was not ready within .*: exporter "bench-1" is leased by "ann"'):
        await acquiring.wait_until_ready(controller, "demo", timeout=timedelta(seconds=1), notify=say_nothing)


async def test_a_controller_that_restarts_is_waited_for(lab: LabDouble, authority: Authority) -> None:
    lab.place = become_pending
    said: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        async with served(lab, authority) as port:
            config = config_for(port, authority)
            connected = Controller.connected(config)
            controller = await connected.__aenter__()
            await controller.create_lease(REQUEST)
            wait = tasks.create_task(waiting(controller, said))
            await lab.watching.wait()
        become_ready(lab.leases["namespaces/lab/leases/demo"])
        lab.changed = asyncio.Condition()
        async with served(lab, authority, port):
            assert (await wait).exporter == "bench-1"
        await connected.__aexit__(None, None, None)
    assert any("trying again" in sentence for sentence in said)


async def test_a_lease_of_another_client_is_not_waited_for(controller: Controller) -> None:
    with pytest.raises(errors.NotFound):
        await waiting(controller, [])


async def test_releasing_a_lease_that_is_gone_is_fine(controller: Controller) -> None:
    await acquiring.release(controller, "gone")


async def test_a_release_is_tried_again_while_the_controller_is_away(controller: Controller, lab: LabDouble) -> None:
    await controller.create_lease(REQUEST)
    lab.refuse["DeleteLease"] = [(grpc.StatusCode.UNAVAILABLE, "not the leader")] * 3
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await acquiring.release(controller, "demo", backoff=Backoff(sleep=sleep))
    assert lab.released == ["demo"]
    assert len(waits) == 3


async def test_a_release_that_is_refused_is_not_tried_again(controller: Controller, lab: LabDouble) -> None:
    await controller.create_lease(REQUEST)
    lab.refuse["DeleteLease"] = [(grpc.StatusCode.PERMISSION_DENIED, "it is not yours")]
    with pytest.raises(errors.NotAllowed, match="not yours"):
        await acquiring.release(controller, "demo")


def test_a_name_that_nobody_gave_tells_whose_lease_it_is(authority: Authority) -> None:
    config = config_for(1, authority)
    request = acquiring.make_request(
        config, selector="a=b", exporter="", duration=timedelta(minutes=1), draw=lambda _count: "c0ffee00"
    )
    assert (request.name, request.name_is_ours) == ("ci-c0ffee00", True)


def test_asking_for_nothing_is_refused(authority: Authority) -> None:
    with pytest.raises(ConfigurationError, match="say what to lease"):
        acquiring.make_request(config_for(1, authority), selector="", exporter="", duration=timedelta(minutes=1))


async def test_a_lease_is_released_at_the_end(controller: Controller, lab: LabDouble) -> None:
    async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing) as held:
        assert held.lease.exporter == "bench-1"
        assert lab.released == []
    assert lab.released == ["demo"]


async def test_a_lease_that_is_kept_is_not_released(controller: Controller, lab: LabDouble) -> None:
    async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing) as held:
        held.persist()
    assert lab.released == []


async def test_a_lease_is_released_when_its_user_fails(controller: Controller, lab: LabDouble) -> None:
    with pytest.raises(ZeroDivisionError):
        async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing):
            raise ZeroDivisionError
    assert lab.released == ["demo"]


async def test_a_lease_that_can_not_be_had_is_not_left_behind(controller: Controller, lab: LabDouble) -> None:
    lab.place = lambda lease: set_condition(lease, "Unsatisfiable", "True", "SelectorMismatch", "nothing matches")
    with pytest.raises(LeaseUnsatisfiable):
        async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing):
            raise AssertionError("it must not be entered")
    assert lab.released == ["demo"]


async def test_a_wait_that_is_cancelled_releases(controller: Controller, lab: LabDouble) -> None:
    lab.place = become_pending

    async def hold() -> None:
        async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing):
            raise AssertionError("it must not be entered")

    task = asyncio.create_task(hold())
    await lab.watching.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.released == ["demo"]


async def test_a_name_that_is_taken_is_not_released(controller: Controller, lab: LabDouble) -> None:
    await controller.create_lease(REQUEST)
    with pytest.raises(errors.Refused, match="exists"):
        async with acquiring.acquired(controller, REQUEST, timeout=None, notify=say_nothing):
            raise AssertionError("it must not be entered")
    assert lab.released == []


async def test_a_release_that_fails_does_not_hide_what_went_wrong_before(
    controller: Controller, lab: LabDouble
) -> None:
    said: list[str] = []
    lab.refuse["DeleteLease"] = [(grpc.StatusCode.INTERNAL, "the API server is on fire")]
    with pytest.raises(ZeroDivisionError):
        async with acquiring.acquired(controller, REQUEST, timeout=None, notify=said.append):
            raise ZeroDivisionError
    assert said == ['lease "demo" could not be released and lasts until it expires: the API server is on fire']


def test_several_exporters_are_asked_for_by_selector_or_by_name() -> None:
    wanted = parse_members({"dut": "board=imx8,rev in (1,2)", "peer": "@bench-3"})
    assert wanted == {"dut": Wanted("board=imx8,rev in (1,2)"), "peer": Wanted(exporter="bench-3")}


@pytest.mark.parametrize("members", [{"dut": ""}, {"dut": "@"}, {"": "board=x"}])
def test_a_member_that_says_nothing_is_refused(members: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="has no exporter"):
        parse_members(members)


def test_one_exporter_and_several_at_once_are_refused() -> None:
    config = ClientConfig(metadata=Metadata(namespace="lab", name="ci"), endpoint="localhost:1", token="t")
    with pytest.raises(ConfigurationError, match="exclude each other"):
        jumplab.lease("board=x", exporters={"dut": "board=y"}, client=config)
