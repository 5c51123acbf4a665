"""Drivers that end their process, or keep it from serving."""

import asyncio
import ctypes
import os
import signal
from abc import abstractmethod
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

from jumplab.driver import ByteStream, Driver, DriverInterface, progress, stream


class CrashingInterface(DriverInterface):
    """What its driver does when it is asked."""

    @abstractmethod
    async def process(self) -> int: ...
    @abstractmethod
    async def count(self) -> int: ...
    @abstractmethod
    async def refuse(self, text: str) -> str: ...
    @abstractmethod
    async def say(self, text: str) -> None: ...
    @abstractmethod
    async def note(self, words: str) -> None: ...
    @abstractmethod
    async def report(self, done: int) -> None: ...
    @abstractmethod
    async def crash(self, kind: str) -> None: ...
    @abstractmethod
    async def crash_once(self, marker: str) -> str: ...
    @abstractmethod
    async def hold(self) -> None: ...
    @abstractmethod
    async def allocate(self, size_bytes: int) -> int: ...
    @abstractmethod
    async def spawn(self) -> int: ...
    @abstractmethod
    def items(self, count: int) -> AsyncIterator[int]: ...
    @abstractmethod
    @stream
    async def echo(self, channel: ByteStream) -> int: ...
    @abstractmethod
    @stream(bulk=True)
    async def upload(self, channel: ByteStream) -> str: ...


class Crashing(CrashingInterface, Driver):
    """set_up: how its set-up ends the process; journal: a file for what it has done."""

    set_up: str = ""
    never_torn_down: bool = False
    journal: str = ""
    _count = 0

    async def __aenter__(self) -> "Crashing":
        await super().__aenter__()
        self._note("set up")
        if self.set_up:
            await self.crash(self.set_up)
        return self

    async def __aexit__(self, *_: object) -> None:
        while self.never_torn_down:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue
        self._note("torn down")

    def _note(self, words: str) -> None:
        if self.journal:
            with Path(self.journal).open("a") as file:
                file.write(f"{words}\n")

    async def process(self) -> int:
        return os.getpid()

    async def count(self) -> int:
        self._count += 1
        return self._count

    async def refuse(self, text: str) -> str:
        raise ValueError(f"{text!r} is not wanted")

    async def say(self, text: str) -> None:
        self.log.warning("%s", text)

    async def note(self, words: str) -> None:
        self._note(words)

    async def report(self, done: int) -> None:
        progress(done, 10, "reporting")

    async def crash(self, kind: str) -> None:
        match kind:
            case "null":
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case _:
                os.kill(os.getpid(), signal.Signals[kind])

    def crash_once(self, marker: str) -> str:
        if not Path(marker).exists():
            Path(marker).touch()
            os._exit(3)
        return "alive"

    async def hold(self) -> None:
        ctypes.PyDLL(None).sleep(3600)  # a library's call that does not let go of the interpreter

    async def allocate(self, size_bytes: int) -> int:
        return len(bytearray(size_bytes))

    async def spawn(self) -> int:
        process = await asyncio.create_subprocess_exec("sleep", "3600")
        return process.pid

    async def items(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    async def echo(self, channel: ByteStream) -> int:
        total = 0
        while data := await channel.receive():
            total += len(data)
            await channel.send(data)
        await channel.send_end()
        return total

    async def upload(self, channel: ByteStream) -> str:
        digest = sha256()
        while data := await channel.receive():
            digest.update(data)
        return digest.hexdigest()


class AskingForIsolation(Crashing):
    """Is isolated unless its configuration says otherwise."""

    ISOLATE = True
