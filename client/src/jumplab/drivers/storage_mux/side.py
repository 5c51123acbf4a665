"""Where a mux connects its storage."""

from typing import Literal

Side = Literal["host", "dut", "off"]
"""The lab host, the device under test, or neither."""
