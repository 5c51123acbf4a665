"""Both outputs of a command on one stream: pieces, each with one byte for its output and four for its length.

The byte is 1 for standard output and 2 for standard error; the length is in bytes, big-endian.
"""

import struct
from collections.abc import Iterator
from typing import Literal

from jumplab.driver.errors import InterfaceMismatch

Output = Literal["stdout", "stderr"]

_HEAD = struct.Struct(">BI")
_NUMBERS: dict[Output, int] = {"stdout": 1, "stderr": 2}
_OUTPUTS: dict[int, Output] = {number: output for output, number in _NUMBERS.items()}


def framed(output: Output, data: bytes) -> bytes:
    """A piece of an output as it travels."""
    return _HEAD.pack(_NUMBERS[output], len(data)) + data


class Unframing:
    """The pieces of a stream, however it is cut. What has come of a piece is passed on at once."""

    def __init__(self) -> None:
        self._head = b""
        self._output: Output = "stdout"
        self._missing_bytes = 0

    def receive(self, data: bytes) -> Iterator[tuple[Output, bytes]]:
        """The pieces in what has come. Iterate it to its end. Raises InterfaceMismatch for an unknown output."""
        while data:
            if self._missing_bytes:
                piece, data = data[: self._missing_bytes], data[self._missing_bytes :]
                self._missing_bytes -= len(piece)
                yield self._output, piece
                continue
            lacking = _HEAD.size - len(self._head)
            self._head, data = self._head + data[:lacking], data[lacking:]
            if len(self._head) == _HEAD.size:
                number, self._missing_bytes = _HEAD.unpack(self._head)
                self._head = b""
                if number not in _OUTPUTS:
                    raise InterfaceMismatch(
                        f"the exporter sends output {number} of a command, which this client does not know; update it"
                    )
                self._output = _OUTPUTS[number]
