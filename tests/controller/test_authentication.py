"""Who may come in, and what the others are told."""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2
from jumplab.protocol.v1 import controller_pb2
from jumplab.transport.channel import open_channel
from jumplab_operator.controller.credentials import CLIENT_LIFETIME, CredentialIssuer
from jumplab_operator.names import Name
from jumplab_operator.resources import Client, Exporter
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

SOON = 40
"""Seconds; a bound that only a hang reaches."""

LIST = client_pb2.ListExportersRequest(parent=f"namespaces/{NAMESPACE}")


async def list_exporters(controller: Controller, token: str, name: str = "ci", kind: str = "Client") -> None:
    async with controller.calling(kind, name, token) as (_, client):
        await client.ListExporters(LIST, timeout=240)


async def test_a_client_with_its_token_is_let_in(controller: Controller) -> None:
    await list_exporters(controller, controller.lab.add_client("ci"))


async def test_a_call_without_a_token_is_refused(controller: Controller) -> None:
    async with open_channel(controller.endpoint) as channel, refused(StatusCode.UNAUTHENTICATED, "no token"):
        await channel.unary_unary("/jumplab.v1.ControllerService/GetServiceEndpoints")(b"", timeout=240)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer   ", "Bearer two words", "Basic Og=="])
async def test_an_empty_token_is_refused(controller: Controller, authorization: str) -> None:
    controller.lab.add_client("ci")
    controller.lab.secrets["Client", Name(NAMESPACE, "ci")] = ""
    async with open_channel(controller.endpoint) as channel, refused(StatusCode.UNAUTHENTICATED, "no token"):
        call = channel.unary_unary("/jumplab.client.v1.ClientService/ListExporters")
        await call(b"", metadata=(("authorization", authorization),), timeout=20)


@pytest.mark.parametrize("kept", ["", None])
async def test_an_empty_secret_lets_nobody_in(controller: Controller, kept: str | None) -> None:
    lab, token = controller.lab, controller.lab.add_client("ci")
    del lab.secrets["Client", Name(NAMESPACE, "ci")]
    if kept is not None:
        lab.secrets["Client", Name(NAMESPACE, "ci")] = kept
    async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
        await list_exporters(controller, token)


async def test_a_token_that_nobody_signed_is_refused(controller: Controller) -> None:
    controller.lab.add_client("ci")
    async with refused(StatusCode.UNAUTHENTICATED, "this controller did not issue the token", "Secret"):
        await list_exporters(controller, "nonsense")


async def test_a_token_of_another_key_is_refused(controller: Controller) -> None:
    controller.lab.add_client("ci")
    uid = controller.lab.clients[Name(NAMESPACE, "ci")].uid
    forger = CredentialIssuer(ec.generate_private_key(ec.SECP256R1()))
    forged, _ = forger.issue("Client", NAMESPACE, "ci", uid)
    async with refused(StatusCode.UNAUTHENTICATED, "this controller did not issue the token"):
        await list_exporters(controller, forged)


