"""A serial port, or whatever else pyserial takes: RFC 2217 servers, sockets, `loop://`."""

import asyncio
import termios
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from jumplab.transport.backoff import Backoff
from jumplab_exporter.drivers.console.buffered import BufferedConsole
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    import serial

# How long pyserial blocks where a read can't be cancelled: it bounds how long closing takes.
_READ_BOUND_SECONDS = 0.5
_WRITE_BOUND_SECONDS = 10.0


class SerialConsole(BufferedConsole):
    """The console on a serial port, 8N1.

    url: a device (prefer /dev/serial/by-id/…) or any URL of pyserial's;  baudrate: bits per second.

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
        port: SerialPort | None = self._first
        while True:
            backoff = Backoff()
            if port is None:
                port = await self._reopen(backoff)
            try:
                await self._listen(port)
            except OSError as error:
                self.log.error("%s is lost: %s; it is opened again when it is back", self.url, error)
            port = None

    async def _reopen(self, backoff: Backoff) -> "SerialPort":
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

    async def _open(self) -> "SerialPort":
        try:
            device = await asyncio.to_thread(
                serial.serial_for_url,
                self.url,
                baudrate=self.baudrate,
                timeout=_READ_BOUND_SECONDS,
                write_timeout=_WRITE_BOUND_SECONDS,
            )
        except (OSError, ValueError, termios.error) as error:
            raise ConnectionError(f"{self.url} can't be opened: {error}") from error
        return SerialPort(device)


class SerialPort:
    """A port of pyserial's, whose reads and writes block: they have threads of their own."""

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
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._device.close()
