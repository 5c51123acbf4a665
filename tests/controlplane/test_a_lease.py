"""One lease through a whole control plane, which is killed in the middle."""

import asyncio
import stat
from pathlib import Path

import grpc

from tests.worlds.one_machine import (
    CUSTOM,
    NAMESPACE,
    PATIENCE_SECONDS,
    Plane,
    WireExporter,
    World,
    code_of,
    dialled,
    ended,
    path,
    ready,
    running,
    world_of,
)


async def furnish(world: World) -> WireExporter:
    """A client "ci", an exporter "bench", and a lease "demo" that asks for it."""
    await world.create("Client", "clients", "ci", {})
    await world.create("Exporter", "exporters", "bench", {}, labels={"board": "x"})
    exporter = WireExporter(*await world.identity("Exporter", "exporters", "bench"))
    spec = {"clientRef": {"name": "ci"}, "selector": {"matchLabels": {"board": "x"}}, "duration": "10m"}
    await world.create("Lease", "leases", "demo", {**spec, "whenUnsatisfiable": "Wait"})
    return exporter


async def test_a_lease_becomes_ready_carries_a_session_and_its_release_cuts_it(plane: Plane) -> None:
    async with world_of(plane) as world, running(await furnish(world)):
        await world.until("leases", "demo", ready)
        endpoint, client = await world.identity("Client", "clients", "ci")
        async with dialled(endpoint, client, "demo") as stream:
            await stream.write(b"ping")
            assert await asyncio.wait_for(stream.read(), PATIENCE_SECONDS) == b"ping"
            await world.kube.merge(path(CUSTOM, "leases", NAMESPACE, "demo"), {"spec": {"release": True}})
            assert await code_of(stream) in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
        await world.until("leases", "demo", ended)
        await world.until("exporters", "bench", lambda exporter: "leaseRef" not in exporter["status"])


async def test_a_control_plane_that_is_killed_comes_back_to_its_lease(plane: Plane) -> None:
    async with world_of(plane) as world:
        exporter = await furnish(world)
        async with running(exporter):
            before = await world.until("leases", "demo", ready)
            await plane.kill()
            again = await Plane.started(plane.data_dir)
            try:
                endpoint, client = await world.identity("Client", "clients", "ci")
                await world.until(
                    "exporters",
                    "bench",
                    lambda found: any(
                        each["type"] == "Online" and each["status"] == "True" for each in found["status"]["conditions"]
                    ),
                )
                after = await world.until("leases", "demo", ready)
                assert after["metadata"]["uid"] == before["metadata"]["uid"]
                assert after["status"]["beginTime"] == before["status"]["beginTime"]
                assert not ended(after)
                async with dialled(endpoint, client, "demo") as stream:
                    await stream.write(b"still there")
                    assert await asyncio.wait_for(stream.read(), PATIENCE_SECONDS) == b"still there"
                await world.kube.delete(path(CUSTOM, "leases", NAMESPACE, "demo"))
                await world.until("exporters", "bench", lambda found: "leaseRef" not in found["status"])
            finally:
                await again.kill()


async def test_it_tells_how_to_use_it_and_keeps_secrets_to_its_owner(plane: Plane) -> None:
    kubeconfig: Path = plane.data_dir / "kubeconfig"
    assert f"export KUBECONFIG={kubeconfig}" in plane.text
    assert stat.S_IMODE(plane.data_dir.stat().st_mode) == 0o700
    for file in ("kubeconfig", "signing.key", "ca.key"):
        assert stat.S_IMODE((plane.data_dir / file).stat().st_mode) == 0o600


async def test_it_stops_when_asked(plane: Plane) -> None:
    assert await plane.stop() == 0
