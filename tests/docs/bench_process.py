"""What stands on a bench: a board on a serial port, and a relay with an HTTP API that switches its power.

`python bench_process.py ADDRESS` listens at port 80 of the address and prints the path of the board's terminal.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from jumplab_exporter.drivers.board.firmware import Firmware
from jumplab_exporter.drivers.console.serial_device import SerialDevice


async def main(address: str) -> None:
    firmware = Firmware(lambda: b"")
    async with SerialDevice() as device:

        async def switch(request: web.Request) -> web.Response:
            if request.match_info["state"] == "on":
                await device.send(firmware.power_on())
            else:
                firmware.power_off()
            return web.Response()

        app = web.Application()
        app.router.add_get("/relay/1/{state:on|off}", switch)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, address, 80).start()
        print(device.path, flush=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_answer(device, firmware))
            tasks.create_task(_tick(device, firmware))


async def _answer(device: SerialDevice, firmware: Firmware) -> None:
    while typed := await device.receive():
        await device.send(firmware.feed(typed))


async def _tick(device: SerialDevice, firmware: Firmware) -> None:
    while True:
        await asyncio.sleep(1)
        await device.send(firmware.tick())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
