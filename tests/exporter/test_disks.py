"""What leases wrote onto a disk, over the exporter's death."""

import asyncio
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jumplab.driver import errors, on_progress
from jumplab_exporter.reports import Status
from tests.drivers.image_server import ImageServer, redirecting, serving
from tests.exporter.control_plane import ControlPlane
from tests.exporter.test_process import command, outcome

MIB = 1 << 20
LOOKS_LIKE_QCOW2 = b"QFI\xfb" + struct.pack(">IQI", 3, 512, 11) + bytes(492) + b"/etc/shadow"


async def test_a_write_that_a_killed_exporter_had_begun_is_begun_anew(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image, config = tmp_path / "image", tmp_path / "exporter.yaml"
    image.write_bytes(b"an image" * 8192)
    export = {"disk": {"type": "storage/disk", "config": {"path": str(tmp_path / "disk.img"), "size_mib": 1}}}
    config.write_text(yaml.safe_dump(configured(export=export)))
    taken = asyncio.Event()
    async with command("run", config) as process:
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            with on_progress(lambda _: taken.set()):
                async with session.root.disk.open("write", size_bytes=65536) as stream:
                    await stream.send(b"an image")
                    await taken.wait()
            process.kill()
            await process.wait()
    async with command("run", config):
        await plane.heard(Status.LEASE_READY, "a", times=2)
        async with plane.dial() as session:
            written = await session.root.disk.write(image, resume=True)
    assert written.size_bytes == 65536
    assert (tmp_path / "disk.img").read_bytes().startswith(image.read_bytes())
    assert "there is no interrupted write; writing from the beginning" in caplog.text


async def test_a_real_exporter_fetches_and_keeps_the_secrets_of_urls(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    secret, config, audit = "hunter2-is-nobodys-business", tmp_path / "exporter.yaml", tmp_path / "audit.jsonl"
    settings = {"path": str(tmp_path / "disk.img"), "size_mib": 1, "fetch_from": ["127.0.0.1"]}
    export = {"disk": {"type": "storage/disk", "config": settings}}
    config.write_text(yaml.safe_dump({**configured(export=export), "auditLog": {"file": str(audit)}}))
    async with serving(ImageServer(b"an image", breaks=[3])) as server, command("run", config, "-v") as process:
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            place = server.url.replace("//", f"//me:{secret}@")
            assert (await session.root.disk.fetch(f"{place}/image?signature={secret}")).size_bytes == 8
            server.answers["/moved"] = redirecting(f"http://me:{secret}@localhost:1/?signature={secret}")
            with pytest.raises(errors.CallRefused) as refused:
                await session.root.disk.fetch(f"{place}/moved?signature={secret}")
        process.terminate()
        assert process.stdout is not None
        output = (await process.stdout.read()).decode()
    assert (tmp_path / "disk.img").read_bytes().startswith(b"an image")
    assert f"fetching {server.url}/image\n" in output
    assert '"method":"fetch"' in audit.read_text().replace(" ", "")
    for text in (output, audit.read_text(), str(refused.value)):
        assert secret not in text


async def test_a_disk_that_looks_like_an_image_after_a_lease_is_served_again(
    plane: ControlPlane, configured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    disk, config = tmp_path / "disk.img", tmp_path / "exporter.yaml"
    export = {"disk": {"type": "storage/disk", "config": {"path": str(disk), "size_mib": 1}}}
    config.write_text(yaml.safe_dump(configured(export=export)))
    async with command("run", config) as process:
        plane.lease("a", remaining=3600)
        await plane.heard(Status.LEASE_READY, "a")
        async with plane.dial() as session:
            await session.root.disk.write(io.BytesIO(LOOKS_LIKE_QCOW2), unpack=False)
        process.kill()
        await process.wait()
    assert await outcome("check", "--file-only", config) == (0, "disk: FileDisk\n")
    async with command("run", config):
        await plane.heard(Status.LEASE_READY, "a", times=2)
        async with plane.dial() as session:
            copy = io.BytesIO()
            await session.root.disk.read(copy)
    assert copy.getvalue() == LOOKS_LIKE_QCOW2.ljust(MIB, b"\0")
