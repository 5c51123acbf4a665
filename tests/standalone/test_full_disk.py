"""A disk that is full: what is stored can be read and watched, what can't be stored is refused, and nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from jumplab.protocol.client_v1 import client_pb2, client_pb2_grpc
from jumplab.transport.channel import open_channel
from jumplab_operator.errors import ApiFull
from jumplab_operator.kube.client import CUSTOM, path
from tests.kube.client import KubeClient
from tests.kube.servers import StandaloneApi
from tests.kube.waiting import eventually
from tests.small_disk import small_disk
from tests.worlds.one_machine import NAMESPACE, Plane, World, world_of

SECRETS = "/api/v1/namespaces/default/secrets"


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB; skips where none can be mounted."""
    with small_disk(tmp_path / "disk") as disk:
        yield disk.folder


def test_a_full_disk(small_disk: Path) -> None:
    with StandaloneApi(small_disk) as api:
        client = KubeClient(api.url, api.ca, api.token)
        kept = []
        big = {"a": "x" * 200_000}
        while (answer := client.create(SECRETS, {"metadata": {"name": f"s{len(kept)}"}, "stringData": big})).code < 300:
            kept.append(answer.body["metadata"]["name"])
            assert len(kept) < 1000
        assert answer.code == 507
        assert answer.body["reason"] == "InsufficientStorage"
        assert "nothing was changed" in answer.message
        assert "free some space" in answer.message
        stored = client.get(SECRETS).ok()
        assert sorted(kept) == sorted(item["metadata"]["name"] for item in stored["items"])
        since = int(stored["metadata"]["resourceVersion"]) - 1
        with client.watch(f"{SECRETS}?watch=true&resourceVersion={since}") as events:
            assert next(events)["object"]["metadata"]["name"] in kept
        client.close()


def test_space_that_is_freed_is_used(small_disk: Path) -> None:
    ballast = filler(small_disk)
    ballast.write_bytes(b"x" * 8 * 1024 * 1024)
    with StandaloneApi(small_disk) as api:
        client = KubeClient(api.url, api.ca, api.token)
        big = {"a": "x" * 200_000}
        made = 0
        while client.create(SECRETS, {"metadata": {"name": f"s{made}"}, "stringData": big}).code < 300:
            made += 1
        ballast.unlink()
        again = {"metadata": {"name": "again"}, "stringData": big}
        eventually(lambda: client.create(SECRETS, again).code in (201, 409), "writes succeed again")
        assert len(client.get(SECRETS).ok()["items"]) == made + 1
        client.close()
        api.kill()
        api.start()
        client = KubeClient(api.url, api.ca, api.token)
        assert len(client.get(SECRETS).ok()["items"]) == made + 1
        client.close()


def filler(disk: Path) -> Path:
    return disk / "ballast"


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_whole_control_plane_starts_on_a_full_disk(small_disk: Path, end: str) -> None:
    folder = small_disk / "data"
    plane = await Plane.started(folder)
    async with world_of(plane) as world:
        await world.create("Client", "clients", "ci", {})
        endpoint, client = await world.identity("Client", "clients", "ci")
    await (plane.stop() if end == "stop" else plane.kill())
    fill(small_disk)
    plane = await Plane.started(folder)
    async with world_of(plane) as world, open_channel(endpoint, identity=client) as channel:
        assert await world.kube.get(path(CUSTOM, "clients", NAMESPACE, "ci"))
        with pytest.raises(ApiFull, match="free some space on its disk"):
            await take_the_last(world)
        service = client_pb2_grpc.ClientServiceStub(channel)
        with pytest.raises(aio.AioRpcError, match="free some space on its disk") as refusal:
            await service.CreateLease(request())
        assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        filler(small_disk).unlink()
        await service.CreateLease(request())
        await world.until("leases", "a", lambda lease: bool(lease.get("status", {}).get("conditions")))
    plane.process.terminate()
    _, told = await plane.process.communicate()
    assert b"Traceback" not in told, told.decode()


async def take_the_last(world: World) -> None:
    for number in range(1000):
        await world.create("Client", "clients", f"c{number}", {}, annotations={"a": "x" * 50_000})


def request() -> client_pb2.CreateLeaseRequest:
    lease = client_pb2.Lease(selector="board=x", duration=Duration(seconds=60))
    return client_pb2.CreateLeaseRequest(parent=f"namespaces/{NAMESPACE}", lease_id="a", lease=lease)


def fill(disk: Path) -> None:
    with filler(disk).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