async def test_an_expired_token_is_refused_with_the_way_to_a_new_one(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.clock.ahead = CLIENT_LIFETIME + timedelta(minutes=1)
    async with refused(StatusCode.UNAUTHENTICATED, "expired at", "ci-client"):
        await list_exporters(controller, token)


async def test_an_exporters_token_does_not_expire(controller: Controller) -> None:
    token = controller.lab.add_exporter("bench")
    controller.clock.ahead = 10 * CLIENT_LIFETIME
    async with controller.calling("Exporter", "bench", token) as (exporter, _):
        await exporter.Register(controller_pb2.RegisterRequest(), timeout=240)


async def test_the_token_of_a_client_that_was_deleted_is_refused(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    del controller.lab.clients[Name(NAMESPACE, "ci")]
    async with refused(StatusCode.UNAUTHENTICATED, 'no client "ci"'):
        await list_exporters(controller, token)


@pytest.mark.parametrize("kind", [Client, Exporter])
async def test_who_can_not_be_read_is_there_and_is_to_try_again(
    controller: Controller, kind: type[Client] | type[Exporter]
) -> None:
    lab, name = controller.lab, Name(NAMESPACE, "one")
    token = lab.add_client("one") if kind is Client else lab.add_exporter("one")
    (lab.clients if kind is Client else lab.exporters_).pop(name)
    lab.problems[kind, name] = "status: it is not a mapping"
    async with refused(StatusCode.UNAVAILABLE, '"one" in namespace', "can't be read (status: it is not a mapping)"):
        await list_exporters(controller, token, "one", kind.KIND)


async def test_the_token_of_an_earlier_client_of_the_same_name_is_refused(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_client("ci")
    async with refused(StatusCode.UNAUTHENTICATED, "was recreated"):
        await list_exporters(controller, token)


async def test_a_token_under_another_name_is_refused(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    controller.lab.add_client("root")
    async with refused(StatusCode.UNAUTHENTICATED, 'client "ci"', '"root"'):
        await list_exporters(controller, token, name="root")


async def test_a_rotated_token_kills_the_one_before(controller: Controller) -> None:
    old = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", old) as (_, client):
        request = client_pb2.RotateTokenRequest(parent=f"namespaces/{NAMESPACE}")
        answer = await client.RotateToken(request, timeout=240)
        assert answer.expiry.ToDatetime() is not None
        await list_exporters(controller, answer.token)
        async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
            await client.ListExporters(LIST, timeout=240)


async def test_a_token_whose_secret_was_deleted_dies_within_the_time_of_a_recheck(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    await list_exporters(controller, token)
    controller.lab.secrets.clear()
    controller.clock.pass_recheck()
    async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
        await list_exporters(controller, token)


async def test_who_keeps_calling_does_not_wait_for_its_secret(controller: Controller) -> None:
    lab, token = controller.lab, controller.lab.add_client("ci")
    await list_exporters(controller, token)
    controller.clock.pass_freshness()
    lab.secrets_readable.clear()
    lab.secret_asked.clear()
    for _ in range(3):
        await list_exporters(controller, token)
    await asyncio.wait_for(lab.secret_asked.wait(), SOON)
    assert lab.secrets_read == 2, "it is asked for once beside the calls, however many there are"
    lab.secrets_readable.set()


async def test_who_keeps_calling_with_a_token_that_is_dead_is_refused_once_that_is_seen_beside(
    controller: Controller,
) -> None:
    lab, token = controller.lab, controller.lab.add_client("ci")
    await list_exporters(controller, token)
    del lab.secrets["Client", Name(NAMESPACE, "ci")]
    controller.clock.pass_freshness()
    await list_exporters(controller, token)
    async with asyncio.timeout(SOON):
        while lab.secrets_read < 2:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
        await list_exporters(controller, token)


async def test_callers_that_were_let_in_before_come_in_while_the_api_server_is_away(controller: Controller) -> None:
    token, stranger = controller.lab.add_client("ci"), controller.lab.add_client("new")
    await list_exporters(controller, token)
    controller.lab.api_is_away = True
    controller.clock.pass_recheck()
    await list_exporters(controller, token)
    async with refused(StatusCode.UNAVAILABLE, "can't be checked now"):
        await list_exporters(controller, stranger, name="new")


async def test_an_exporter_may_not_do_what_clients_do_nor_a_client_what_exporters_do(controller: Controller) -> None:
    exporter, client = controller.lab.add_exporter("bench"), controller.lab.add_client("ci")
    async with refused(StatusCode.PERMISSION_DENIED, "only clients may"):
        await list_exporters(controller, exporter, name="bench", kind="Exporter")
    async with (
        controller.calling("Client", "ci", client) as (service, _),
        refused(StatusCode.PERMISSION_DENIED, "only exporters may"),
    ):
        await service.Register(controller_pb2.RegisterRequest(), timeout=240)


async def test_a_service_that_is_not_there_says_so(controller: Controller) -> None:
    async with open_channel(controller.endpoint) as channel, refused(StatusCode.UNIMPLEMENTED):
        await channel.unary_unary("/jumplab.v1.Other/Thing")(Empty().SerializeToString(), timeout=240)
