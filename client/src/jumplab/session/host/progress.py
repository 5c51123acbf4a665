"""The progress of one call on its way from driver to client: the latest state, a few times a second."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from jumplab.driver.progressing import Progress, reporting_to
from jumplab.protocol.v1.session_pb2 import CallProgress, Frame
from jumplab.session.channel import FrameChannel

_PAUSE_SECONDS = 0.1


class ProgressReports:
    """Passes on what `put` gets, at once and then ten times a second at the most.  send: runs in the event loop."""

    def __init__(self, send: Callable[[Progress], None]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._busy = False
        self._closed = False

    def put(self, progress: Progress) -> None:
        """Takes the latest word. Never waits; from any thread."""
        self._latest = progress
        if not self._busy and not self._closed:
            self._busy = True
            with contextlib.suppress(RuntimeError):  # a driver's thread may outlive the event loop
                self._loop.call_soon_threadsafe(self._pass_on)

    def close(self) -> None:
        """The call has ended: passes on the last word. What comes later is nobody's."""
        self._closed = True
        self._flush()

    def _pass_on(self) -> None:
        if self._closed:
            return
        self._flush()
        self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        # Free before looking: progress that another thread reports in between is then sent by itself.
        self._busy = False
        if self._latest is not None:
            self._busy = True
            self._pass_on()

    def _flush(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None:
            self._send(latest)


@contextlib.contextmanager
def sending_progress(channel: FrameChannel, call_id: int) -> Iterator[None]:
    """What the driver says of the call's progress goes to the client."""

    def send(progress: Progress) -> None:
        message = CallProgress(id=call_id, done=progress.done, total=progress.total, text=progress.text)
        channel.post_latest(call_id, Frame(call_progress=message))

    reports = ProgressReports(send)
    try:
        with reporting_to(reports.put):
            yield
    finally:
        reports.close()
