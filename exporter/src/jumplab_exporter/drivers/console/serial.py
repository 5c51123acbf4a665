"""A serial port, or whatever else pyserial takes: RFC 2217 servers, sockets, `loop://`."""

import asyncio
import os
import socket
import stat
import struct
import termios
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.console.ports import Port, TerminalPort
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    import serial

# How long pyserial blocks where a read can't be cancelled: it bounds how long closing takes.
_READ_BOUND_SECONDS = 0.5
_WRITE_BOUND_SECONDS = 10.0


class SerialConsole(BufferedConsole):
    """The console on a serial port, 8N1.

    url: a device (prefer /dev/serial/by-id/…) or any URL of pyserial's;  baudrate: bits per second.

    What the device said before the port was opened is discarded, and what has not reached it when the port is closed.
    A port that can't be opened at the start fails the driver. One that is lost later is opened again as soon as it is
    back; what is typed meanwhile is refused.
    """

    url: str
    baudrate: int = 115200

    async def __aenter__(self) -> Self:
        self._first = await self._open()
        try:
            return await super().__aenter__()
        except BaseException:
            await self._first.aclose()
            raise

    async def _keep_listening(self) -> None:
        port: Port | None = self._first
        while True:
            backoff = Backoff()
            if port is None:
                port = await self._reopen(backoff)
            reason = "it has hung up"
            try:
                await self._listen(port)
            except OSError as error:
                reason = str(error)
            self.log.error("%s is lost: %s; it is opened again when it is back", self.url, reason)
            port = None

    async def _reopen(self, backoff: Backoff) -> Port:
        while True:
            await backoff.wait()
            try:
                port = await self._open()
            except OSError:
                continue
            self.log.info("%s is back", self.url)
            return port

    async def _write(self, data: bytes) -> None:
        if self._port is None:
            raise ConnectionError(f"{self.url} is lost; what was typed did not reach the device")
        await super()._write(data)

    async def _open(self) -> Port:
        try:
            device = await asyncio.to_thread(self._open_device)
        except (OSError, ValueError, termios.error) as error:
            raise ConnectionError(f"{self.url} can't be opened: {error}") from error
        if _is_url(self.url):
            return SerialPort(device)
        try:
            return TerminalPort(device.fileno())
        finally:
            device.close()

    def _open_device(self) -> serial.Serial:
        device = serial.serial_for_url(
            self.url, baudrate=self.baudrate, timeout=_READ_BOUND_SECONDS, write_timeout=_WRITE_BOUND_SECONDS
        )
        try:
            device.reset_output_buffer()
            device.reset_input_buffer()
        except BaseException:
            device.close()
            raise
        return device


class SerialPort:
    """A port that only pyserial knows, whose reads and writes block: they have threads of their own."""

    def __init__(self, device: serial.Serial) -> None:
        self._device = device
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="serial")
        self._closing = False

    async def read(self) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read)

    def _read(self) -> bytes:
        while not self._closing:
            first = self._device.read(1)
            if first:
                return bytes(first + self._device.read(self._device.in_waiting))
        return b""

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._device.write, data)

    async def aclose(self) -> None:
        if self._closing:
            return
        self._closing = True
        await asyncio.shield(asyncio.to_thread(self._close))

    def _close(self) -> None:
        _forget_unsent(self._device)
        self._threads.shutdown(wait=True, cancel_futures=True)
        with suppress(OSError, ValueError):  # a lost device has nothing to discard
            self._device.reset_output_buffer()
        self._device.close()


def _is_url(url: str) -> bool:
    return "://" in url


def _forget_unsent(device: serial.Serial) -> None:
    """Has the kernel drop what a socket has not sent yet when it is closed."""
    try:
        descriptor = device.fileno()
    except OSError:
        return  # not a socket, or one that its protocol flushes
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        with socket.socket(fileno=os.dup(descriptor)) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
