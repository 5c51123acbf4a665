"""How a serial line is set."""

from dataclasses import dataclass
from typing import Literal

Parity = Literal["none", "odd", "even", "mark", "space"]
FlowControl = Literal["none", "hardware", "software"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line's settings.  baudrate: bits per second;  flow_control: `hardware` is RTS/CTS, `software` is XON/XOFF."""

    baudrate: int = 115200
    data_bits: int = 8
    parity: Parity = "none"
    stop_bits: int = 1
    flow_control: FlowControl = "none"
