"""Run in a network namespace of its own: U-Boot in QEMU loads the file that is named from a boot server."""

import asyncio
import subprocess
import sys
import zlib
from pathlib import Path

from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.boot.server import BootServer

TAP = "tap0"
COMMANDS = (
    "link set lo up",
    f"tuntap add dev {TAP} mode tap",
    f"address add 192.0.2.1/24 dev {TAP}",
    f"link set {TAP} up",
)
NETWORK = ["-netdev", f"tap,id=net,ifname={TAP},script=no,downscript=no", "-device", "virtio-net-device,netdev=net"]


async def boot(kernel: Path, content: bytes) -> None:
    drivers = {"boot": BootServer(address="192.0.2.1"), "board": QemuBoard(arguments=NETWORK)}
    async with serve_async(**drivers) as lab:
        await lab.boot.put(kernel, name="kernel")
        await lab.board.power.on()
        console = lab.board.console
        await console.expect("stop autoboot", timeout=240)
        await console.send(" ")
        await console.expect("=> $", timeout=240)
        await console.send("setenv ipaddr 192.0.2.2; setenv netmask 255.255.255.0\n")
        await console.send(f"{await lab.boot.load_command('kernel')}\n")
        await console.expect(f"Bytes transferred = {len(content)}", timeout=240)
        await console.send("crc32 ${loadaddr} ${filesize}\n")
        found = await console.expect(r"==> ([0-9a-f]{8})", timeout=240)
        assert int(found.group(1), 16) == zlib.crc32(content)


for command in COMMANDS:
    subprocess.run(["ip", *command.split()], check=True)
FILE = Path(sys.argv[1])
asyncio.run(boot(FILE, FILE.read_bytes()))
