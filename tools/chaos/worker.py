"""A client of the suite, as a process of its own: `python -m tools.chaos.worker TASK.json`.

It attaches to a lease and works until the lease ends, its own end is asked for, or it is killed; what it sees it writes
into its journal. Exit status 0 where all of it went as promised to a client.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jumplab
from jumplab.client.config import ClientConfig, parse_config, read_yaml
from jumplab.driver import AsyncGenericClient, errors
from jumplab.drivers.console.errors import ConsoleGap, ConsoleRestarted
from jumplab.transport.errors import Unreachable
from tools.chaos.drivers import answer_to
from tools.chaos.journal import Journal
from tools.chaos.lines import Follower

_CALLERS = 2
_LONGEST_CALL_SECONDS = 0.4
_NOTED_EVERY_BYTES = 1 << 14
_REREAD_EVERY_SECONDS = 4.0
_TYPED_EVERY_SECONDS = 0.25
_PAUSE_SECONDS = 0.1
_MOST_FAILURES_IN_A_ROW = 50


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is to do.

    config: a client's configuration file.  name: unlike any other worker's.  writes: it types and flashes, too; only
    one worker of a lease does.  image_kib: how large its images are at most.
    """

    config: str
    lease: str
    journal: str
    name: str
    seed: int
    writes: bool
    image_kib: int

    def command(self, file: Path) -> list[str | Path]:
        """Writes the task down; what runs it."""
        file.write_text(json.dumps(asdict(self)))
        return [sys.executable, "-m", "tools.chaos.worker", file]


class Worker:
    """The work of one process."""

    def __init__(self, task: Task, tally: AsyncGenericClient) -> None:
        self._task = task
        self._tally = tally
        self._journal = Journal(Path(task.journal))
        self._name = f"{task.name}.{os.getpid()}"
        self._random = random.Random(f"{self._name} {task.seed}")
        self._numbers = 0
        self._failures = 0

    async def work(self) -> None:
        """Does everything at once, until the session is over."""
        async with asyncio.TaskGroup() as tasks:
            for caller in range(_CALLERS):
                tasks.create_task(self._call(caller), name=f"caller {caller}")
            tasks.create_task(self._follow(), name="follower")
            tasks.create_task(self._reread(), name="rereader")
            if self._task.writes:
                tasks.create_task(self._flash(), name="flasher")
                tasks.create_task(self._type(), name="typist")

    async def _call(self, caller: int) -> None:
        """Numbered calls, one after the other."""
        while True:
            self._numbers += 1
            number = f"{self._name}/{caller}/{self._numbers}"
            seconds = self._random.random() ** 3 * _LONGEST_CALL_SECONDS
            self._journal.note("call", number=number)
            async with self._outcome("called", number=number) as told:
                answer = await self._tally.call("run", self._task.lease, number, seconds)
                told["outcome"] = "ok" if answer == answer_to(number) else "wrong"

    async def _follow(self) -> None:
        """The console from its beginning, as it comes."""
        follower = Follower()
        while True:
            async with self._outcome("followed"), self._tally.console.connect(0) as stream:
                await self._read(stream, follower, lambda: False)

    async def _reread(self) -> None:
        """The console from its beginning again and again, to where it is now."""
        while True:
            await asyncio.sleep(_REREAD_EVERY_SECONDS)
            async with self._outcome("reread"):
                end = (await self._tally.console.state()).end_offset
                async with self._tally.console.connect(0) as stream:
                    await self._read(stream, Follower(), lambda: stream.offset >= end)  # noqa: B023 - used here alone

    async def _read(self, stream: Any, follower: Follower, done: Callable[[], bool]) -> None:
        noted = 0
        while not done():
            try:
                data = await stream.receive()
            except ConsoleGap as gap:
                self._journal.note("gap", offset=gap.gap.offset, size=gap.gap.size_bytes)
                continue
            except ConsoleRestarted:
                self._note_console(follower)
                self._journal.note("restarted")
                follower.forget()
                continue
            if not data:
                break
            follower.take(stream.offset - len(data), data)
            if follower.checked - noted > _NOTED_EVERY_BYTES or follower.lost or follower.wrong:
                noted = self._note_console(follower)
        self._note_console(follower)

    def _note_console(self, follower: Follower) -> int:
        self._journal.note(
            "console",
            origin=follower.origin,
            first=follower.first,
            upto=follower.upto,
            checked=follower.checked,
            lost=follower.lost,
            wrong=follower.wrong,
        )
        follower.checked = follower.lost = follower.wrong = 0
        return 0

    async def _flash(self) -> None:
        """Images there and back."""
        with tempfile.TemporaryDirectory(prefix="jumplab-chaos-") as folder:
            image, back = Path(folder, "image"), Path(folder, "back")
            while True:
                made = self._random.randbytes(self._random.randint(1, self._task.image_kib << 10))
                await asyncio.to_thread(image.write_bytes, made)
                self._journal.note("flash", size=len(made))
                async with self._outcome("flashed", size=len(made)) as told:
                    await self._tally.storage.write_file(image)
                    await self._tally.storage.read_file(back, size_bytes=len(made))
                    told["outcome"] = "ok" if await asyncio.to_thread(back.read_bytes) == made else "corrupt"

    async def _type(self) -> None:
        """Lines for the device to write down."""
        number = 0
        while True:
            async with self._outcome("stopped typing"), self._tally.console.connect() as stream:
                while True:
                    number += 1
                    await stream.send(f"{self._task.lease} {self._name}/{number}\n".encode())
                    await asyncio.sleep(_TYPED_EVERY_SECONDS)

    @asynccontextmanager
    async def _outcome(self, kind: str, **facts: Any) -> AsyncIterator[dict[str, Any]]:
        """Notes how something ended. Where the session is over, it ends the work."""
        told: dict[str, Any] = {}
        try:
            yield told
        except errors.DriverError as error:
            told = {"outcome": type(error).__name__, "message": str(error)}
            self._failures += 1
            if isinstance(error, errors.SessionEnded) or self._failures > _MOST_FAILURES_IN_A_ROW:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            told.setdefault("outcome", "ok")
            self._failures = 0
        finally:
            self._journal.note(kind, **facts, **{"outcome": "interrupted", **told})


async def run(task: Task, config: ClientConfig, journal: Journal) -> None:
    """Attaches and works until the session ends.

    What keeps it from attaching in the first place it tries again, as whoever starts a test would: a session has to
    outlive what is done to it, and there is none yet.
    """
    working = asyncio.current_task()
    assert working is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    error: BaseException | None = None
    while error is None:
        attached = False
        try:
            async with jumplab.attach(task.lease, client=config, wait_timeout="2m") as root:
                journal.note("attached")
                attached = True
                await Worker(task, root.tally).work()
        except* jumplab.JumplabError as group:
            error = _first(group)
        if not attached and isinstance(error, Unreachable | errors.SessionLost):
            journal.note("not attached", error=type(error).__name__, message=str(error))
            error = None
            await asyncio.sleep(_PAUSE_SECONDS)
    journal.note("ended", error=type(error).__name__, message=str(error))


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def main() -> None:
    task = Task(**json.loads(Path(sys.argv[1]).read_text()))
    journal = Journal(Path(task.journal))
    config = parse_config(read_yaml(Path(task.config)), task.config)
    try:
        asyncio.run(run(task, config, journal))
    except asyncio.CancelledError:
        journal.note("asked to stop")


if __name__ == "__main__":
    main()
