"""Cancels calls of a server in this process, and prints how many bytes malloc has in use for each of them afterwards.

python -m tests.protocol.cancelled_calls WARMING_UP CALLS
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import AsyncIterator

from jumplab.protocol.grpc_loading import aio, grpc

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


async def main(warming_up: int, calls: int) -> None:
    async def echo(requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    server = aio.server()
    handlers = {"Echo": grpc.stream_stream_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = channel.stream_stream("/test/Echo")

        async def cancel(count: int) -> None:
            for _ in range(count):
                call = stub()
                await call.write(b"x")
                await call.read()
                reading = asyncio.create_task(call.read())
                await asyncio.sleep(0)
                call.cancel()
                await asyncio.wait({reading})

        await cancel(warming_up)
        before = _bytes_in_use()
        await cancel(calls)
        print((_bytes_in_use() - before) / calls)
    await server.stop(None)


def _bytes_in_use() -> int:
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo
    return int(mallinfo2().uordblks)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
