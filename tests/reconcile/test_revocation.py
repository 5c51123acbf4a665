"""A client that is deleted, or whose credential is, loses all its leases, whenever that is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from jumplab_operator.clock import SystemClock
from jumplab_operator.errors import ApiRefused, ApiUnreachable, TokenReplaced
from jumplab_operator.kube.client import connected
from jumplab_operator.kube.kopf_watch import OnEvent
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over
from jumplab_operator.reconcile.composition.lab_service import LabService
from jumplab_operator.resources import Client
from tests.reconcile.test_gangs import gang
from tests.reconcile.test_reservations import after
from tests.reconcile.watched import Watched
from tests.reconcile.world import (
    Plain,
    SimulatedExporter,
    Tokens,
    World,
    condition,
    message_of,
    reason_of,
    serving,
)

BOARDS = {"bench-1": "a", "bench-2": "b", "dut": "imx8", "peer": "rpi"}
A = {"matchLabels": {"board": "a"}}
DELETED = 'released because its client "ci" was deleted'
DISABLED = 'released because its client "ci" was disabled'
TOKENS = Tokens()
REMOVED = 'released because the credential of client "ci" was removed'


@dataclass
class Bench:
    """An operator with all exporters there are. `tells`: an event, as a watch would."""

    lab: LabService
    api: Watched
    tells: OnEvent


@asynccontextmanager
async def operating(world: World) -> AsyncIterator[Bench]:
    """An operator that looks at credentials ten times a second."""
    events: asyncio.Future[OnEvent] = asyncio.get_running_loop().create_future()

    async def watch(on_event: OnEvent) -> None:
        events.set_result(on_event)
        await world.watch(on_event)

    async with AsyncExitStack() as stack:
        api = Watched(await stack.enter_async_context(connected(world.access)))
        settings = world.settings(check_credentials_every=timedelta(milliseconds=100))
        lab = await stack.enter_async_context(lab_over(api, watch, settings, TOKENS, SystemClock()))
        for exporter in lab.exporters(world.namespace):
            simulated = SimulatedExporter(lab, Name(world.namespace, exporter.name))
            await stack.enter_async_context(serving(simulated))
        yield Bench(lab, api, await events)


async def until_credential(world: World, name: str = "ci") -> Plain:
    return await world.until("clients", name, credential_of)


async def lease_everything(world: World) -> None:
    """A lease in force, one that waits behind it, a gang, a reservation; and one of somebody else that waits, too."""
    world.lease("used", selector=A)
    await world.until_ready("used")
    world.lease("waiting", selector=A)
    await world.until_reason("waiting", "NotAvailable")
    gang(world, "both")
    await world.until_ready("both")
    world.lease("booked", exporterRef={"name": "bench-2"}, beginTime=after(hours=1))
    await world.until("leases", "booked", lambda it: it.get("status", {}).get("keptExporterRef"))
    world.lease("others", clientRef={"name": "other"}, selector=A)
    await world.until_reason("others", "NotAvailable")


MINE = ("used", "waiting", "both", "booked")


async def all_are_released(world: World, why: str) -> None:
    for name in MINE:
        ended = await world.until("leases", name, lambda it: it.get("status", {}).get("ended"))
        assert (reason_of(ended), message_of(ended)) == ("Released", why)
        assert ended["status"]["endTime"]


@pytest.fixture
def populated(world: World) -> World:
    for name, board in BOARDS.items():
        world.exporter(name, board=board)
    world.create("Client", "other", {})
    return world


async def test_deleting_a_client_releases_all_its_leases_and_nobody_elses(populated: World) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
        world.delete("clients", "ci")
        await all_are_released(world, DELETED)
        await world.until_ready("others")
        assert world.get("exporters", "bench-1")["status"]["leaseRef"]["name"] == "others"
        for name in ("dut", "peer", "bench-2"):
            await world.until_unclaimed(name)


async def test_disabling_a_client_releases_its_leases_until_it_is_enabled_again(populated: World) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
        world.patch("clients", "ci", {"spec": {"enabled": False}}).ok()
        await all_are_released(world, DISABLED)
        await world.until_ready("others")
        world.lease("refused", selector=A)  # an administrator's, in its name
        refused = await world.until("leases", "refused", lambda it: it.get("status", {}).get("ended"))
        assert message_of(refused) == DISABLED
        world.patch("clients", "ci", {"spec": {"enabled": True}}).ok()
        gang(world, "again")
        await world.until_ready("again")


async def test_deleting_a_clients_secret_releases_its_leases_and_makes_another(populated: World) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
        before, old = await until_credential(world), world.token("ci")
        world.delete("secrets", "ci-client")
        await all_are_released(world, REMOVED)
        await world.until_ready("others")
        assert "its leases are released" in await world.until_event("CredentialRemoved")

        await world.until("clients", "ci", lambda it: credential_of(it) not in (None, credential_of(before)))
        assert world.token("ci") != old
        gang(world, "again")
        await world.until_ready("again")


async def test_deleting_an_exporters_secret_ends_its_lease_and_makes_another(populated: World) -> None:
    world = populated
    async with operating(world) as bench:
        world.lease("used", selector=A)
        await world.until_ready("used")
        world.lease("others", exporterRef={"name": "bench-2"})
        await world.until_ready("others")
        before = await world.until("exporters", "bench-1", credential_of)
        exporter = bench.lab.exporter(Name(world.namespace, "bench-1"))
        assert exporter is not None
        with bench.lab.calling(exporter.uid, "") as revoked:
            world.delete("secrets", "bench-1-exporter")
            assert "was removed" in await asyncio.wait_for(revoked, 240)
        ended = await world.until("leases", "used", lambda it: it.get("status", {}).get("ended"))
        assert reason_of(ended) == "ExporterDeleted"
        assert message_of(ended) == 'the credential of exporter "bench-1" was removed; lease another exporter'
        await world.until("exporters", "bench-1", lambda it: credential_of(it) not in (None, credential_of(before)))
        assert "its connection and its lease end" in await world.until_event("CredentialRemoved")
        assert reason_of(world.get("leases", "others")) == "Ready"


async def test_a_token_that_is_replaced_ends_no_lease(populated: World) -> None:
    world = populated
    async with operating(world) as bench:
        await lease_everything(world)
        before = {name: world.get("leases", name)["status"] for name in MINE}
        secret = world.get("secrets", "ci-client")["metadata"]["uid"]
        first = world.token("ci")
        second, _ = await bench.lab.rotate_client_token(Name(world.namespace, "ci"), first)
        assert world.token("ci") == second != first
        with pytest.raises(TokenReplaced, match="use the new one"):
            await bench.lab.rotate_client_token(Name(world.namespace, "ci"), first)
        world.patch("secrets", "ci-client", {"data": {"token": None}}).ok()  # an administrator has a new one made
        await world.until("secrets", "ci-client", lambda it: "token" in it.get("data", {}))
        assert world.token("ci") not in (first, second)
        await bench.api.until_read(world.path("secrets", "ci-client"), 3)
        assert {name: world.get("leases", name)["status"] for name in MINE} == before
        assert world.get("secrets", "ci-client")["metadata"]["uid"] == secret


async def test_who_has_no_secret_any_more_can_not_have_a_new_token_made(world: World) -> None:
    async with operating(world) as bench:
        await until_credential(world)
        token = world.token("ci")
        world.delete("secrets", "ci-client")
        with pytest.raises(TokenReplaced):
            await bench.lab.rotate_client_token(Name(world.namespace, "ci"), token)


def delete_client(world: World) -> None:
    world.delete("clients", "ci")


def replace_client(world: World) -> None:
    world.delete("clients", "ci")
    world.create("Client", "ci", {}, {"team": "kernel"})


def delete_secret(world: World) -> None:
    world.delete("secrets", "ci-client")


def write_secret_back(world: World) -> None:
    """As `kubectl replace --force` does it, or whoever restores a backup of the Secret."""
    secret = world.get("secrets", "ci-client")
    world.delete("secrets", "ci-client")
    metadata = {key: secret["metadata"][key] for key in ("name", "ownerReferences")}
    world.client.create(world.path("secrets"), {"metadata": metadata, "data": secret["data"]}).ok()


@pytest.mark.parametrize(
    ("revoke", "why"),
    [(delete_client, DELETED), (replace_client, DELETED), (delete_secret, REMOVED), (write_secret_back, REMOVED)],
    ids=["client deleted", "client made anew", "secret deleted", "secret written back"],
)
async def test_what_is_revoked_while_no_operator_runs_is_released_by_the_next(
    populated: World, revoke: Callable[[World], None], why: str
) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
    token = world.token("ci")
    revoke(world)
    async with operating(world):
        await all_are_released(world, why)
        await world.until_ready("others")
        if revoke is not delete_client:
            await until_credential(world)
            assert world.token("ci") != token
            gang(world, "again")
            await world.until_ready("again")


@pytest.mark.parametrize(
    "refusal",
    [ApiUnreachable("it is away"), ApiRefused(403, "it may not"), ApiRefused(404, "page not found")],
    ids=["away", "forbidden", "not served"],
)
@pytest.mark.parametrize("kind", ["clients", "secrets"])
async def test_only_the_answer_that_it_is_gone_releases_a_lease(
    populated: World, kind: str, refusal: ApiRefused
) -> None:
    """What a watch tells is not enough, nor is any other refusal."""
    world, name = populated, "ci" if kind == "clients" else "ci-client"
    async with operating(world) as bench:
        world.lease("used", selector=A)
        await world.until_ready("used")
        bench.api.refuses = lambda _, path: refusal if path == world.path(kind, name) else None
        world.delete(kind, name)
        await bench.api.until_read(world.path(kind, name), 3)
        assert not world.get("leases", "used")["status"].get("ended")
        bench.api.refuses = lambda *_: None
        await world.until_reason("used", "Released")


async def test_a_client_that_only_the_snapshot_misses_keeps_its_leases(populated: World) -> None:
    world = populated
    async with operating(world) as bench:
        world.lease("used", selector=A)
        await world.until_ready("used")
        client = bench.lab.client(Name(world.namespace, "ci"))
        assert client is not None
        bench.tells(Client, "DELETED", client.to_plain())
        await bench.api.until_read(world.path("clients", "ci"), 1)
        world.patch("leases", "used", {"spec": {"duration": "20m"}}).ok()
        await world.until("leases", "used", lambda it: it["status"]["observedGeneration"] == 2)
        assert condition(world.get("leases", "used"), "Ready") == "True"


@pytest.mark.parametrize("made_anew", ["client", "secret"])
async def test_a_lease_is_not_taken_for_an_earlier_holders(populated: World, made_anew: str) -> None:
    """It was recorded by an operator that had not heard yet of the new client, or of the new Secret."""
    world = populated
    async with operating(world):
        old = await until_credential(world)
        (replace_client if made_anew == "client" else delete_secret)(world)
        there = await world.until("clients", "ci", lambda it: credential_of(it) not in (None, credential_of(old)))
        until_the_second_after(world, there["status"]["credential"]["creationTime"])
        world.lease("used", selector=A)
        held = (await world.until_ready("used"))["status"]["holder"]
    stale = {"uid": old["metadata"]["uid"], "credentialUid": credential_of(old)}
    world.patch("leases", "used/status", {"status": {"holder": stale}}).ok()
    async with operating(world):
        kept = await world.until("leases", "used", lambda it: it["status"]["holder"] == held)
        assert condition(kept, "Ready") == "True"


def credential_of(client: Plain) -> str | None:
    uid: str | None = client.get("status", {}).get("credential", {}).get("uid")
    return uid


def until_the_second_after(world: World, moment: str) -> None:
    """Objects tell whole seconds."""
    draft = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "draft"}}
    while (
        world.client.create(f"{world.path('secrets')}?dryRun=All", draft).ok()["metadata"]["creationTimestamp"]
        <= moment
    ):
        pass  # each answer is the wait


async def test_a_lease_that_was_handed_over_is_released_with_its_new_holder(populated: World) -> None:
    world = populated
    async with operating(world):
        await until_credential(world, "other")
        world.lease("used", selector=A)
        await world.until_ready("used")
        world.lease("kept", exporterRef={"name": "bench-2"})
        await world.until_ready("kept")
        world.patch("leases", "used", {"spec": {"clientRef": {"name": "other"}}}).ok()
        handed = world.get("clients", "other")["metadata"]["uid"]
        await world.until("leases", "used", lambda it: it["status"]["holder"]["uid"] == handed)
        world.delete("secrets", "ci-client")
        await world.until_reason("kept", "Released")
        assert condition(world.get("leases", "used"), "Ready") == "True"
        world.delete("secrets", "other-client")
        ended = await world.until_reason("used", "Released")
        assert 'client "other"' in message_of(ended)


async def test_a_lease_waits_for_a_client_that_is_still_to_be_made(populated: World) -> None:
    world = populated
    async with operating(world):
        world.lease("early", clientRef={"name": "late"}, selector=A)
        await world.until_reason("early", "NoAccess")
        uid = world.create("Client", "late", {})["metadata"]["uid"]
        ready = await world.until("leases", "early", lambda it: condition(it, "Ready") == "True")
        assert ready["status"]["holder"]["uid"] == uid
        world.delete("clients", "late")
        await world.until_reason("early", "Released")


async def test_looking_at_credentials_writes_nothing(populated: World) -> None:
    world = populated
    async with operating(world) as bench:
        await lease_everything(world)
        secret = world.path("secrets", "ci-client")
        await bench.api.until_read(secret, 10)
        bench.api.writes.clear()
        await bench.api.until_read(secret, 10)
        assert [write for write in bench.api.writes if "/events" not in write] == []


async def test_what_an_earlier_operator_did_not_record_is_recorded_and_stays(populated: World) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
    before = world.get("leases", "used")["status"]
    forget_holders(world)
    world.patch("clients", "ci/status", {"status": {"credential": {"uid": None}}}).ok()
    async with operating(world):
        await until_credential(world)
        after_ = await world.until("leases", "used", lambda it: it["status"].get("holder", {}).get("credentialUid"))
        assert {**after_["status"], "conditions": []} == {**before, "conditions": []}
        world.delete("secrets", "ci-client")
        await all_are_released(world, REMOVED)


async def test_what_runs_for_a_client_that_went_before_holders_were_recorded_is_released(populated: World) -> None:
    world = populated
    async with operating(world):
        await lease_everything(world)
    forget_holders(world)
    world.delete("clients", "ci")
    async with operating(world):
        for name in ("used", "both"):
            ended = await world.until("leases", name, lambda it: it["status"].get("ended"))
            assert message_of(ended) == DELETED


def forget_holders(world: World) -> None:
    for name in MINE:
        world.patch("leases", f"{name}/status", {"status": {"holder": None}}).ok()
