"""Where a lease stands while it is waited for, on standard error: one line that changes, or without a terminal a line
for each change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from jumplab.cli.exit_status import one_line, print_note
from jumplab.cli.terminal_lines import has_cursor, write_over
from jumplab.client.controller import Controller
from jumplab.client.local_moments import format_local, in_local_time
from jumplab.protocol.durations import format_duration
from jumplab.transport.errors import TransportError

_ASKING_SECONDS = 10.0
_LIVE_SECONDS = 1.0


class WaitingLine:
    """The line of one lease. `notify` takes its pending reasons; after the waiting it prints each as a line."""

    def __init__(self, controller: Controller, lease: str) -> None:
        self._controller = controller
        self._lease = lease
        self._live = has_cursor()
        self._waiting = False
        self._reason = ""
        self._shown_reason = ""
        self._shown = ""
        self._changed = asyncio.Event()

    def notify(self, sentence: str) -> None:
        """Takes a sentence on why the lease waits."""
        if not self._waiting:
            print_note(sentence)
            return
        self._reason = sentence
        self._changed.set()

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Shows the line while the context lasts."""
        self._waiting = True
        showing = asyncio.create_task(self._show_live() if self._live else self._show_changes(), name="waiting line")
        try:
            yield
        finally:
            self._waiting = False
            showing.cancel()
            if self._live:
                write_over("")
            elif self._reason != self._shown_reason:
                print_note(self._reason)

    async def _show_live(self) -> None:
        begin = asked = asyncio.get_running_loop().time()
        standing = ""
        while True:
            await self._until_changed(_LIVE_SECONDS)
            now = asyncio.get_running_loop().time()
            if self._changed.is_set() or now - asked > _ASKING_SECONDS:
                self._changed.clear()
                asked = now
                standing = "".join(await self._standing())
            waited = format_duration(timedelta(seconds=round(now - begin)))
            if standing:
                write_over(f"{one_line(standing, 'jumplab')} (waited {waited})")

    async def _show_changes(self) -> None:
        while True:
            await self._until_changed(_ASKING_SECONDS)
            self._changed.clear()
            reason = self._reason
            sentence, begin = await self._standing()
            if sentence != self._shown:  # another expected begin alone is not worth a line in a log
                self._shown = sentence
                print_note(sentence + begin)
            self._shown_reason = reason

    async def _until_changed(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _standing(self) -> tuple[str, str]:
        """What is to be shown: where the lease stands, or why it waits; and its expected begin."""
        try:
            position = (await self._controller.explain_lease(self._lease)).queue_position
        except TransportError:  # whoever waits for the lease says so
            position = None
        if position is None:
            return self._reason, ""
        message, begins, when = in_local_time(position.message).partition("; expected to begin ")
        sentence = f'lease "{self._lease}": {message}'
        if begins or position.expected_begin is None:  # the message itself says from when to when
            return sentence, begins + when
        return sentence, f"; expected to begin at {format_local(position.expected_begin, datetime.now(UTC))}"
