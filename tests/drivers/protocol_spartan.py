"""A kind of URL for pyserial that has nothing but reads and writes, as one of a driver author's own may."""

from typing import Any

from serial.urlhandler import protocol_loop


class Serial(protocol_loop.Serial):
    """`spartan://`: says what is typed."""

    _write_timeout: Any  # attributes of pyserial's, which its types leave out
    _parity: Any

    def from_url(self, url: str) -> None:
        assert url == "spartan://"

    @property
    def in_waiting(self) -> int:
        raise NotImplementedError

    def _reconfigure_port(self) -> None:
        if self._write_timeout is not None:
            raise NotImplementedError("write_timeout is not supported")
        if self._parity != "N":
            raise NotImplementedError

    def open(self) -> None:
        self._opening = True
        super().open()
        self._opening = False

    def reset_input_buffer(self) -> None:
        self._reset()

    def reset_output_buffer(self) -> None:
        self._reset()

    def _reset(self) -> None:
        if not self._opening:
            raise NotImplementedError

    cancel_read: Any = None
    cancel_write: Any = None
