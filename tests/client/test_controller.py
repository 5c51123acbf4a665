"""What a client asks of its controller, and how a refusal reads."""

import gc
import weakref
from datetime import timedelta

import grpc
import pytest

from jumplab.client.controller import Controller, LeaseRequest
from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab.transport import errors
from tests.client.authority import Authority
from tests.client.lab_double import LabDouble, config_for


def exporter(name: str, **labels: str) -> client_pb2.Exporter:
    return client_pb2.Exporter(
        name=f"namespaces/lab/exporters/{name}",
        labels=labels,
        online=True,
        status=common_pb2.EXPORTER_STATUS_LEASE_READY,
        lease="namespaces/lab/leases/demo",
    )


async def test_a_lease_is_created_with_what_was_asked(controller: Controller, lab: LabDouble) -> None:
    asked = LeaseRequest("demo", timedelta(minutes=90), selector="board=x", exporter="bench-1")
    lease = await controller.create_lease(asked)
    assert (lease.name, lease.namespace, lease.client) == ("demo", "lab", "ci")
    assert lease.duration == timedelta(minutes=90)
    wire = lab.leases["namespaces/lab/leases/demo"]
    assert (wire.selector, wire.exporter_name) == ("board=x", "bench-1")


async def test_exporters_are_read_page_by_page(controller: Controller, lab: LabDouble) -> None:
    lab.page_size = 2
    for number in range(5):
        lab.exporters[f"namespaces/lab/exporters/b{number}"] = exporter(f"b{number}", board="x")
    found = await controller.exporters("board=x")
    assert [each.name for each in found] == ["b0", "b1", "b2", "b3", "b4"]
    assert lab.calls["ListExporters"] == 3
    first = found[0]
    assert (first.status, first.lease, first.online, first.enabled) == ("LeaseReady", "demo", True, True)


async def test_only_active_leases_are_listed_unless_asked(controller: Controller) -> None:
    await controller.create_lease(LeaseRequest("a", timedelta(minutes=1)))
    await controller.create_lease(LeaseRequest("b", timedelta(minutes=1)))
    await controller.delete_lease("a")
    assert [lease.name for lease in await controller.leases()] == ["b"]
    assert [lease.name for lease in await controller.leases(only_active=False)] == ["a", "b"]


async def test_a_name_that_is_taken_is_refused_in_the_controllers_words(controller: Controller) -> None:
    await controller.create_lease(LeaseRequest("demo", timedelta(minutes=1)))
    with pytest.raises(errors.Refused, match='lease "demo" exists') as refused:
        await controller.create_lease(LeaseRequest("demo", timedelta(minutes=1)))
    assert refused.value.code == "ALREADY_EXISTS"


async def test_an_unknown_lease_is_not_found(controller: Controller) -> None:
    with pytest.raises(errors.NotFound, match='no lease "x" of yours'):
        await controller.lease("x")


async def test_a_wrong_token_is_told_from_other_refusals(port: int, authority: Authority) -> None:
    async with Controller.connected(config_for(port, authority, token="stale")) as controller:
        with pytest.raises(errors.NotAuthenticated, match="get a new one"):
            await controller.leases()


async def test_a_controller_that_is_not_there_is_named(unused_tcp_port: int, authority: Authority) -> None:
    async with Controller.connected(config_for(unused_tcp_port, authority)) as controller:
        with pytest.raises(errors.Unreachable, match=f"localhost:{unused_tcp_port}"):
            await controller.leases()


async def test_a_certificate_of_another_authority_is_told_from_a_controller_that_is_away(port: int) -> None:
    async with Controller.connected(config_for(port, Authority.make())) as controller:
        with pytest.raises(errors.CertificateRejected, match=r"tls\.ca"):
            await controller.leases()


async def test_a_dial_gives_a_router_that_is_trusted_like_the_controller(
    controller: Controller, lab: LabDouble, authority: Authority
) -> None:
    async def dial(lease: str) -> controller_pb2.DialResponse:
        assert lease == "demo"
        return controller_pb2.DialResponse(router_endpoint="r:1", router_token="t", exporter_name="bench-1")

    lab.dial = dial
    route = await controller.dial("demo")
    assert (route.endpoint.address, route.token, route.exporter) == ("r:1", "t", "bench-1")
    assert route.endpoint.tls.ca_pem == authority.pem


async def test_a_refused_precondition_is_told_apart(controller: Controller, lab: LabDouble) -> None:
    lab.refuse["Dial"] = [(grpc.StatusCode.FAILED_PRECONDITION, 'lease "demo" has ended; create a new one')]
    with pytest.raises(errors.NotPossibleNow, match="has ended"):
        await controller.dial("demo")


async def test_a_channel_that_is_closed_is_gone_at_once(port: int, authority: Authority) -> None:
    """Not when the garbage collector comes: gRPC keeps the event loop of each thread as long as it has a channel."""
    gc.disable()
    try:
        async with Controller.connected(config_for(port, authority)) as controller:
            await controller.leases()
            channel = weakref.ref(controller._channel)
        del controller
        assert channel() is None
    finally:
        gc.enable()
