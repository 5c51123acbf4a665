"""Frames that a client gets unasked: log lines, and the exporter's state."""

from jumplab.protocol.v1.common_pb2 import LOG_SOURCE_SYSTEM
from jumplab.protocol.v1.session_pb2 import Frame, LogLine
from jumplab.session.channel import FrameChannel


class Pushes:
    """Pushes to one client over its channel.

    While it does not read, lines are lost and of several changes of status the last one is kept: it is told of both as
    soon as it reads again.
    """

    def __init__(self, channel: FrameChannel) -> None:
        self._channel = channel
        self._lost_lines = 0
        self._status: Frame | None = None
        channel.on_writable = self._catch_up

    def push(self, frame: Frame) -> None:
        """Takes a log line or a change of status. Never waits."""
        if not self._channel.crowded:
            self._channel.post(frame)
        elif frame.HasField("status_change"):
            self._status = frame
        else:
            self._lost_lines += 1

    def _catch_up(self) -> None:
        if self._lost_lines:
            lost = f"{self._lost_lines} lines were lost"
            self._lost_lines = 0
            self._channel.post(Frame(log_line=LogLine(source=LOG_SOURCE_SYSTEM, severity="WARNING", message=lost)))
        if self._status is not None:
            status, self._status = self._status, None
            self._channel.post(status)
