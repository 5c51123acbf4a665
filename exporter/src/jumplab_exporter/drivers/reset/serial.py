"""DTR or RTS of a serial port as a reset."""

from jumplab_exporter.drivers.lines.serial import SerialPortLine
from jumplab_exporter.drivers.lines.uses import ResetLine


class SerialReset(SerialPortLine, ResetLine):
    """A reset on DTR or RTS of a serial port.  url: a device, `rfc2217://HOST:PORT`, or one of pyserial's URLs.

    signal: `dtr` or `rts`;  active_low: asserted is the lowered signal, not the raised one.
    The port may be that of a console in the same exporter; it is opened once then. Else it is opened at the first use.
    """
