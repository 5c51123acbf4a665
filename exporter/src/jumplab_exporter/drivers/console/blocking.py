"""Devices that pyserial opens: a terminal for us to use, or a port whose reads and writes block."""

import asyncio
import re
import termios
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    import serial

# How long pyserial blocks where a read can't be cancelled: it bounds how long closing takes.
_READ_BOUND_SECONDS = 0.5
_WRITE_BOUND_SECONDS = 10.0
_PARITIES = {
    "none": serial.PARITY_NONE,
    "odd": serial.PARITY_ODD,
    "even": serial.PARITY_EVEN,
    "mark": serial.PARITY_MARK,
    "space": serial.PARITY_SPACE,
}
_FLOW_CONTROLS = {"hardware": "rtscts", "software": "xonxoff"}
# Raised by pyserial's URL handlers for what they don't have.
_LACKS = (NotImplementedError, AttributeError)
# Raised by pyserial where a device is lost or closed meanwhile; its own errors are OSErrors.
_LOST = (OSError, ValueError, TypeError, termios.error)


def open_device(url: str, line: Line, warn: Callable[[str], None]) -> serial.Serial:
    """Opens a device or an URL of pyserial's, and discards earlier output. Blocks.

    warn: called with a sentence for each thing that this kind of port can't do; the console works without it.
    Raises OSError where it can't be opened, ValueError where the URL is wrong.
    """
    try:
        device = serial.serial_for_url(url, baudrate=line.baudrate, timeout=_READ_BOUND_SECONDS)
        try:
            _prepare(device, line, warn)
        except BaseException:
            device.close()
            raise
    except termios.error as error:
        raise OSError(*error.args) from error
    except re.error as error:  # of hwgrep
        raise ValueError(str(error)) from error
    return device


def _prepare(device: serial.Serial, line: Line, warn: Callable[[str], None]) -> None:
    for words, name, value in _wanted(line):
        _set(device, words, name, value, warn)
    try:
        device.reset_output_buffer()
        device.reset_input_buffer()
    except _LACKS:
        warn("this kind of port can't discard output from before the lease, so the console begins with it")


def _wanted(line: Line) -> Iterator[tuple[str, str, object]]:
    """Settings that pyserial does not open a port with by itself: in our words, its name, and the value."""
    yield "a time limit for writing", "write_timeout", _WRITE_BOUND_SECONDS
    plain = Line()
    if line.data_bits != plain.data_bits:
        yield f"data_bits {line.data_bits}", "bytesize", line.data_bits
    if line.parity != plain.parity:
        yield f"parity {line.parity}", "parity", _PARITIES[line.parity]
    if line.stop_bits != plain.stop_bits:
        yield f"stop_bits {line.stop_bits}", "stopbits", line.stop_bits
    if line.flow_control != plain.flow_control:
        yield f"flow_control {line.flow_control}", _FLOW_CONTROLS[line.flow_control], True


def _set(device: serial.Serial, words: str, name: str, value: object, warn: Callable[[str], None]) -> None:
    before = getattr(device, name, None)
    try:
        setattr(device, name, value)
    except (*_LACKS, ValueError, termios.error) as error:
        reason = error.args[-1] if error.args else "this kind of port has no such setting"
        warn(f"it can't be opened with {words} ({reason}), so the console works without")
        with suppress(*_LACKS):
            setattr(device, name, before)  # pyserial keeps what it has refused, and refuses it again with the next


class BlockingPort:
    """A port that only pyserial knows, whose reads and writes block: they have threads of their own."""

    def __init__(self, device: serial.Serial, warn: Callable[[str], None]) -> None:
        self._device = device
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="serial")
        self._closing = False
        try:
            device.in_waiting  # noqa: B018
            self._counts = True
        except _LACKS:
            self._counts = False
            warn("this kind of port can't tell how much there is to read, so it is read byte by byte")

    async def read(self) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read)

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._write, data)

    async def aclose(self) -> None:
        if self._closing:
            return
        self._closing = True
        closing = asyncio.create_task(asyncio.to_thread(self._close), name="closing a serial port")
        try:
            await asyncio.shield(closing)
        finally:
            await asyncio.wait([closing])  # also where this is cancelled: the next lease opens the same device

    def _read(self) -> bytes:
        try:
            while not self._closing:
                first = self._device.read(1)
                if first:
                    more = self._device.in_waiting if self._counts else 0
                    return bytes(first + self._device.read(more)) if more else bytes(first)
        except _LOST as error:
            raise ConnectionResetError(str(error)) from error
        return b""

    def _write(self, data: bytes) -> None:
        try:
            self._device.write(data)
        except _LOST as error:
            raise ConnectionResetError(str(error)) from error

    def _close(self) -> None:
        with suppress(*_LOST, *_LACKS):
            self._device.cancel_write()
        self._threads.shutdown(wait=True, cancel_futures=True)
        with suppress(*_LOST, *_LACKS):  # a lost device has nothing to discard
            self._device.reset_output_buffer()
        with suppress(*_LOST):
            self._device.close()
