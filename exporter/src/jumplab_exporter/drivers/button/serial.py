"""DTR or RTS of a serial port as a button."""

from jumplab_exporter.drivers.lines.serial import SerialPortLine
from jumplab_exporter.drivers.lines.uses import ButtonLine


class SerialButton(SerialPortLine, ButtonLine):
    """A button on DTR or RTS of a serial port.  url: a device, `rfc2217://HOST:PORT`, or one of pyserial's URLs.

    signal: `dtr` or `rts`;  active_low: pressed is the lowered signal, not the raised one.
    The port may be that of a console in the same exporter; it is opened once then. Else it is opened at the first use.
    """
