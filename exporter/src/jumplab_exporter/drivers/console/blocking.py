"""Devices that pyserial opens: a terminal for us to use, or a port whose reads and writes block."""

import asyncio
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
# How a handler of pyserial's says that it has no such thing.
_LACKS = (NotImplementedError, AttributeError)
# What pyserial lets through where a device is lost beside OSError, which its own errors are.
_LOST = (OSError, ValueError, TypeError, termios.error)


def open_device(url: str, line: Line, warn: Callable[[str], None]) -> serial.Serial:
    """Opens a device or an URL of pyserial's; what was said before is discarded. Blocks.

    warn: hears a sentence for each thing that the URL's handler can't do; without it the console works all the same.
    Raises what pyserial does: OSError, ValueError, termios.error.
    """
    device = serial.serial_for_url(url, baudrate=line.baudrate, timeout=_READ_BOUND_SECONDS)
    try:
        for name, value in _wanted(line):
            _set(device, name, value, warn)
        _discard(device.reset_output_buffer, warn)
        _discard(device.reset_input_buffer, warn)
    except BaseException:
        device.close()
        raise
    return device


def _wanted(line: Line) -> Iterator[tuple[str, object]]:
    """pyserial's names and values for what differs from how it opens a port."""
    yield "write_timeout", _WRITE_BOUND_SECONDS
    plain = Line()
    if line.data_bits != plain.data_bits:
        yield "bytesize", line.data_bits
    if line.parity != plain.parity:
        yield "parity", _PARITIES[line.parity]
    if line.stop_bits != plain.stop_bits:
        yield "stopbits", line.stop_bits
    if line.flow_control != plain.flow_control:
        yield ("rtscts" if line.flow_control == "hardware" else "xonxoff"), True


def _set(device: serial.Serial, name: str, value: object, warn: Callable[[str], None]) -> None:
    before = getattr(device, name, None)
    try:
        setattr(device, name, value)
    except _LACKS:
        warn(f"pyserial has no {name} for this kind of URL, so the console goes without")
        with suppress(*_LACKS):
            setattr(device, name, before)  # pyserial keeps what it has refused, and refuses it again with the next


def _discard(reset: Callable[[], object], warn: Callable[[str], None]) -> None:
    try:
        reset()
    except _LACKS:
        warn("pyserial can't discard what is on its way for this kind of URL, so the console keeps it")


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
            warn("pyserial does not know how much there is to read for this kind of URL, so it is read byte by byte")

    async def read(self) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read)

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._write, data)

    async def aclose(self) -> None:
        if self._closing:
            return
        self._closing = True
        await asyncio.shield(asyncio.to_thread(self._close))

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
