"""Run in a network and mount namespace of its own: files of a boot server are loaded from nfs-ganesha."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

from jumplab.testing import serve_async
from jumplab_exporter.drivers.boot.server import BootServer

HERE = "127.0.0.1"
CONFIGURATION = """
NFS_CORE_PARAM {{ Protocols = 3; Enable_NLM = false; Enable_RQUOTA = false; }}
EXPORT {{
  Export_Id = 1; Path = {0}; Pseudo = /boot; Protocols = 3; Access_Type = RO; Squash = All_Squash;
  Attr_Expiration_Time = 0;
  FSAL {{ Name = VFS; }}
}}
"""


def prepare(folder: Path, scratch: Path) -> list[list[str]]:
    """A network, and folders for the servers' state. Returns their commands: nfs-ganesha exports `folder`."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for state in ("/run", "/var/lib/nfs"):
        Path(state).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", state], check=True)
    for state in ("/run/rpcbind", "/run/ganesha", "/var/lib/nfs/ganesha"):
        Path(state).mkdir()
    settings = scratch / "ganesha.conf"
    settings.write_text(CONFIGURATION.format(folder))
    log = ["-L", str(scratch / "ganesha.log"), "-p", str(scratch / "ganesha.pid")]
    return [["rpcbind", "-f"], ["ganesha.nfsd", "-F", "-f", str(settings), *log]]


@asynccontextmanager
async def running(commands: list[list[str]]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    servers = [await asyncio.create_subprocess_exec(*command) for command in commands]
    try:
        yield servers
    finally:
        for server in servers:
            if server.returncode is None:
                server.kill()
            await server.wait()


def url_of(path: str) -> str:
    return "nfs://" + path.replace(":", "", 1)


async def loaded(path: str) -> bytes | None:
    """By a real client of NFS; None: it is not there."""
    process = await asyncio.create_subprocess_exec(
        "nfs-cat", url_of(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    content, _ = await process.communicate()
    return content if process.returncode == 0 else None


async def exported(folder: Path, servers: list[asyncio.subprocess.Process]) -> None:
    """Until it can be mounted."""
    while True:
        assert all(server.returncode is None for server in servers), "a server has ended"
        listing = await asyncio.create_subprocess_exec("nfs-ls", url_of(f"{HERE}:{folder}"), stderr=subprocess.DEVNULL)
        if await listing.wait() == 0:
            return


async def load(image: Path, kernel: bytes, folder: Path, commands: list[list[str]]) -> None:
    server = BootServer(address=HERE, tftp_port=None, http_port=None, nfs_folder=folder)
    async with running(commands) as servers, serve_async(boot=server) as lab:
        await exported(folder, servers)
        assert await lab.boot.nfs_path() == f"{HERE}:{folder}"
        for name in ("kernel", "boot/kernel"):
            await lab.boot.put(image, name=name)
            assert await loaded(await lab.boot.nfs_path(name)) == kernel
        await lab.boot.put(BytesIO(b"a newer one"), name="boot/kernel")
        assert await loaded(await lab.boot.nfs_path("boot/kernel")) == b"a newer one"
        await lab.boot.remove("kernel")
        assert await loaded(await lab.boot.nfs_path("kernel")) is None


SCRATCH = Path(sys.argv[1])
FOLDER, IMAGE = SCRATCH / "exported", SCRATCH / "Image"
FOLDER.mkdir()
KERNEL = os.urandom(3_000_001)
IMAGE.write_bytes(KERNEL)
asyncio.run(load(IMAGE, KERNEL, FOLDER, prepare(FOLDER, SCRATCH)))
