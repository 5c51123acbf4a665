"""The debug port of a board in QEMU, with a real GDB."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jumplab.testing import serve_async
from jumplab_exporter.drivers.board.qemu import QemuBoard
from jumplab_exporter.drivers.debug.packets import encode

pytestmark = pytest.mark.needs("qemu")

PROGRAM = bytes.fromhex("00800091ffffff17")  # of AArch64: add x0, x0, #0x20 (32); then back to it, for ever
FREE = 0x48000000
"""Memory that U-Boot leaves alone."""


@asynccontextmanager
async def halted_board() -> AsyncIterator[Any]:
    """A board that has not executed an instruction yet."""
    async with serve_async(board=QemuBoard()) as lab:
        await lab.board.power.on()
        await lab.board.debug.reset(halt=True)
        yield lab.board


async def gdb(port: int, *commands: str) -> str:
    """What GDB prints."""
    words = [word for command in commands for word in ("-ex", command)]
    begin = ("-ex", "set architecture aarch64", "-ex", f"target remote 127.0.0.1:{port}")
    process = await asyncio.create_subprocess_exec(
        *("gdb-multiarch", "-nx", "-batch", *begin, *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return printed.decode()


@pytest.mark.needs("gdb")
async def test_gdb_reads_registers_and_memory_and_stops_at_a_breakpoint() -> None:
    async with halted_board() as board:
        loaded = await board.debug.load(io.BytesIO(PROGRAM), FREE)
        assert (loaded.address, loaded.size_bytes) == (FREE, 8)
        assert loaded.sha256 == hashlib.sha256(PROGRAM).hexdigest()
        assert await board.debug.is_halted()
        async with board.debug.forward() as here:
            said = await gdb(
                here.port,
                "info registers pc",
                f"x/2xw {FREE:#x}",
                f"set $pc = {FREE:#x}",
                "set $x0 = 1",
                f"hbreak *{FREE + 4:#x}",
                "continue",
                "info registers x0",
                "monitor info status",
            )
        assert "pc             0x0 " in said
        assert "0x91008000\t0x17ffffff" in said
        assert "Breakpoint 1, 0x0000000048000004" in said
        assert "x0             0x21 " in said
        assert "monitor commands are not carried out here" in said
        assert "VM status" not in said
        assert not await board.debug.is_halted()


async def test_the_monitor_is_out_of_reach_however_it_is_written() -> None:
    async with halted_board() as board, board.debug.forward() as here:
        reader, writer = await asyncio.open_connection(here.host, here.port)
        command = b"info status".hex().encode()
        inner = encode(b"qRcmd," + command)
        for packet in (
            inner,
            framed(b"qRcm}D," + command),  # `d`, escaped
            framed(b"\xdc$" + inner[1:-3]),  # one in the midst of another, with the same checksum
            b"$?" + inner,
        ):
            writer.write(packet)
            assert await answer(reader) == REFUSED
            writer.write(b"+")
        writer.write(encode(b"m0,4"))
        assert len(await answer(reader)) == 8
        writer.close()
        await writer.wait_closed()


async def test_a_debugger_that_goes_without_a_word_leaves_no_breakpoint() -> None:
    async with halted_board() as board:
        await board.debug.load(io.BytesIO(PROGRAM), FREE)
        async with board.debug.forward() as here:
            reader, writer = await asyncio.open_connection(here.host, here.port)
            for asked in (b"Z1,0,4", b"?"):
                writer.write(encode(asked))
                await answer(reader)
                writer.write(b"+")
            with pytest.raises(ValueError, match="a debugger is connected already"):
                await board.debug.load(io.BytesIO(b"x"), FREE)
            with pytest.raises(ValueError, match="a debugger is connected already"):
                await board.debug.resume()
            writer.transport.abort()
        await until_running(board)
        await board.debug.reset()  # over the address that had the breakpoint
        await board.console.expect("U-Boot", timeout=240)


async def test_a_second_debugger_is_refused() -> None:
    async with halted_board() as board, board.debug.open("connect") as first:
        await first.send(encode(b"?"))
        await first.receive()
        with pytest.raises(ValueError, match="a debugger is connected already; wait for the end of that"):
            async with board.debug.open("connect") as second:
                await second.result()


async def test_halt_resume_and_reset_need_no_debugger() -> None:
    async with halted_board() as board:
        assert await board.debug.is_halted()
        await board.debug.resume()
        assert not await board.debug.is_halted()
        await board.debug.halt()
        assert await board.debug.is_halted()
        await board.debug.reset()
        assert not await board.debug.is_halted()
        await board.debug.load(io.BytesIO(PROGRAM), FREE)
        assert not await board.debug.is_halted()


async def test_the_end_of_the_session_ends_a_debugger() -> None:
    async with serve_async(board=QemuBoard()) as lab:
        await lab.board.power.on()
        forward = lab.board.debug.forward()
        here = await forward.__aenter__()
        reader, writer = await asyncio.open_connection(here.host, here.port)
        writer.write(encode(b"?"))
        await answer(reader)
        lost = asyncio.create_task(reader.read(), name="what the debugger still gets")
    with pytest.raises(ConnectionError):
        await lost
    writer.close()
    await forward.__aexit__(None, None, None)


async def test_what_can_not_be_done_is_told_in_a_sentence() -> None:
    async with serve_async(board=QemuBoard()) as lab:
        debug = lab.board.debug
        for call in (debug.halt, debug.resume, debug.is_halted, debug.reset):
            with pytest.raises(ConnectionError, match="the board is powered off; power it on first"):
                await call()
        with pytest.raises(ConnectionError, match="the board is powered off"):
            await debug.load(io.BytesIO(b"x"), FREE)
        await lab.board.power.on()
        with pytest.raises(ValueError, match="there is nothing to load"):
            await debug.load(io.BytesIO(b""), FREE)
        with pytest.raises(OSError, match="there is no memory that takes 1 bytes at 0x7000000000"):
            await debug.load(io.BytesIO(b"x"), 0x70_0000_0000)
        assert not await debug.is_halted()


REFUSED = b"monitor commands are not carried out here: they would act on the lab host\n".hex().encode()


def framed(body: bytes) -> bytes:
    """A packet as it is: `encode` would escape what is in it."""
    return b"$%b#%02x" % (body, sum(body) % 256)


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next packet, less those that tell of a stop unasked."""
    while True:
        await reader.readuntil(b"$")
        body = (await reader.readuntil(b"#"))[:-1]
        await reader.readexactly(2)
        if not body.startswith(b"T02"):
            return body


async def until_running(board: Any) -> None:
    async with asyncio.timeout(240):
        while await board.debug.is_halted():
            pass
