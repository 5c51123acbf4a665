"""A control plane in a process of its own, as a person starts it, and what stands around it."""

import asyncio
import base64
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from jumplab.protocol.v1 import common_pb2, controller_pb2
from jumplab.protocol.v1.controller_pb2_grpc import ControllerServiceStub
from jumplab.transport.channel import open_channel
from jumplab.transport.endpoint import Endpoint, Identity, Tls
from jumplab_operator.kube.access import KubeAccess, find
from jumplab_operator.kube.client import CORE, CUSTOM, KubeApi, connected, path

NAMESPACE = "default"

PATIENCE_SECONDS = 240
"""A bound that only a hang reaches."""


async def start(data_dir: Path, *options: str, log: Path | None = None) -> Process:
    """`jumplab-operator standalone`, not waited for.  log: gets its standard error, which is a pipe without."""
    command = [sys.executable, "-c", "from jumplab_operator.main import main; main()", "standalone"]
    given = ["--data-dir", str(data_dir), *options]
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(log.open("wb")) if log is not None else PIPE
        return await asyncio.create_subprocess_exec(*command, *given, stdout=PIPE, stderr=said)


@dataclass
class Plane:
    """A running control plane. `restart` kills it first, without a word."""

    data_dir: Path
    process: Process
    text: str

    @classmethod
    async def started(cls, data_dir: Path, log: Path | None = None) -> "Plane":
        process = await start(data_dir, "--port", "0", "--grpc-port", "0", log=log)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = (await process.stdout.readuntil(b"everything is kept in")).decode()
        return cls(data_dir, process, text)

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()

    async def stop(self) -> int:
        """Asks it to stop, as Ctrl-C does; its exit status."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def access(self) -> KubeAccess:
        return find(self.data_dir / "kubeconfig")


@dataclass
class World:
    """The lab as an administrator sees it."""

    kube: KubeApi

    async def create(self, kind: str, plural: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
        body = {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
        return await self.kube.create(path(CUSTOM, plural, NAMESPACE), body)

    async def until(self, plural: str, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Waits until what the API tells of an object holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = await self.kube.get(path(CUSTOM, plural, NAMESPACE, name))
                if found is not None and holds(found):
                    return found
                await asyncio.sleep(0.05)

    async def identity(self, kind: str, plural: str, name: str) -> tuple[Endpoint, Identity]:
        """What someone needs to come to the controller in this resource's name."""
        resource = await self.until(plural, name, lambda found: "credential" in found.get("status", {}))
        place = path(CORE, "secrets", NAMESPACE, resource["status"]["credential"]["name"])
        secret = await self.kube.get(place)
        assert secret is not None
        data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
        endpoint = Endpoint(resource["status"]["endpoint"], Tls(data["ca.crt"]))
        return endpoint, Identity(NAMESPACE, kind, name, data["token"].decode())


@asynccontextmanager
async def world_of(plane: Plane) -> AsyncIterator[World]:
    async with connected(plane.access) as kube:
        yield World(kube)


def ready(lease: dict[str, Any]) -> bool:
    conditions = lease.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def ended(lease: dict[str, Any]) -> bool:
    return bool(lease.get("status", {}).get("ended"))


class WireExporter:
    """An exporter at the wire: confirms what it is leased to, and echoes on each stream 0 that is offered."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        self._endpoint = endpoint
        self._identity = identity
        self._answered: set[str] = set()
        self._held = ""

    async def run(self) -> None:
        """Serves, and comes back after each loss, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                with contextlib.suppress(aio.AioRpcError):
                    async with open_channel(self._endpoint, identity=self._identity) as channel:
                        await self._connection(ControllerServiceStub(channel), tasks)
                await asyncio.sleep(0.1)

    async def _connection(self, controller: ControllerServiceStub, tasks: asyncio.TaskGroup) -> None:
        await controller.Register(controller_pb2.RegisterRequest())
        told = False
        async for status in controller.Status(controller_pb2.StatusRequest()):  # type: ignore[attr-defined]
            await self._follow(controller, status, told)
            told = True
            for offer in status.offers:
                if offer.router_token not in self._answered:
                    self._answered.add(offer.router_token)
                    tasks.create_task(self._echo(offer), name="echo")

    async def _follow(self, controller: ControllerServiceStub, status: Any, told: bool) -> None:
        """Says where it is: on a new connection, and after each change of the lease."""
        if self._held and status.lease_uid != self._held:
            await self._report(controller, common_pb2.EXPORTER_STATUS_AVAILABLE, self._held)
            self._held = ""
        elif not status.leased and not told:
            await self._report(controller, common_pb2.EXPORTER_STATUS_AVAILABLE, "")
        if status.leased and not (told and self._held):
            self._held = status.lease_uid
            await self._report(controller, common_pb2.EXPORTER_STATUS_LEASE_READY, self._held)

    async def _report(self, controller: ControllerServiceStub, status: Any, lease_uid: str) -> None:
        request = controller_pb2.ReportStatusRequest(status=status, lease_uid=lease_uid, epoch="e1")
        await controller.ReportStatus(request)

    async def _echo(self, offer: controller_pb2.RouterOffer) -> None:
        endpoint = Endpoint(offer.router_endpoint, self._endpoint.tls)
        with contextlib.suppress(aio.AioRpcError):
            async with open_channel(endpoint, token=offer.router_token) as channel:
                stream = channel.stream_stream("/jumplab.v1.RouterService/Stream")()
                while (message := await stream.read()) is not aio.EOF:
                    await stream.write(message)


@asynccontextmanager
async def running(exporter: WireExporter) -> AsyncIterator[None]:
    task = asyncio.create_task(exporter.run(), name="exporter")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def dialled(endpoint: Endpoint, client: Identity, lease: str) -> AsyncIterator[Any]:
    """Stream 0 of a session on the lease, as its holder opens it."""
    async with open_channel(endpoint, identity=client) as channel:
        answer = await ControllerServiceStub(channel).Dial(
            controller_pb2.DialRequest(lease_name=lease), timeout=PATIENCE_SECONDS
        )
    router = Endpoint(answer.router_endpoint, endpoint.tls)
    async with open_channel(router, token=answer.router_token) as channel:
        call = channel.stream_stream("/jumplab.v1.RouterService/Stream")(timeout=PATIENCE_SECONDS)
        yield call
        call.cancel()


async def code_of(call: Any) -> grpc.StatusCode:
    """The status that a stream ends with."""
    with contextlib.suppress(aio.AioRpcError):
        while await call.read() is not aio.EOF:
            pass
    code: grpc.StatusCode = await call.code()
    return code
