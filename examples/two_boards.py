"""Two boards at once: `python examples/two_boards.py`. Both leases end with their blocks, whatever happens."""

import asyncio

import jumplab


async def boot(board: jumplab.Leased) -> str:
    """Powers a board on and gives what it says up to its prompt."""
    async with board as drivers:
        await drivers.power.on()
        await drivers.console.send("\n")
        said: str = await drivers.console.expect("=> ", timeout=60)
        await drivers.power.off()
        return said


async def main() -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(boot(jumplab.lease("board=demo", duration="10m", wait_timeout="15m")))


if __name__ == "__main__":
    asyncio.run(main())
