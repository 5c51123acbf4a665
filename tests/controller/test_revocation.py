"""A client that is revoked is out: what it calls is refused, and what it has open ends."""

from __future__ import annotations

from typing import Any

from grpc import StatusCode

from jumplab.protocol.client_v1 import client_pb2
from jumplab_operator.names import Name
from jumplab_operator.resources import Client
from tests.controller.lab import NAMESPACE
from tests.controller.world import Controller, refused

LIST = client_pb2.ListExportersRequest(parent=f"namespaces/{NAMESPACE}")
ROTATE = client_pb2.RotateTokenRequest(parent=f"namespaces/{NAMESPACE}")
CI = Name(NAMESPACE, "ci")


def tell_credential(controller: Controller, uid: str | None) -> None:
    """The Client says which Secret is its own."""
    client = controller.lab.clients[CI]
    status = {"credential": {"name": "ci-client", "uid": uid} if uid else None}
    controller.lab.clients[CI] = Client.from_plain({**client.to_plain(), "status": status})


async def watching(client: Any, lease: str) -> Any:
    """A watch of a lease that has told what there is."""
    watch = client.WatchLease(client_pb2.GetLeaseRequest(name=f"namespaces/{NAMESPACE}/leases/{lease}"))
    assert (await watch.read()).name.endswith(lease)
    return watch


async def test_a_revoked_clients_watches_end_and_nobody_elses(controller: Controller) -> None:
    lab = controller.lab
    mine, others = lab.add_client("ci"), lab.add_client("other")
    lab.add_ready_lease("mine", "ci", "bench")
    async with (
        controller.calling("Client", "ci", mine) as (_, client),
        controller.calling("Client", "other", others) as (_, other),
    ):
        watch, stays = await watching(client, "mine"), await watching(other, "mine")
        lab.callers.revoke(lab.clients[CI].uid, 'client "ci" was deleted')
        async with refused(StatusCode.UNAUTHENTICATED, 'client "ci" was deleted'):
            await watch.read()
        assert lab.clients[CI].uid not in lab.callers.uids()
        await lab.put_lease(lab.leases_[Name(NAMESPACE, "mine")].model_copy(), Name(NAMESPACE, "mine"))
        assert (await stays.read()).name.endswith("mine")


async def test_a_token_is_refused_as_soon_as_its_credential_is_known_to_be_removed(controller: Controller) -> None:
    lab, token = controller.lab, controller.lab.add_client("ci")
    tell_credential(controller, "secret-1")
    async with controller.calling("Client", "ci", token) as (_, client):
        await client.ListExporters(LIST, timeout=20)
        lab.secrets.clear()
        await client.ListExporters(LIST, timeout=20)  # nobody knows yet
        tell_credential(controller, None)
        async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
            await client.ListExporters(LIST, timeout=20)


async def test_a_token_of_a_client_that_is_being_deleted_is_refused(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    plain = controller.lab.clients[CI].to_plain()
    plain["metadata"]["deletionTimestamp"] = "2026-08-01T12:00:00Z"
    controller.lab.clients[CI] = Client.from_plain(plain)
    async with (
        controller.calling("Client", "ci", token) as (_, client),
        refused(StatusCode.UNAUTHENTICATED, 'client "ci"', "is being deleted"),
    ):
        await client.ListExporters(LIST, timeout=20)


def set_enabled(controller: Controller, enabled: bool) -> None:
    plain = controller.lab.clients[CI].to_plain()
    controller.lab.clients[CI] = Client.from_plain({**plain, "spec": {"enabled": enabled}})


async def test_a_disabled_client_is_refused_until_it_is_enabled(controller: Controller) -> None:
    token = controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", token) as (_, client):
        await client.ListExporters(LIST, timeout=20)
        set_enabled(controller, False)
        async with refused(StatusCode.UNAUTHENTICATED, 'client "ci"', "is disabled; an administrator can enable it"):
            await client.ListExporters(LIST, timeout=20)
        set_enabled(controller, True)
        await client.ListExporters(LIST, timeout=20)


async def test_a_token_that_is_dead_and_still_taken_makes_no_new_one(controller: Controller) -> None:
    lab, stolen = controller.lab, controller.lab.add_client("ci")
    async with controller.calling("Client", "ci", stolen) as (_, client):
        await client.ListExporters(LIST, timeout=20)
        lab.give_token("Client", lab.clients[CI])
        await client.ListExporters(LIST, timeout=20)  # it was found a moment ago
        async with refused(StatusCode.UNAUTHENTICATED, "was replaced"):
            await client.RotateToken(ROTATE, timeout=20)
