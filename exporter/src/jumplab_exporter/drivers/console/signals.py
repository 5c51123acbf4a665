"""What a serial line has beside its bytes, by ioctl: DTR, RTS, the break condition, and its speed (tty_ioctl(4))."""

import errno
import fcntl
import os
import struct
import termios

from jumplab_exporter.device_owner import is_pseudo_terminal
from jumplab_exporter.drivers.console.line import Level

# Of <asm-generic/ioctls.h>, which Python does not have; a machine with other numbers answers ENOTTY.
_TIOCSBRK = 0x5427
_TIOCCBRK = 0x5428
_TCGETS2 = 0x802C542A
_TERMIOS2 = struct.Struct("=4IB19s2I")

NO_LINES = "this device has no DTR and RTS"
NO_BREAK = "a pseudo terminal has no line that could send a break"


def set_modem_lines(descriptor: int, *, dtr: bool | None, rts: bool | None) -> None:
    """Raises or lowers both at once; None leaves one as it is.

    One after the other would be seen: circuits that reset a board look for the moment when they differ. Raises OSError,
    and NotImplementedError where the device has no such lines.
    """
    try:
        (lines,) = struct.unpack("I", fcntl.ioctl(descriptor, termios.TIOCMGET, bytes(4)))
        for bit, wanted in ((termios.TIOCM_DTR, dtr), (termios.TIOCM_RTS, rts)):
            if wanted is not None:
                lines = lines | bit if wanted else lines & ~bit
        fcntl.ioctl(descriptor, termios.TIOCMSET, struct.pack("I", lines))
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            raise NotImplementedError(NO_LINES) from error
        raise


def check_break(descriptor: int) -> None:
    """Raises NotImplementedError where there is no line: the kernel would say yes and do nothing."""
    if is_pseudo_terminal(os.fstat(descriptor)):
        raise NotImplementedError(NO_BREAK)


def begin_break(descriptor: int) -> None:
    """Holds the line in the break condition. Raises OSError, and NotImplementedError where there is no line."""
    check_break(descriptor)
    fcntl.ioctl(descriptor, _TIOCSBRK)


def end_break(descriptor: int) -> None:
    """Lets go of the line. Raises OSError."""
    fcntl.ioctl(descriptor, _TIOCCBRK)


def set_hangup(descriptor: int, hangup: Level) -> None:
    """Whether the last close lowers DTR and RTS (HUPCL). Raises termios.error."""
    if hangup == "unchanged":
        return
    attributes = termios.tcgetattr(descriptor)
    if hangup == "on":
        attributes[2] |= termios.HUPCL
    else:
        attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


def baudrate_of(descriptor: int) -> int:
    """The speed that the device's driver has set, 0 where it does not tell."""
    try:
        answer = fcntl.ioctl(descriptor, _TCGETS2, bytes(_TERMIOS2.size))
    except OSError:
        return 0
    return int(_TERMIOS2.unpack(answer)[-1])


def as_switch(level: Level) -> bool | None:
    """The same as `set_modem_lines` takes it."""
    return {"on": True, "off": False}.get(level)
