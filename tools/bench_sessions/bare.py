"""The machine's limits: the same bytes with nothing of ours on their way.

Run as a module, it is one of the processes that they pass through or end at; what it does, its first argument says.
"""

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jumplab.protocol.grpc_loading import aio, grpc
from jumplab_operator.controller.keys import Keys, server_certificate
from tools.bench.drivers import DONE

_BLOCK = bytes(256 << 10)
_PIPE_BYTES = 1 << 20
_BOUND_SECONDS = 30.0
_AUTHORITY, _KEY, _CERTIFICATE = "ca.crt", "server.key", "server.crt"


def loopback_mib_s(size_bytes: int) -> float:
    """From one process to another over TCP."""
    ours, theirs = _connection()
    with ours, theirs, _process("swallow", str(size_bytes), sockets=[theirs]) as taker:
        return _rate(size_bytes, ours.sendall, lambda: _done(taker))


def splice_mib_s(size_bytes: int) -> float:
    """The same through a third process, where the kernel moves the bytes from one socket to the other."""
    (ours, joined), (onward, theirs) = _connection(), _connection()
    splicing = _process("splice", sockets=[joined, onward])
    taking = _process("swallow", str(size_bytes), sockets=[theirs])
    with ours, joined, onward, theirs, splicing, taking as taker:
        return _rate(size_bytes, ours.sendall, lambda: _done(taker))


def relay_mib_s(folder: Path, size_bytes: int) -> float:
    """The same as messages over gRPC and TLS; the process between copies them, undecoded."""
    now = datetime.now(UTC)
    keys = Keys.make(now)
    names = _AUTHORITY, _KEY, _CERTIFICATE
    contents = keys.authority.trusted_pem, *server_certificate(keys.authority.signer, ["127.0.0.1"], now)
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content)
    with _process("relay", str(folder)) as relay:
        assert relay.stdout is not None
        port = relay.stdout.readline().decode().strip()
        with _process("take", str(folder), port, str(size_bytes)) as taker:
            return asyncio.run(_send(folder, port, size_bytes, taker))


async def _send(folder: Path, port: str, size_bytes: int, taker: "subprocess.Popen[bytes]") -> float:
    async with _channel(folder, port) as channel:
        call = _stream(channel)
        await call.write(b"hello")
        await call.read()  # the other end's: both are there
        begin = time.perf_counter()
        for _ in range(size_bytes // len(_BLOCK)):
            await call.write(_BLOCK)
        await asyncio.to_thread(_done, taker)
        return round(size_bytes / (time.perf_counter() - begin) / 2**20)


def _rate(size_bytes: int, send: Callable[[bytes], None], wait: Callable[[], None]) -> float:
    begin = time.perf_counter()
    for _ in range(size_bytes // len(_BLOCK)):
        send(_BLOCK)
    wait()
    return round(size_bytes / (time.perf_counter() - begin) / 2**20)


def _connection() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname()), server.accept()[0]


@contextmanager
def _process(
    role: str, *arguments: str, sockets: list[socket.socket] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """This module as a process of its own, which says when it is ready."""
    descriptors = [each.fileno() for each in sockets or []]
    command = [sys.executable, "-m", "tools.bench_sessions.bare", role, *map(str, descriptors), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=descriptors) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def _done(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    if process.stdout.read(len(DONE)) != DONE:
        raise RuntimeError(f"{process.args!r} did not get all bytes")


def _say(text: bytes) -> None:
    os.write(sys.stdout.fileno(), text)


def _swallow(descriptor: int, size_bytes: int) -> None:
    _say(b"ready\n")
    buffer, left = bytearray(1 << 20), size_bytes
    with socket.socket(fileno=descriptor) as taken:
        while left > 0 and (count := taken.recv_into(buffer)):
            left -= count
    _say(DONE)


def _splice(source: int, target: int) -> None:
    _say(b"ready\n")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    while count := os.splice(source, writer, _PIPE_BYTES):
        while count:
            count -= os.splice(reader, target, count)


async def _relay(folder: Path) -> None:
    waiting: list[tuple[Any, asyncio.Event]] = []

    async def copy(source: Any, target: Any) -> None:
        while (message := await source.read()) is not aio.EOF:
            await target.write(message)

    async def stream(_: object, context: Any) -> None:
        if not waiting:
            waiting.append((context, ended := asyncio.Event()))
            await ended.wait()
            return
        peer, ended = waiting.pop()
        try:
            await asyncio.gather(copy(context, peer), copy(peer, context))
        finally:
            ended.set()

    server = aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(stream)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare", {"Relay": handler}),))
    pair = (folder / _KEY).read_bytes(), (folder / _CERTIFICATE).read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    _say(f"ready\n{port}\n".encode())
    await server.wait_for_termination()


async def _take(folder: Path, port: str, size_bytes: int) -> None:
    async with _channel(folder, port) as channel:
        call = _stream(channel)
        await call.write(b"hello")
        _say(b"ready\n")
        await call.read()
        left = size_bytes
        while left > 0 and (message := await call.read()) is not aio.EOF:
            left -= len(message)
        _say(DONE)


def _channel(folder: Path, port: str) -> aio.Channel:
    credentials = grpc.ssl_channel_credentials((folder / _AUTHORITY).read_bytes())
    return aio.secure_channel(f"127.0.0.1:{port}", credentials)


def _stream(channel: aio.Channel) -> Any:
    return channel.stream_stream("/bare/Relay")(timeout=_BOUND_SECONDS)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["swallow", descriptor, size]:
            _swallow(int(descriptor), int(size))
        case ["splice", source, target]:
            _splice(int(source), int(target))
        case ["relay", place]:
            asyncio.run(_relay(Path(place)))
        case ["take", place, port, size]:
            asyncio.run(_take(Path(place), port, int(size)))
