"""Devices that pyserial opens: a terminal for us to use, or a port whose reads and writes block."""

import asyncio
import errno
import grp
import os
import re
import termios
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from jumplab_exporter import device_owner
from jumplab_exporter.drivers.console import absence, signals
from jumplab_exporter.drivers.console.line import Line
from jumplab_exporter.drivers.extras import needing

with needing("serial"):
    import serial

# How long pyserial blocks where a read can't be cancelled: it bounds how long closing takes.
_READ_BOUND_SECONDS = 0.5
_WRITE_BOUND_SECONDS = 10.0
# How far both ends of a line may be apart (8N1: half a bit after ten, shared by the two).
_TOLERANCE = 0.025
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


def open_device(url: str, line: Line, warn: Callable[[str], None], *, discard: bool) -> serial.Serial:
    """Opens a device or an URL of pyserial's for this process alone. Blocks.

    warn: called with a sentence for each thing that this kind of port can't do; the console works without it.
    discard: whether what it has said before is dropped.
    Raises NotThereYet where the device may still come, another OSError where it can't be opened, DeviceInUse among
    them, and ValueError where the URL or a setting is wrong.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    device: serial.Serial | None = None
    try:
        device = serial.serial_for_url(
            url, do_not_open=True, baudrate=line.baudrate, timeout=_READ_BOUND_SECONDS, exclusive=True
        )
        _open(device, line, warn)
        try:
            _prepare(device, line, warn, discard=discard)
        except BaseException:
            close_device(device)
            raise
    except termios.error as error:
        raise _explained(OSError(*error.args), device, scheme) from error
    except OSError as error:
        raise _explained(error, device, scheme) from error
    except re.error as error:  # of hwgrep
        raise ValueError(str(error)) from error
    return device


def is_terminal(device: serial.Serial) -> bool:
    """Whether it is a device of this machine; pyserial's other handlers only look like one."""
    return isinstance(device, serial.Serial)


def close_device(device: serial.Serial) -> None:
    """Closes it, for others to open."""
    if is_terminal(device):
        with suppress(OSError):
            device_owner.release(device.fileno())
    device.close()


def _open(device: serial.Serial, line: Line, warn: Callable[[str], None]) -> None:
    if is_terminal(device):
        _open_terminal(device, line, warn)
        return
    for name, level in (("dtr", line.dtr), ("rts", line.rts)):
        if level != Line().dtr:
            _set(device, f"{name} {level}", name, level == "on", warn)
    device.open()


def _open_terminal(device: serial.Serial, line: Line, warn: Callable[[str], None]) -> None:
    """As pyserial opens one, but it drops nothing that has arrived, and both signals change at once."""
    kept = dict.fromkeys(("_reset_input_buffer", "_update_dtr_state", "_update_rts_state"), lambda: None)
    vars(device).update(kept)
    try:
        device.open()
    finally:
        for name in kept:
            del vars(device)[name]
    try:
        device_owner.take(device.fileno(), str(device.name))
        _set_signals(device.fileno(), line, warn)
        if refusal := baudrate_refusal(signals.baudrate_of(device.fileno()), line.baudrate):
            raise ValueError(refusal)
        if others := device_owner.holders(str(device.name)):
            warn(f"{' and '.join(map(str, others))} has it open as well, and may take bytes that the device says")
    except BaseException:
        close_device(device)
        raise


def _set_signals(descriptor: int, line: Line, warn: Callable[[str], None]) -> None:
    signals.set_hangup(descriptor, line.hangup)
    try:
        signals.set_modem_lines(descriptor, dtr=signals.as_switch(line.dtr), rts=signals.as_switch(line.rts))
    except NotImplementedError as error:
        chosen = [f"{name} {level}" for name, level in (("dtr", line.dtr), ("rts", line.rts)) if level == "off"]
        if chosen:
            warn(f"{error}, so {' and '.join(chosen)} has no effect")


def baudrate_refusal(found: int, wanted: int) -> str:
    """Why a line can't be used at the speed that its driver has set, or "".  found: 0 where it does not tell."""
    if not found or abs(found - wanted) <= wanted * _TOLERANCE:
        return ""
    return f"the device sets {found} baud, not {wanted}; set a baudrate that it takes"


def _explained(error: OSError, device: serial.Serial | None, scheme: str) -> OSError:
    """The same, as what it means for the console."""
    number = absence.errno_of(error)
    path = "" if device is None else str(device.name)
    if number in device_owner.REFUSALS and not isinstance(error, device_owner.DeviceInUse):
        return device_owner.in_use(path)
    if number in (errno.EACCES, errno.EPERM):
        return PermissionError(f"permission denied; {_remedy(path)}")
    if number == errno.ENOTTY:
        return OSError("it is no serial device; name one, such as /dev/ttyUSB0")
    return absence.of_device(error, scheme) or error


def _remedy(path: str) -> str:
    """How the exporter's user gets to use a device."""
    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return "let the exporter's user read and write the device"
    return f"the device belongs to the group {group}: add the exporter's user to it, and start the exporter again"


def _prepare(device: serial.Serial, line: Line, warn: Callable[[str], None], *, discard: bool) -> None:
    for words, name, value in _wanted(line):
        _set(device, words, name, value, warn)
    if not discard:
        return
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

    async def send_break(self, seconds: float) -> None:
        await self._signal("break_condition", True)
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.shield(self._signal("break_condition", False))

    async def set_lines(self, *, dtr: bool | None, rts: bool | None) -> None:
        if is_terminal(self._device):
            await asyncio.to_thread(signals.set_modem_lines, self._device.fileno(), dtr=dtr, rts=rts)
            return
        for name, value in (("dtr", dtr), ("rts", rts)):
            if value is not None:
                await self._signal(name, value)

    async def aclose(self) -> None:
        if self._closing:
            return
        self._closing = True
        closing = asyncio.create_task(asyncio.to_thread(self._close), name="closing a serial port")
        try:
            await asyncio.shield(closing)
        finally:
            await asyncio.wait([closing])  # also where this is cancelled: the next lease opens the same device

    async def _signal(self, name: str, value: bool) -> None:
        if name == "break_condition" and value and is_terminal(self._device):
            signals.check_break(self._device.fileno())
        try:
            await asyncio.to_thread(setattr, self._device, name, value)
        except _LACKS as error:
            raise NotImplementedError(f"this kind of port has no {name.removesuffix('_condition')}") from error

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
            close_device(self._device)
