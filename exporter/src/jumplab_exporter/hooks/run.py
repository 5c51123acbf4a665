"""Runs one hook."""

import asyncio
from collections.abc import Callable, Mapping

from jumplab_exporter.config import Hook
from jumplab_exporter.hooks.command import command_of
from jumplab_exporter.hooks.surroundings import environment_for
from jumplab_exporter.processes.child import Child

_LONGEST_LINE_BYTES = 4096
_LAST_OUTPUT_SECONDS = 1.0


async def run(name: str, hook: Hook, environment: Mapping[str, str], on_line: Callable[[str], None]) -> str:
    """Runs a hook to its end: why it failed as a sentence, or "".

    environment: what it finds there besides what any command sees. Each line of its output goes to `on_line`. At its
    timeout, at its end, and when this is cancelled, everything it has started in its process group is killed; what is
    to stay needs a session of its own (setsid).
    """
    try:
        started = await Child.start(command_of(hook), environment=environment_for(name, environment))
    except OSError as error:  # its text is too long for the system, or there is no more room for a process
        return f"hook {name} could not be started: {error.strerror or error}"
    async with started as child, asyncio.TaskGroup() as tasks:
        output = tasks.create_task(_pass_lines(child.output, on_line), name=f"output of {name}")
        try:
            async with asyncio.timeout(hook.timeout_seconds):
                code = await child.wait()
        except TimeoutError:
            code = None
        await child.kill()
        # What moved to a session of its own may hold the output open for ever.
        await asyncio.wait([output], timeout=_LAST_OUTPUT_SECONDS)
        output.cancel()
    return _failure_sentence(name, hook, code)


def _failure_sentence(name: str, hook: Hook, code: int | None) -> str:
    if code is None:
        return f"hook {name} was killed after its timeout of {hook.timeout_seconds:g} s"
    if code == 0:
        return ""
    if code > 128:
        return f"hook {name} was ended by signal {code - 128}"
    return f"hook {name} failed with exit status {code}"


async def _pass_lines(output: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    """Cuts lines that are too long, so that a hook can't fill the memory."""
    rest = b""
    while data := await output.read(_LONGEST_LINE_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            on_line(line.decode(errors="replace").rstrip("\r"))
        if len(rest) >= _LONGEST_LINE_BYTES:
            on_line(rest.decode(errors="replace"))
            rest = b""
    if rest:
        on_line(rest.decode(errors="replace"))
