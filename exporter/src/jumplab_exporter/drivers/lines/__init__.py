"""Digital lines of the lab host, and what drives them: the seam between a line's kind and its use.

A line of each kind (a GPIO, DTR of a serial port, commands, nothing) is a `Line`; each use (digital output, button,
reset) is one more class. A driver is a line and a use of it.
"""
