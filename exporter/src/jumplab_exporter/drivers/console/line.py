"""How a serial line is set."""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from jumplab.protocol.durations import parse_duration

Parity = Literal["none", "odd", "even", "mark", "space"]
FlowControl = Literal["none", "hardware", "software"]
# The four bytes that RFC 2217 and the kernel have for it; 0 hangs up.
Baudrate = Annotated[int, Field(ge=1, le=2**32 - 1)]

_LONGEST_DELAY_SECONDS = 10.0


def _level(value: Any) -> Any:
    """YAML reads `on` and `off` as true and false."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _seconds(value: Any) -> Any:
    return parse_duration(value).total_seconds() if isinstance(value, str) else value


Level = Annotated[Literal["on", "off", "unchanged"], BeforeValidator(_level)]
# A duration, or a number of seconds.
Delay = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=_LONGEST_DELAY_SECONDS)]


@dataclass(frozen=True, slots=True)
class Line:
    """A line's settings.  baudrate: bits per second;  flow_control: `hardware` is RTS/CTS, `software` is XON/XOFF.

    dtr, rts: what these two signals are from the opening on.  hangup: whether closing lowers them (HUPCL).
    """

    baudrate: int = 115200
    data_bits: int = 8
    parity: Parity = "none"
    stop_bits: int = 1
    flow_control: FlowControl = "none"
    dtr: Level = "on"
    rts: Level = "on"
    hangup: Level = "unchanged"

    def chosen(self) -> list[str]:
        """The settings that are not the default ones, in the words of the configuration."""
        plain = Line()
        return [
            f"{each.name} {getattr(self, each.name)}"
            for each in fields(self)
            if getattr(self, each.name) != getattr(plain, each.name)
        ]
