"""Run in a network namespace of its own: a boot server whose address comes, goes, and comes again."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp

from jumplab.testing import serve_async
from jumplab_exporter.drivers.boot.server import BootServer

ADDRESS = "192.0.2.1"


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


async def load(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return await answer.read()


async def boot(file: Path, content: bytes) -> None:
    async with serve_async(boot=BootServer(address=ADDRESS, tftp_port=0, http_port=0)) as lab:
        await lab.boot.put(file, name="kernel")
        url = await lab.boot.url("kernel")
        for _ in range(2):
            try:
                await load(url)
                sys.exit("it was loaded from an address that is not there")
            except aiohttp.ClientConnectionError:
                pass
            ip(f"address add {ADDRESS}/32 dev lo")
            assert await load(url) == content
            ip(f"address del {ADDRESS}/32 dev lo")


ip("link set lo up")
FILE = Path(sys.argv[1])
asyncio.run(boot(FILE, FILE.read_bytes()))
