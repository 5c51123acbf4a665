"""What all flashers share: targets by name, an image that arrives whole, and a tool that never outlives its call."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

from jumplab.driver import ByteStream, Driver
from jumplab.drivers.flasher import Flashed, FlasherInterface, FlashTarget
from jumplab_exporter.drivers.flasher.image import Image, Place
from jumplab_exporter.drivers.flasher.tool_output import Sign, ToolOutput
from jumplab_exporter.drivers.shell_commands import CommandTimeout
from jumplab_exporter.drivers.sizes import Size
from jumplab_exporter.drivers.tools import Tool
from jumplab_exporter.processes.child import Child
from jumplab_exporter.processes.clean_environment import clean_environment

_READ_BYTES = 65536
_SHOWN_CHARACTERS = 500
_SHOWN_LINES = 3
_LAST_OUTPUT_SECONDS = 1.0

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=64)]
"""Of a target, or a partition: nothing that a tool takes for an option."""


class TargetSettings(BaseModel):
    """A target.  size: how much it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """A tool that has ended.  log: the end of what it printed;  verified: whether it says that it has compared."""

    status: int
    log: str
    verified: bool

    @property
    def shown(self) -> str:
        """Its last lines, as the end of a sentence."""
        last = "; ".join(self.log.splitlines()[-_SHOWN_LINES:])
        return f": {last[-_SHOWN_CHARACTERS:]}" if last else ", and it printed nothing"


class ToolFlasher(FlasherInterface, Driver):
    """A flasher that runs a program for each call.

    tool: the program;  signs: how its output is read.  A subclass names what its `targets` are, and has the three
    methods at the end.
    """

    tool: ClassVar[Tool]
    signs: ClassVar[Sequence[Sign]]

    targets: Mapping[Name, TargetSettings]
    timeout: CommandTimeout = timedelta(minutes=10)
    _busy_with: str = ""

    async def check(self) -> None:
        """Looks whether the program is installed, and runs nothing: a board is often not in a mode to be flashed."""
        self.tool.find()

    async def flash(self, stream: ByteStream, *, target: str, size_bytes: int | None = None) -> Flashed:
        with self._at_work("flashing", target):
            place = await self._place(target)
            with Image(target, place) as image:
                await image.receive(stream, size_bytes)
                ran = await self._write(target, place, image)
                self._require_success(ran, f'flashing "{target}"')
                return Flashed(
                    target=target,
                    size_bytes=image.size_bytes,
                    sha256=image.sha256,
                    verified=ran.verified,
                    log=ran.log,
                )

    async def erase(self, target: str) -> None:
        with self._at_work("erasing", target):
            ran = await self._clear(target, await self._place(target))
            self._require_success(ran, f'erasing "{target}"')

    async def list_targets(self) -> list[FlashTarget]:
        return [FlashTarget(name=name, size_bytes=self.targets[name].size) for name in sorted(self.targets)]

    async def run_tool(
        self, *words: str, files: Sequence[int] = (), timeout: timedelta | None = None, quiet: bool = False
    ) -> Ran:
        """Runs the program until its end, whatever its exit status; cancelled, it is killed with all that it started.

        files: descriptors that it reads as /dev/fd/N.  quiet: what it prints is not logged. Raises FileNotFoundError,
        and TimeoutError once `timeout` is over (None: the setting's).
        """
        program, limit = self.tool.find(), (timeout or self.timeout).total_seconds()
        output = ToolOutput(() if quiet else self.signs, (lambda _: None) if quiet else self._say)
        status: int | None = None
        async with (
            await Child.start((program, *words), environment=clean_environment(), inherited_descriptors=files) as child,
            asyncio.TaskGroup() as tasks,
        ):
            hearing = tasks.create_task(_hear(child, output), name=f"output of {self.tool.name}")
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    status = await child.wait()
            await child.kill()
            # A process that left its group may hold the output open for ever.
            await asyncio.wait([hearing], timeout=_LAST_OUTPUT_SECONDS)
            hearing.cancel()
        ran = Ran(-1 if status is None else status, output.end, output.verified)
        if status is None:
            raise TimeoutError(f"{self.tool.name} did not end within {limit:g} s and was killed{ran.shown}")
        return ran

    def _say(self, line: str) -> None:
        self.log.info("%s", line)

    @contextmanager
    def _at_work(self, doing: str, target: str) -> Iterator[None]:
        if target not in self.targets:
            raise ValueError(f'there is no target "{target}" here; there are: {", ".join(sorted(self.targets))}')
        if self._busy_with:
            raise ValueError(f"it is busy {self._busy_with}; wait for the end of that")
        self._busy_with = f'{doing} "{target}"'
        try:
            yield
        finally:
            self._busy_with = ""

    def _require_success(self, ran: Ran, doing: str) -> None:
        """Raises OSError."""
        if ran.status != 0:
            raise OSError(
                f"{self.tool.name} failed with exit status {ran.status} while {doing}, which may be half done now"
                f"{ran.shown}"
            )

    @abstractmethod
    async def _place(self, target: str) -> Place:
        """Where an image for a target goes, as the device says it. Raises OSError where it does not answer."""

    @abstractmethod
    async def _write(self, target: str, place: Place, image: Image) -> Ran:
        """Flashes an image."""

    @abstractmethod
    async def _clear(self, target: str, place: Place) -> Ran:
        """Erases a target."""


async def _hear(child: Child, output: ToolOutput) -> None:
    while data := await child.output.read(_READ_BYTES):
        output.feed(data)
    output.feed(b"")
