"""A control plane that a test plays, and exporters in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jumplab.audit_log import AuditLog
from jumplab_exporter.config import ExporterConfig
from jumplab_exporter.control.place import ControlPlace
from jumplab_exporter.exporter import Exporter
from jumplab_exporter.local_socket import short_path
from tests.exporter.control_plane import TOKEN, ControlPlane, Run


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    await plane.start()
    yield plane
    await plane.stop()


@pytest.fixture
def configured(plane: ControlPlane) -> Callable[..., dict[str, Any]]:
    """A configuration document for an exporter of that control plane."""

    def document(**changes: Any) -> dict[str, Any]:
        return {
            "apiVersion": "jumpstarter.dev/v1alpha1",
            "kind": "ExporterConfig",
            "metadata": {"namespace": "lab", "name": "bench"},
            "endpoint": plane.endpoint.address,
            "token": TOKEN,
            "tls": {"ca": plane.authority.certificate_pem.decode()},
            "export": {"power": {"type": "power/virtual"}},
            **changes,
        }

    return document


@pytest.fixture
def running(configured: Callable[..., dict[str, Any]]) -> Run:
    """An exporter that runs in this process until the context is left.  file: commands find it as that file's."""

    @asynccontextmanager
    async def run(
        *, audit_log: AuditLog | None = None, file: Path | None = None, **changes: Any
    ) -> AsyncIterator[Exporter]:
        with short_path() as local:
            place = ControlPlace(local.socket.parent, file) if file is not None and local.socket is not None else None
            configuration = ExporterConfig.model_validate(configured(**changes))
            exporter = Exporter(configuration, local, audit_log=audit_log, control_place=place)
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(exporter.run(), name="the exporter")
                try:
                    yield exporter
                finally:
                    if not task.done():
                        exporter.stop()

    return run
